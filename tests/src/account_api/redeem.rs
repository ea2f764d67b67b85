//! Redemptions over the API: once for each owner, by its own key or a service key, and one answer for every wrong code.

use super::codes::redeem;
use super::holds::{body_of, is_replayed, sent};
use super::*;
use crate::codes::{code_of, made, make, text};

const PATH: &str = "/v1/redeem";
const FIVE: i128 = 5_000_000_000;

/// A request without an idempotency key.
fn post<'r>(body: &'r str, key: &str) -> Sent<'r> {
    Sent::post(PATH, body.as_bytes()).with("authorization", format!("Bearer {key}"))
}

fn of(owner: &str, number: u128) -> String {
    json!({ "code": text(number).printed(), "owner": owner }).to_string()
}

#[tokio::test(start_paused = true)]
async fn code_is_redeemed_once_by_its_owner_or_by_the_shop() {
    let world = world().await;
    make(&world, 7, 10, None).await;
    let first = redeem(&world, &text(7).printed(), "key-of-alice").await;
    let answer = body_of(&first);
    let receipt = answer["receipt"].as_str().expect("a receipt").to_owned();
    let expected = json!({
        "receipt": receipt, "processedAt": now().to_string(), "kind": "redeem", "owner": "alice", "asset": "credits",
        "amount": "5",
    });
    assert_eq!((first.status, &answer, is_replayed(&first)), (201, &expected, false));
    // In every spelling, by either key, on another day, and under an idempotency key or none.
    let typed = text(7).printed().to_lowercase().replace('-', " ");
    let rows = [
        (json!({ "code": typed }).to_string(), "key-of-alice"),
        (of("alice", 7), "key-of-alice"),
        (of("alice", 7), "hs_grant"),
        (of("alice", 7), "hs_admin"),
    ];
    for (body, key) in &rows {
        let reply = at(&world, post(body, key).with("idempotency-key", *key), now().plus_seconds(DAY)).await;
        assert_eq!((reply.status, &reply.body, is_replayed(&reply)), (201, &first.body, true), "{key}");
    }
    // The first redemption of an owner makes the account.
    let new = sent(&world, post(&of("dora", 7), "hs_grant")).await;
    assert_eq!((new.status, body_of(&new)["owner"].as_str()), (201, Some("dora")), "{}", new.body);
    let books = world.books();
    books.check();
    assert_eq!(["alice/credits", "dora/credits"].map(|account| books.balance(account)), [3 * FIVE, FIVE]);
    let line = shown(&world, "/v1/accounts/alice/statement", "limit=1", "key-of-alice", now()).await;
    assert_eq!((&line["lines"][0]["id"], &line["lines"][0]["kind"]), (&json!(receipt), &json!("redeem")));
}

/// Another code of a campaign that is redeemed once finds the first redemption, with what that gave.
#[tokio::test(start_paused = true)]
async fn once_per_campaign_gives_the_first_redemption() {
    let world = world().await;
    for (number, credits) in [(7, "5"), (8, "9")] {
        let once_per = ledger::OncePer::Campaign;
        made(&world, ledger::Code { once_per, credits: amount(credits), ..code_of(number, 1) }).await;
    }
    let first = redeem(&world, text(7).as_str(), "key-of-alice").await;
    let second = redeem(&world, text(8).as_str(), "key-of-alice").await;
    assert_eq!((first.status, second.status, is_replayed(&second)), (201, 201, true));
    assert_eq!(second.body, first.body);
    assert_eq!(world.books().balance("alice/credits"), 3 * FIVE);
}

/// Each key, for alice and for bob; `-` names no owner.
#[tokio::test(start_paused = true)]
async fn key_redeems_for_its_owner_or_within_its_scope() {
    const KEYS: [(&str, [u16; 3]); 13] = [
        ("key-of-alice", [201, 404, 201]),
        ("key-of-bob", [404, 201, 201]),
        ("key-of-carol", [404, 404, 201]),
        ("hs_read", [403, 403, 403]),
        ("hs_spend", [403, 403, 403]),
        ("hs_orders", [403, 403, 403]),
        ("hs_keys", [403, 403, 403]),
        ("hs_grant", [201, 201, 400]),
        ("hs_admin", [201, 201, 400]),
        ("hs_old", [401, 401, 401]),
        ("hs_unknown", [401, 401, 401]),
        ("unknown", [401, 401, 401]),
        ("-", [401, 401, 401]),
    ];
    for (key, statuses) in KEYS {
        for (owner, status) in ["alice", "bob", "-"].into_iter().zip(statuses) {
            let world = world().await;
            make(&world, 7, 10, None).await;
            let before = world.books();
            let body = if owner == "-" { json!({ "code": text(7).as_str() }).to_string() } else { of(owner, 7) };
            let request = if key == "-" { Sent::post(PATH, body.as_bytes()) } else { post(&body, key) };
            let reply = sent(&world, request).await;
            assert_eq!(reply.status, status, "{key} for {owner}: {}", reply.body);
            assert_eq!(world.books() == before, status != 201, "{key} for {owner}");
            let is_hidden = reply.body == r#"{"error":"account_not_found","message":"No such account."}"#;
            assert_eq!(is_hidden, status == 404, "{key} for {owner}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_wrong_code_gets_one_answer() {
    let world = world().await;
    let (used_up, ended, revoked) = (1, 2, 3);
    make(&world, used_up, 1, None).await;
    make(&world, ended, 1, Some(now())).await;
    made(&world, ledger::Code { revoked_at: None, ..code_of(revoked, 1) }).await;
    let body = r#"{"reason":"r"}"#;
    assert_eq!(redeem(&world, text(used_up).as_str(), "key-of-bob").await.status, 201);
    let delete = Sent { method: "DELETE", ..super::holds::post("/v1/codes/spring", body, "hs_grant", "d1") };
    assert_eq!(sent(&world, delete).await.status, 200);
    let before = world.books();
    let unknown = text(99).printed();
    let typed = ["", "0000", "UUUU-UUUU-UUUU-UUUU", &unknown, "\u{e9}"].map(str::to_owned);
    let codes = typed.into_iter().chain([used_up, ended, revoked].map(|number| text(number).printed()));
    for code in codes {
        for (body, key) in
            [(json!({ "code": code }), "key-of-alice"), (json!({ "code": code, "owner": "alice" }), "hs_grant")]
        {
            let reply = sent(&world, post(&body.to_string(), key)).await;
            let expected = r#"{"error":"code_not_found","message":"No such code, or it can no longer be redeemed."}"#;
            assert_eq!((reply.status, reply.body.as_str()), (404, expected), "{code} by {key}");
        }
    }
    let after = world.books();
    assert_eq!((after.accounts, after.journal, after.codes), (before.accounts, before.journal, before.codes));
}

/// Ten wrong codes in an hour, and the owner waits for the next hour, with a right one too. What it has redeemed is no
/// guess, and another owner's guesses are not its own.
#[tokio::test(start_paused = true)]
async fn guesses_are_limited_for_each_owner() {
    let world = world().await;
    make(&world, 7, 10, None).await;
    make(&world, 8, 10, None).await;
    assert_eq!(redeem(&world, text(7).as_str(), "key-of-alice").await.status, 201);
    for number in 0..10 {
        let body = of("alice", 100 + number);
        let key = if number % 2 == 0 { "key-of-alice" } else { "hs_grant" };
        assert_eq!(sent(&world, post(&body, key)).await.status, 404);
    }
    let before = world.books();
    for (number, key) in [(8, "key-of-alice"), (999, "key-of-alice"), (8, "hs_admin")] {
        let reply = sent(&world, post(&of("alice", number), key)).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (429, Some("too_many_wrong_codes")));
        let seconds: i64 = header(&reply, "retry-after").expect("a time").parse().expect("seconds");
        assert_eq!((now().unix_s() + seconds) % 3_600, 0, "the next hour");
    }
    assert_eq!(world.books(), before);
    assert_eq!(redeem(&world, text(7).as_str(), "key-of-alice").await.status, 201, "a repeat");
    assert_eq!(redeem(&world, text(8).as_str(), "key-of-bob").await.status, 201);
    let body = of("alice", 8);
    assert_eq!(at(&world, post(&body, "key-of-alice"), now().plus_seconds(3_600)).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn invalid_request_redeems_nothing_and_counts_nothing() {
    let world = world().await;
    make(&world, 7, 10, None).await;
    let before = world.books();
    let rows = [
        ("key-of-alice", "{}", 400, "code_missing"),
        ("key-of-alice", r#"{"code":null}"#, 400, "code_missing"),
        ("key-of-alice", r#"{"code":7}"#, 400, "code_invalid"),
        ("key-of-alice", r#"{"code":"0","owner":7}"#, 400, "owner_invalid"),
        ("key-of-alice", r#"{"code":"0","reason":"r"}"#, 400, "unknown_field"),
        ("key-of-alice", r#"{"code":"0","code":"1"}"#, 400, "duplicate_field"),
        ("key-of-alice", "[]", 400, "body_invalid"),
        ("hs_grant", r#"{"code":"0"}"#, 400, "owner_missing"),
        ("hs_grant", r#"{"code":"0","owner":"a/b"}"#, 400, "owner_invalid"),
    ];
    for (key, body, status, code) in rows {
        let reply = sent(&world, post(body, key)).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (status, Some(code)), "{body}: {}", reply.body);
    }
    assert_eq!(world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn fault_at_any_call_leaves_one_redemption() {
    const BODY: &str = r#"{"code":"0000-0000-0000-0007","owner":"alice"}"#;
    assert!(BODY.contains(&text(7).printed()));
    let with_code = async || {
        let world = world().await;
        make(&world, 7, 1, None).await;
        world
    };
    fault_leaves_one(with_code, || post(BODY, "hs_grant"), 201, 3).await;
    fault_leaves_one(with_code, || post(BODY, "key-of-alice"), 201, 3).await;
}
