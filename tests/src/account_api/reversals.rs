//! Reversals over the API: a charge is given back once, and never more than it was.

use ledger::Ledger as _;

use super::holds::{body_of, is_replayed, post, sent};
use super::*;
const PATH: &str = "/v1/reversals";
const PART: &str = r#"{"use":"evt_1","amount":"1.5","reason":"a wrong price"}"#;
const WHOLE: &str = r#"{"use":"evt_1","reason":"a wrong price"}"#;

/// Alice has used four credits of her ten, and for nothing; and too much, which is refused.
async fn used_world() -> World {
    let world = world().await;
    committed(&world, &used("alice", "evt_1", "4"), 0).await;
    committed(&world, &used("alice", "free", "0"), 0).await;
    let Decision::Record(mut entry) = used("alice", "refused", "100") else { panic!("an entry") };
    let [Effect::Move(movement)] = entry.effects.as_mut_slice() else { panic!("a movement") };
    movement.guard = Guard::SufficientFunds;
    let refused = world.ledger(0).commit(&Decision::Record(entry), &context(5)).await;
    assert!(refused.is_err(), "{refused:?}");
    world
}

fn balance(books: &Books) -> i128 {
    books.balance("alice/credits").checked_div(100_000_000).expect("tenths")
}

#[tokio::test(start_paused = true)]
async fn charge_is_given_back_once_and_answers_with_its_receipt() {
    for (body, amount, expected) in [(PART, "1.5", 75), (WHOLE, "4", 100)] {
        let world = used_world().await;
        let first = at(&world, post(PATH, body, "hs_grant", "k1"), now().plus_seconds(10)).await;
        let receipt = body_of(&first);
        assert_eq!((first.status, is_replayed(&first)), (201, false), "{}", first.body);
        let id = receipt["receipt"].as_str().expect("a receipt").to_owned();
        let given = json!({
            "receipt": id, "processedAt": now().plus_seconds(10).to_string(), "kind": "reverse", "owner": "alice",
            "asset": "credits", "amount": amount, "use": "usage#evt_1",
        });
        assert_eq!((receipt, id.starts_with("credits#")), (given, true));
        let again = body.replace("evt_1", "usage#evt_1").replace("a wrong price", "again");
        for (body, key) in [(body, "hs_grant"), (&again, "hs_admin")] {
            let reply = sent(&world, post(PATH, body, key, "k1")).await;
            assert_eq!((reply.status, &reply.body, is_replayed(&reply)), (201, &first.body, true), "{body}");
        }
        let books = world.books();
        books.check();
        assert_eq!(balance(&books), expected, "{body}");
        let lines = shown(&world, "/v1/accounts/alice/statement", "limit=1", "key-of-alice", now()).await;
        assert_eq!(
            (&lines["lines"][0]["id"], &lines["lines"][0]["kind"]),
            (&json!("reversed#usage#evt_1"), &json!("reverse"))
        );
        let key = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": id } } });
        let facts = world.engine.request("GetItem", &key).expect("a row")["Item"]["facts"]["M"].clone();
        assert!(facts["author"]["S"].as_str().expect("an author").starts_with("grant (service-"), "{facts}");
        assert_eq!(facts["reason"]["S"], "a wrong price", "{facts}");

        // Another request, under this key or under another.
        let less = r#"{"use":"evt_1","amount":"1","reason":"r"}"#;
        let rows = [
            (less, "k1", "idempotency_key_reused"),
            (less, "k2", "already_reversed"),
            (body, "k2", "already_reversed"),
        ];
        for (body, name, code) in rows {
            let reply = sent(&world, post(PATH, body, "hs_grant", name)).await;
            assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (409, Some(code)), "{body}: {}", reply.body);
            let is_amount = body_of(&reply)["amount"].as_str() == Some(amount);
            assert_eq!(is_amount, code == "already_reversed", "{}", reply.body);
        }
        assert_eq!(balance(&world.books()), expected, "{body}");
    }
}

/// A key that has made another change makes no reversal, before or after the charge is given back.
#[tokio::test(start_paused = true)]
async fn idempotency_key_of_another_change_is_refused() {
    let world = used_world().await;
    let gift = r#"{"amount":"1","reason":"a gift"}"#;
    assert_eq!(sent(&world, post("/v1/accounts/alice/grants", gift, "hs_grant", "k1")).await.status, 201);
    for _ in 0..2 {
        let reply = sent(&world, post(PATH, WHOLE, "hs_grant", "k1")).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (409, Some("idempotency_key_reused")));
        sent(&world, post(PATH, WHOLE, "hs_grant", "k2")).await;
    }
    assert_eq!(balance(&world.books()), 110);
}

/// The use of a hold is a usage event.
#[tokio::test(start_paused = true)]
async fn charge_of_a_hold_is_given_back() {
    let world = world().await;
    let hold =
        sent(&world, post("/v1/holds", r#"{"owner":"alice","amount":"5","reason":"r"}"#, "hs_spend", "k1")).await;
    let hold = body_of(&hold);
    let path = format!("/v1/holds/{}/settle", hold["id"].as_str().expect("an id"));
    let settled = sent(&world, post(&path, r#"{"cost":"3","reason":"r"}"#, "hs_spend", "k2")).await;
    let body = json!({ "use": body_of(&settled)["receipt"], "reason": "it failed" }).to_string();
    let reply = sent(&world, post(PATH, &body, "hs_grant", "k3")).await;
    assert_eq!((reply.status, body_of(&reply)["amount"].as_str()), (201, Some("3")), "{}", reply.body);
    assert_eq!(balance(&world.books()), 100);
}

#[tokio::test(start_paused = true)]
async fn only_a_service_key_with_the_scope_reverses() {
    let world = used_world().await;
    let before = world.books();
    for key in ["key-of-alice", "key-of-bob", "hs_read", "hs_spend", "hs_orders", "hs_keys"] {
        for body in [WHOLE, r#"{"use":"none","reason":"r"}"#] {
            assert_eq!(sent(&world, post(PATH, body, key, "k1")).await.status, 403, "{key}");
        }
    }
    for key in ["hs_old", "hs_unknown", "unknown"] {
        assert_eq!(sent(&world, post(PATH, WHOLE, key, "k1")).await.status, 401, "{key}");
    }
    assert_eq!(sent(&world, Sent::post(PATH, WHOLE.as_bytes())).await.status, 401);
    assert_eq!(world.books(), before);
    assert_eq!(sent(&world, post(PATH, WHOLE, "hs_admin", "k1")).await.status, 201);
}

#[tokio::test(start_paused = true)]
async fn invalid_reversal_changes_nothing() {
    let world = used_world().await;
    let before = world.books();
    let rows = [
        ("{}", 400, "use_missing"),
        (r#"{"use":null,"reason":"r"}"#, 400, "use_missing"),
        (r#"{"use":7,"reason":"r"}"#, 400, "use_invalid"),
        (r#"{"use":"","reason":"r"}"#, 400, "use_invalid"),
        (r#"{"use":"stripe#evt_1","reason":"r"}"#, 400, "use_invalid"),
        (r#"{"use":"usage#usage#evt_1","reason":"r"}"#, 400, "use_invalid"),
        (r#"{"use":"evt_1","amount":1,"reason":"r"}"#, 400, "amount_invalid"),
        (r#"{"use":"evt_1","amount":"-1","reason":"r"}"#, 400, "amount_invalid"),
        (r#"{"use":"evt_1","amount":"0","reason":"r"}"#, 400, "amount_invalid"),
        (r#"{"use":"evt_1"}"#, 400, "reason_missing"),
        (r#"{"use":"evt_1","reason":" "}"#, 400, "reason_invalid"),
        (r#"{"use":"evt_1","reason":"r","owner":"alice"}"#, 400, "unknown_field"),
        (r#"{"use":"evt_1","use":"evt_2","reason":"r"}"#, 400, "duplicate_field"),
        ("[]", 400, "body_invalid"),
        (r#"{"use":"none","reason":"r"}"#, 404, "usage_not_found"),
        (r#"{"use":"refused","reason":"r"}"#, 404, "usage_not_found"),
        (r#"{"use":"free","reason":"r"}"#, 409, "nothing_charged"),
        (r#"{"use":"evt_1","amount":"4.000000001","reason":"r"}"#, 409, "amount_above_charge"),
    ];
    for (body, status, code) in rows {
        let reply = sent(&world, post(PATH, body, "hs_grant", "k1")).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (status, Some(code)), "{body}: {}", reply.body);
    }
    let without = Sent::post(PATH, WHOLE.as_bytes()).with("authorization", "Bearer hs_grant");
    assert_eq!(body_of(&sent(&world, without).await)["error"], "idempotency_key_missing");
    assert_eq!(world.books(), before);
    let reply = sent(&world, post(PATH, r#"{"use":"evt_1","amount":"5","reason":"r"}"#, "hs_grant", "k1")).await;
    assert_eq!(body_of(&reply)["charged"], "4");
}

#[tokio::test(start_paused = true)]
async fn fault_at_any_call_leaves_one_reversal() {
    fault_leaves_one(used_world, || post(PATH, PART, "hs_grant", "k1"), 201, 3).await;
}
