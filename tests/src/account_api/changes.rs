//! Grants, debits and transfers over the API: each once under its idempotency key, and by no key without the scope.

use testkit::Books;

use super::holds::{body_of, is_replayed, post, sent};
use super::*;
use crate::lots::{plans, without_attempts};
use crate::sandbox::SETTLED;

/// Each change with the scope that it takes, and what it leaves of 10 credits of alice's and 5 of bob's.
const CHANGES: [(&str, &str, &str, &str, [i128; 2]); 4] = [
    ("/v1/accounts/alice/grants", r#"{"amount":"2.5","reason":"a gift"}"#, "grant", "hs_grant", [125, 50]),
    (
        "/v1/accounts/alice/grants",
        r#"{"amount":"2.5","expires":"30d","priority":2,"kind":"free","reason":"a gift"}"#,
        "grant",
        "hs_grant",
        [125, 50],
    ),
    ("/v1/accounts/alice/debits", r#"{"amount":"4","reason":"a fee"}"#, "debit", "hs_spend", [60, 50]),
    (
        "/v1/transfers",
        r#"{"from":"alice","to":"bob","amount":"3","reason":"a share"}"#,
        "transfer",
        "hs_spend",
        [70, 80],
    ),
];

/// In tenths of a credit.
fn balances(books: &Books) -> [i128; 2] {
    ["alice/credits", "bob/credits"].map(|account| books.balance(account).checked_div(100_000_000).expect("tenths"))
}

#[tokio::test(start_paused = true)]
async fn change_is_booked_once_and_answers_with_its_receipt() {
    for (path, body, kind, key, expected) in CHANGES {
        let world = world().await;
        let first = at(&world, post(path, body, key, "k1"), now().plus_seconds(10)).await;
        let receipt = body_of(&first);
        assert_eq!((first.status, is_replayed(&first)), (201, false), "{path}: {}", first.body);
        assert_eq!((receipt["kind"].as_str(), receipt["owner"].as_str()), (Some(kind), Some("alice")), "{path}");
        let id = receipt["receipt"].as_str().expect("a receipt").to_owned();
        assert!(id.starts_with("credits#"), "{id}");
        for name in ["hs_admin", key] {
            let again =
                sent(&world, post(path, &body.replace("\"reason\":\"", "\"reason\":\"again: "), name, "k1")).await;
            assert_eq!((again.status, &again.body, is_replayed(&again)), (201, &first.body, true), "{path}");
        }
        let other = sent(&world, post(path, &body.replace("\"amount\":\"", "\"amount\":\"1"), key, "k1")).await;
        assert_eq!((other.status, body_of(&other)["error"].as_str()), (409, Some("idempotency_key_reused")), "{path}");
        let books = world.books();
        books.check();
        assert_eq!(balances(&books), expected, "{path}");
        let line = shown(&world, "/v1/accounts/alice/statement", "limit=1", "key-of-alice", now()).await;
        assert_eq!((&line["lines"][0]["id"], line["lines"][0]["kind"].as_str()), (&json!(id), Some(kind)), "{path}");
        let key = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": id } } });
        let facts = world.engine.request("GetItem", &key).expect("a row")["Item"]["facts"]["M"].clone();
        assert!(facts["author"]["S"].as_str().expect("an author").contains("(service-"), "{facts}");
        assert!(facts["reason"]["S"].as_str().expect("a reason").starts_with("a "), "{facts}");
    }
}

#[tokio::test(start_paused = true)]
async fn granted_credits_expire_as_the_request_says() {
    let world = world().await;
    let (path, body, ..) = CHANGES[1];
    assert_eq!(sent(&world, post(path, body, "hs_grant", "k1")).await.status, 201);
    let account = shown(&world, "/v1/account", "", "key-of-alice", now()).await;
    let lot = &account["lots"][0];
    assert_eq!(*lot, json!({ "remaining": "2.5", "kind": "free", "priority": 2, "expiresAt": lot["expiresAt"] }));
    // The first grant of an owner makes the account.
    let new = post("/v1/accounts/dora/grants", r#"{"amount":"1","asset":"POSX","reason":"r"}"#, "hs_grant", "k2");
    assert_eq!(sent(&world, new).await.status, 201);
    assert_eq!(shown(&world, "/v1/accounts/dora", "asset=POSX", "hs_read", now()).await["balance"], "1");
}

/// Each change by each key. Only its scope and `admin` change anything.
#[tokio::test(start_paused = true)]
async fn only_a_service_key_with_the_scope_changes_an_account() {
    let keys = ["key-of-alice", "key-of-bob", "hs_read", "hs_grant", "hs_spend", "hs_orders", "hs_keys"];
    for (path, body, _, key, expected) in CHANGES {
        let world = world().await;
        let before = world.books();
        for other in keys.into_iter().filter(|other| *other != key) {
            let reply = sent(&world, post(path, body, other, "k1")).await;
            assert_eq!(reply.status, 403, "{path} by {other}: {}", reply.body);
        }
        for unknown in ["hs_old", "hs_unknown", "unknown"] {
            assert_eq!(sent(&world, post(path, body, unknown, "k1")).await.status, 401, "{path} by {unknown}");
        }
        assert_eq!(world.books(), before, "{path}");
        assert_eq!(sent(&world, post(path, body, "hs_admin", "k1")).await.status, 201, "{path}");
        assert_eq!(balances(&world.books()), expected, "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_change_changes_nothing() {
    let world = world().await;
    let before = world.books();
    let grant = "/v1/accounts/alice/grants";
    let rows = [
        (grant, r#"{"amount":"1"}"#, 400, "reason_missing"),
        (grant, r#"{"reason":"r"}"#, 400, "amount_missing"),
        (grant, r#"{"amount":1,"reason":"r"}"#, 400, "amount_invalid"),
        (grant, r#"{"amount":"0","reason":"r"}"#, 400, "amount_invalid"),
        (grant, r#"{"amount":"-1","reason":"r"}"#, 400, "amount_invalid"),
        (grant, r#"{"amount":"1","asset":"gold","reason":"r"}"#, 400, "unknown_asset"),
        (grant, r#"{"amount":"1","asset":7,"reason":"r"}"#, 400, "unknown_asset"),
        (grant, r#"{"amount":"1","expires":"0d","reason":"r"}"#, 400, "expires_invalid"),
        (grant, r#"{"amount":"1","expires":"2025-01-01","reason":"r"}"#, 400, "expires_invalid"),
        (grant, r#"{"amount":"1","expires":90,"reason":"r"}"#, 400, "expires_invalid"),
        (grant, r#"{"amount":"1","asset":"POSX","expires":"9d","reason":"r"}"#, 400, "expires_invalid"),
        (grant, r#"{"amount":"1","expires":"9d","priority":10,"reason":"r"}"#, 400, "priority_invalid"),
        (grant, r#"{"amount":"1","expires":"9d","priority":-1,"reason":"r"}"#, 400, "priority_invalid"),
        (grant, r#"{"amount":"1","expires":"9d","kind":"gift","reason":"r"}"#, 400, "kind_invalid"),
        (grant, r#"{"amount":"1","priority":1,"reason":"r"}"#, 400, "fields_conflict"),
        (grant, r#"{"amount":"1","owner":"bob","reason":"r"}"#, 400, "unknown_field"),
        ("/v1/accounts/a%23b/grants", r#"{"amount":"1","reason":"r"}"#, 404, "account_not_found"),
        ("/v1/transfers", r#"{"from":"alice","to":"alice","amount":"1","reason":"r"}"#, 400, "transfer_invalid"),
        ("/v1/transfers", r#"{"from":"alice","to":"house","amount":"1","reason":"r"}"#, 400, "transfer_invalid"),
        ("/v1/transfers", r#"{"from":"alice","amount":"1","reason":"r"}"#, 400, "owner_missing"),
        ("/v1/transfers", r#"{"from":"a/b","to":"bob","amount":"1","reason":"r"}"#, 400, "owner_invalid"),
    ];
    for (path, body, status, code) in rows {
        let reply = sent(&world, post(path, body, "hs_admin", "k1")).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (status, Some(code)), "{body}: {}", reply.body);
    }
    let sent_without = Sent::post(grant, br#"{"amount":"1","reason":"r"}"#).with("authorization", "Bearer hs_admin");
    let reply = sent(&world, sent_without).await;
    assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (400, Some("idempotency_key_missing")));
    assert_eq!(world.books(), before);
    // What is refused for want of credits is kept, and the same request is booked once they are there.
    let (path, _, _, key, _) = CHANGES[2];
    let much = r#"{"amount":"11","reason":"a fee"}"#;
    for _ in 0..2 {
        let reply = sent(&world, post(path, much, key, "k2")).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (402, Some("insufficient_credits")));
    }
    committed(&world, &topped_up("alice", "c9", "5"), 0).await;
    assert_eq!(sent(&world, post(path, much, key, "k2")).await.status, 201);
    assert_eq!(balances(&world.books()), [40, 50]);
}

/// Whatever fails at whichever call: after the retry, the books are those of one request.
#[tokio::test(start_paused = true)]
async fn fault_at_any_call_leaves_one_change() {
    for (path, body, _, key, _) in CHANGES {
        let run = async |plan: Vec<(usize, Fault)>| -> (Books, usize) {
            let world = world().await;
            let planned = move |call: usize, _: &str| {
                plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault)
            };
            let (ledger, faults) = world.faulty(7, planned);
            let function = function(ledger);
            let event = post(path, body, key, "k1").event(Shape::HttpApi);
            let invocation = invocation(1);
            let reply = tokio::select! {
                biased;
                reply = function.answer(&event, &invocation) => Some(reply),
                () = faults.killed() => None,
            };
            let calls = faults.calls().len();
            tokio::time::sleep(SETTLED).await;
            assert!(reply.is_none_or(|reply| [201, 503].contains(&reply.status)), "{path}");
            let again = sent(&world, post(path, body, key, "k1")).await;
            assert_eq!(again.status, 201, "{path}: {}", again.body);
            let books = without_attempts(world.books());
            books.check();
            (books, calls)
        };
        let (expected, calls) = run(vec![]).await;
        for plan in plans(calls) {
            assert_eq!(run(plan.clone()).await.0, expected, "{path}: {plan:?}");
        }
    }
}
