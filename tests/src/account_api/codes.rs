//! Codes over the API: made once, shown by page, and revoked by page.

use std::collections::BTreeSet;

use super::holds::{body_of, is_replayed, post, sent};
use super::*;

const PATH: &str = "/v1/codes";
const SPRING: &str = "/v1/codes/spring";
const MAKE: &str = r#"{"campaign":"spring","credits":"5","reason":"a sale"}"#;
const REVOKE: &str = r#"{"reason":"the sale is over"}"#;

fn delete<'r>(path: &'r str, query: &'r str, key: &str, name: &str) -> Sent<'r> {
    Sent { method: "DELETE", query, ..post(path, REVOKE, key, name) }
}

/// Makes codes, and returns them with their names.
async fn made(world: &World, body: &str, name: &str) -> Vec<(String, String)> {
    let reply = sent(world, post(PATH, body, "hs_grant", name)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    let text = |code: &Value, name: &str| code[name].as_str().expect("a text").to_owned();
    let codes = body_of(&reply)["codes"].as_array().expect("codes").clone();
    codes.iter().map(|code| (text(code, "code"), text(code, "name"))).collect()
}

pub(super) async fn redeem(world: &World, code: &str, key: &str) -> Reply {
    let body = json!({ "code": code }).to_string();
    let sent = Sent::post("/v1/redeem", body.as_bytes()).with("authorization", format!("Bearer {key}"));
    at(world, sent, now()).await
}

#[tokio::test(start_paused = true)]
async fn codes_are_made_once_and_a_repeat_shows_the_same() {
    let world = world().await;
    let body = r#"{"campaign":"spring","credits":"2.5","count":3,"uses":2,"reason":"a sale"}"#;
    let first = sent(&world, post(PATH, body, "hs_grant", "k1")).await;
    let answer = body_of(&first);
    assert_eq!((first.status, is_replayed(&first)), (201, false), "{}", first.body);
    let codes = answer["codes"].as_array().expect("codes").clone();
    let receipt = answer["receipt"].as_str().expect("a receipt").to_owned();
    let expected = json!({
        "receipt": receipt, "processedAt": now().to_string(), "kind": "make_codes", "campaign": "spring",
        "credits": "2.5", "codes": codes,
    });
    assert_eq!((&answer, codes.len()), (&expected, 3));
    let texts: BTreeSet<&str> = codes.iter().filter_map(|code| code["code"].as_str()).collect();
    assert!(texts.len() == 3 && texts.iter().all(|text| text.len() == 19), "{texts:?}");
    let again = body.replace("a sale", "again");
    for (body, key) in [(body, "hs_admin"), (&again, "hs_grant")] {
        let reply = sent(&world, post(PATH, body, key, "k1")).await;
        assert_eq!((reply.status, &reply.body, is_replayed(&reply)), (201, &first.body, true));
    }
    // Another request under its key makes none, and under another key the same request makes others.
    let before = world.books();
    for other in [body.replace("2.5", "3"), body.replace("3,", "2,"), body.replace("spring", "autumn")] {
        let reply = sent(&world, post(PATH, &other, "hs_grant", "k1")).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (409, Some("idempotency_key_reused")));
    }
    let codes_of = |books: &Books| books.codes.clone();
    assert_eq!((codes_of(&world.books()), before.codes.len()), (codes_of(&before), 3));
    let others = made(&world, body, "k2").await;
    assert!(others.iter().all(|(code, _)| !texts.contains(code.as_str())), "{others:?}");
    for code in texts {
        assert_eq!(redeem(&world, code, "key-of-alice").await.status, 201);
    }
    assert_eq!(world.books().balance("alice/credits"), 17_500_000_000);
    // The books have no code's text.
    let rows = format!("{:?}", world.books());
    assert!(others.iter().all(|(code, _)| !rows.contains(&code.replace('-', "")) && !rows.contains(code)));
}

#[tokio::test(start_paused = true)]
async fn codes_of_a_campaign_are_shown_by_page() {
    let world = world().await;
    let until = now().plus_seconds(DAY).to_string();
    let body = json!({
        "campaign": "spring", "credits": "2", "uses": 3, "until": until, "expires": "90d", "priority": 2,
        "kind": "free", "oncePerCampaign": true, "reason": "a sale",
    });
    let [(code, name)] = made(&world, &body.to_string(), "k1").await.try_into().expect("one");
    made(&world, r#"{"campaign":"autumn","credits":"1","reason":"r"}"#, "k2").await;
    assert_eq!(redeem(&world, &code, "key-of-alice").await.status, 201);
    let page = shown(&world, SPRING, "", "hs_read", now()).await;
    let expected = json!({ "campaign": "spring", "next": null, "codes": [{
        "name": name, "credits": "2", "uses": 3, "usesLeft": 2, "oncePerCampaign": true, "until": until, "expires": "90d",
        "priority": 2, "kind": "free",
    }]});
    assert_eq!(page, expected);
    let mut names: BTreeSet<String> = [name].into();
    names.extend(
        made(&world, &MAKE.replace("\"5\"", "\"5\",\"count\":4"), "k3").await.into_iter().map(|(_, name)| name),
    );
    let (mut listed, mut query) = (Vec::new(), "limit=2".to_owned());
    loop {
        let page = shown(&world, SPRING, &query, "hs_admin", now()).await;
        let codes = page["codes"].as_array().expect("codes").clone();
        assert!(codes.len() <= 2, "{page}");
        listed.extend(codes.iter().map(|code| code["name"].as_str().expect("a name").to_owned()));
        let Some(next) = page["next"].as_str() else { break };
        query = format!("limit=2&cursor={next}");
    }
    assert_eq!((listed.len(), listed.into_iter().collect::<BTreeSet<_>>()), (5, names));
}

#[tokio::test(start_paused = true)]
async fn campaign_is_revoked_by_page_and_what_was_redeemed_stays() {
    let world = world().await;
    let ninety = MAKE.replace("\"5\"", "\"5\",\"count\":90");
    let all = made(&world, &ninety, "k1").await;
    let more = made(&world, &MAKE.replace("\"5\"", "\"5\",\"count\":5"), "k2").await;
    let other = made(&world, &MAKE.replace("spring", "autumn"), "k3").await;
    assert_eq!(redeem(&world, &all[0].0, "key-of-alice").await.status, 201);
    let first = sent(&world, delete(SPRING, "", "hs_grant", "d1")).await;
    let answer = body_of(&first);
    assert_eq!((first.status, is_replayed(&first)), (200, false), "{}", first.body);
    assert_eq!((&answer["kind"], &answer["campaign"]), (&json!("revoke_codes"), &json!("spring")));
    assert_eq!(answer["revoked"].as_array().map(Vec::len), Some(90));
    let query = format!("cursor={}", answer["next"].as_str().expect("a next page"));
    let again = sent(&world, delete(SPRING, "", "hs_admin", "d1")).await;
    assert_eq!((again.status, &again.body, is_replayed(&again)), (200, &first.body, true));
    let reused = sent(&world, delete(SPRING, &query, "hs_grant", "d1")).await;
    assert_eq!((reused.status, body_of(&reused)["error"].as_str()), (409, Some("idempotency_key_reused")));
    let second = sent(&world, delete(SPRING, &query, "hs_grant", "d2")).await;
    let answer = body_of(&second);
    assert_eq!(
        (second.status, answer["revoked"].as_array().map(Vec::len), &answer["next"]),
        (200, Some(5), &json!(null))
    );
    for (code, _) in all.iter().take(3).chain(&more) {
        assert_eq!(redeem(&world, code, "key-of-bob").await.status, 404, "{code}");
    }
    assert_eq!(redeem(&world, &all[0].0, "key-of-alice").await.status, 201, "a repeat");
    assert_eq!(redeem(&world, &other[0].0, "key-of-carol").await.status, 201);
    // Codes that are made later are revoked by no repeat.
    let later = made(&world, MAKE, "k4").await;
    let again = sent(&world, delete(SPRING, &query, "hs_grant", "d2")).await;
    assert_eq!((again.status, body_of(&again)["revoked"].as_array().map(Vec::len)), (200, Some(5)), "{}", again.body);
    assert_eq!(redeem(&world, &later[0].0, "key-of-carol").await.status, 201);
    world.books().check();
}

/// Each route by each key. Only the scope of the route, and `admin`, let a key through.
#[tokio::test(start_paused = true)]
async fn only_a_service_key_with_the_scope_reaches_codes() {
    const KEYS: [(&str, [u16; 4]); 12] = [
        ("key-of-alice", [403, 403, 403, 403]),
        ("hs_read", [403, 200, 200, 403]),
        ("hs_spend", [403, 403, 403, 403]),
        ("hs_orders", [403, 403, 403, 403]),
        ("hs_keys", [403, 403, 403, 403]),
        ("hs_old", [401, 401, 401, 401]),
        ("hs_unknown", [401, 401, 401, 401]),
        ("unknown", [401, 401, 401, 401]),
        ("-", [401, 401, 401, 401]),
        ("key-of-bob", [403, 403, 403, 403]),
        ("hs_grant", [201, 403, 403, 200]),
        ("hs_admin", [201, 200, 200, 200]),
    ];
    let world = world().await;
    made(&world, MAKE, "k1").await;
    let before = world.books();
    for (key, statuses) in KEYS {
        let rows =
            [post(PATH, MAKE, key, key), get(PATH, "", key), get(SPRING, "", key), delete(SPRING, "", key, "d1")];
        for (sent_by, status) in rows.into_iter().zip(statuses) {
            let Sent { method, path, body, .. } = sent_by;
            let sent_by = if key == "-" { Sent { method, ..Sent::post(path, body) } } else { sent_by };
            let reply = sent(&world, sent_by).await;
            assert_eq!(reply.status, status, "{method} {path} by {key}: {}", reply.body);
        }
        assert!(statuses[0] == 201 || world.books() == before, "{key}");
    }
    // Whether a campaign is there is for those alone who may see it.
    for (key, status) in [("key-of-alice", 403), ("hs_spend", 403), ("hs_read", 404), ("hs_admin", 404)] {
        for path in ["/v1/codes/none", "/v1/codes/a%23b"] {
            assert_eq!(sent(&world, get(path, "", key)).await.status, status, "{path} by {key}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_request_makes_and_revokes_no_code() {
    let world = world().await;
    made(&world, MAKE, "k0").await;
    let before = world.books();
    let with = |field: &str, value: Value| {
        let mut body: Value = serde_json::from_str(MAKE).expect("JSON");
        body[field] = value;
        body.to_string()
    };
    let rows = [
        ("{}".to_owned(), "campaign_missing"),
        (with("campaign", json!(7)), "campaign_invalid"),
        (with("campaign", json!("a b")), "campaign_invalid"),
        (with("campaign", json!("x".repeat(99))), "campaign_invalid"),
        (with("credits", json!(null)), "amount_missing"),
        (with("credits", json!(5)), "amount_invalid"),
        (with("credits", json!("0")), "amount_invalid"),
        (with("credits", json!("-1")), "amount_invalid"),
        (with("count", json!(0)), "count_invalid"),
        (with("count", json!(91)), "count_invalid"),
        (with("count", json!("2")), "count_invalid"),
        (with("count", json!(-1)), "count_invalid"),
        (with("uses", json!(0)), "uses_invalid"),
        (with("uses", json!(1_000_001)), "uses_invalid"),
        (with("until", json!("tomorrow")), "until_invalid"),
        (with("until", json!(now().to_string())), "until_invalid"),
        (with("until", json!("2099-01-01T00:00:00Z")), "until_invalid"),
        (with("expires", json!("0d")), "expires_invalid"),
        (with("expires", json!("2027-01-01")), "expires_invalid"),
        (with("expires", json!(90)), "expires_invalid"),
        (with("priority", json!(1)), "fields_conflict"),
        (with("priority", json!(10)), "priority_invalid"),
        (with("kind", json!("gift")), "kind_invalid"),
        (with("oncePerCampaign", json!("yes")), "once_per_campaign_invalid"),
        (with("reason", json!(null)), "reason_missing"),
        (with("reason", json!(" ")), "reason_invalid"),
        (with("code", json!("0000")), "unknown_field"),
        (MAKE.replace('{', "{\"count\":1,\"count\":2,"), "duplicate_field"),
    ];
    for (body, code) in &rows {
        let reply = sent(&world, post(PATH, body, "hs_grant", "k1")).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (400, Some(*code)), "{body}: {}", reply.body);
    }
    let rows = [
        (delete("/v1/codes/none", "", "hs_grant", "k1"), 404, "campaign_not_found"),
        (delete("/v1/codes/a%23b", "", "hs_grant", "k1"), 404, "campaign_not_found"),
        (delete(SPRING, "cursor=x", "hs_grant", "k1"), 400, "cursor_invalid"),
        (delete(SPRING, "limit=2", "hs_grant", "k1"), 400, "unknown_parameter"),
        (Sent { body: b"{}", ..delete(SPRING, "", "hs_grant", "k1") }, 400, "reason_missing"),
        (Sent { body: b"", ..delete(SPRING, "", "hs_grant", "k1") }, 400, "body_invalid"),
        (get(SPRING, "limit=101", "hs_read"), 400, "limit_invalid"),
        (get(SPRING, "cursor=x", "hs_read"), 400, "cursor_invalid"),
        (get(SPRING, "name=x", "hs_read"), 400, "unknown_parameter"),
    ];
    for (request, status, code) in rows {
        let (method, path, query) = (request.method, request.path, request.query);
        let reply = sent(&world, request).await;
        let found = (reply.status, body_of(&reply)["error"].as_str().map(str::to_owned));
        assert_eq!(found, (status, Some(code.to_owned())), "{method} {path} {query}");
    }
    for method in ["POST", "DELETE"] {
        let path = if method == "POST" { PATH } else { SPRING };
        let body: &[u8] = if method == "POST" { MAKE.as_bytes() } else { REVOKE.as_bytes() };
        let without = Sent { method, ..Sent::post(path, body) }.with("authorization", "Bearer hs_grant");
        assert_eq!(body_of(&sent(&world, without).await)["error"], "idempotency_key_missing");
    }
    assert_eq!(world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn fault_at_any_call_makes_and_revokes_once() {
    let two = r#"{"campaign":"spring","credits":"5","count":2,"reason":"a sale"}"#;
    fault_leaves_one(world, || post(PATH, two, "hs_grant", "k1"), 201, 2).await;
    let with_codes = async || {
        let world = world().await;
        made(&world, two, "k1").await;
        world
    };
    fault_leaves_one(with_codes, || delete(SPRING, "", "hs_grant", "k2"), 200, 4).await;
    // A page is shown, or nothing is.
    fault_leaves_one(with_codes, || get(SPRING, "", "hs_read"), 200, 3).await;
}
