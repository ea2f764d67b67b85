//! Holds over the API: each once under its idempotency key, closed once, and by no key without the scope.

use testkit::Books;

use super::*;
use crate::lots::{plans, without_attempts};
use crate::sandbox::SETTLED;

const OPEN: &str = r#"{"owner":"alice","amount":"5","reason":"a stream"}"#;

pub(super) fn post<'r>(path: &'r str, body: &'r str, key: &str, name: &str) -> Sent<'r> {
    let sent = Sent::post(path, body.as_bytes()).with("authorization", format!("Bearer {key}"));
    sent.with("idempotency-key", name)
}

pub(super) async fn sent(world: &World, sent: Sent<'_>) -> Reply {
    at(world, sent, now()).await
}

pub(super) fn body_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).expect("JSON")
}

/// Opens a hold of alice's, and returns its id.
async fn opened(world: &World, body: &str, name: &str) -> String {
    let reply = sent(world, post("/v1/holds", body, "hs_spend", name)).await;
    assert_eq!(reply.status, 201, "{}", reply.body);
    body_of(&reply)["id"].as_str().expect("an id").to_owned()
}

pub(super) fn is_replayed(reply: &Reply) -> bool {
    header(reply, "idempotent-replayed") == Some("true")
}

#[tokio::test(start_paused = true)]
async fn hold_is_opened_settled_and_shown() {
    let world = world().await;
    let body = r#"{"owner":"alice","amount":"5","ttlSeconds":60,"use":"evt_1","charge":"1","reason":" a stream "}"#;
    let reply = sent(&world, post("/v1/holds", body, "hs_spend", "k1")).await;
    let id = body_of(&reply)["id"].as_str().expect("an id").to_owned();
    let (opened_at, expires_at) = (now().to_string(), now().plus_seconds(60).to_string());
    let open = json!({
        "id": id, "owner": "alice", "amount": "5", "use": "usage#evt_1", "state": "open", "openedAt": opened_at,
        "expiresAt": expires_at, "charge": "1",
    });
    assert_eq!((reply.status, body_of(&reply), is_replayed(&reply)), (201, open.clone(), false));
    assert_eq!(shown(&world, "/v1/account", "", "key-of-alice", now()).await["held"], "5");
    let path = format!("/v1/holds/{id}");
    for key in ["hs_read", "hs_admin", "key-of-alice"] {
        assert_eq!(shown(&world, &path, "", key, now()).await, open, "{key}");
    }
    let settle = format!("{path}/settle");
    let reply = sent(&world, post(&settle, r#"{"cost":"3.2","reason":"a stream"}"#, "hs_spend", "k2")).await;
    let settled = json!({
        "id": id, "owner": "alice", "amount": "5", "use": "usage#evt_1", "state": "settled", "openedAt": opened_at,
        "expiresAt": expires_at, "charge": "1", "closedAt": now().to_string(), "cost": "3.2", "charged": "3.2",
        "receipt": "usage#evt_1",
    });
    assert_eq!((reply.status, body_of(&reply), is_replayed(&reply)), (200, settled.clone(), false));
    assert_eq!(shown(&world, &path, "", "key-of-alice", now()).await, settled);
    let account = shown(&world, "/v1/account", "", "key-of-alice", now()).await;
    assert_eq!((&account["balance"], &account["held"]), (&json!("6.8"), &json!("0")));
    let facts = world.engine.request(
        "GetItem",
        &json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": "usage#evt_1" } } }),
    );
    let facts = facts.expect("a row")["Item"]["facts"]["M"].clone();
    let author = facts["author"]["S"].as_str().expect("an author");
    assert!(author.starts_with("spend (service-") && facts["reason"]["S"] == "a stream", "{facts}");
}

/// Open, settle and release, each again under its key, under another, and with other values.
#[tokio::test(start_paused = true)]
async fn repeat_of_each_change_gets_the_first_reply() {
    let world = world().await;
    let first = sent(&world, post("/v1/holds", OPEN, "hs_spend", "k1")).await;
    let id = body_of(&first)["id"].as_str().expect("an id").to_owned();
    let (settle, release) = (format!("/v1/holds/{id}/settle"), format!("/v1/holds/{id}/release"));
    let other = opened(&world, OPEN, "k2").await;
    let of_other = format!("/v1/holds/{other}/release");
    let cost = |cost: &str| format!(r#"{{"cost":"{cost}","reason":"r"}}"#);
    let [three, four] = [cost("3"), cost("4")];
    let twice = OPEN.replace("\"5\"", "\"6\"");
    // Another reason is no other request.
    let again = r#"{"reason":"again","amount":"5.0","owner":"alice"}"#;
    let rows = [
        ("/v1/holds", OPEN, "k1", 201, true),
        ("/v1/holds", again, "k1", 201, true),
        ("/v1/holds", twice.as_str(), "k1", 409, false),
        (settle.as_str(), three.as_str(), "k3", 200, false),
        (settle.as_str(), three.as_str(), "k3", 200, true),
        (settle.as_str(), three.as_str(), "k4", 200, true),
        (settle.as_str(), four.as_str(), "k3", 409, false),
        (release.as_str(), r#"{"reason":"r"}"#, "k5", 409, false),
        // Once it is closed, its opening is still the same request.
        ("/v1/holds", OPEN, "k1", 201, true),
        (of_other.as_str(), r#"{"reason":"r"}"#, "k6", 200, false),
        (of_other.as_str(), r#"{"reason":"r"}"#, "k6", 200, true),
    ];
    for (second, (path, body, name, status, is_repeat)) in (1..).zip(rows) {
        let reply = at(&world, post(path, body, "hs_spend", name), now().plus_seconds(second)).await;
        assert_eq!((reply.status, is_replayed(&reply)), (status, is_repeat), "{path} {body}: {}", reply.body);
        assert!(status != 201 || reply.body == first.body, "{}", reply.body);
    }
    let settled_other = format!("/v1/holds/{other}/settle");
    let late = sent(&world, post(&settled_other, &three, "hs_admin", "k7")).await;
    assert_eq!(
        (late.status, &body_of(&late)["error"], &body_of(&late)["state"]),
        (409, &json!("hold_closed"), &json!("released"))
    );
    let books = world.books();
    books.check();
    assert_eq!((books.balance("alice/credits"), books.holds.len()), (7_000_000_000, 2));
}

/// A rotated key repeats the requests of the one before.
#[tokio::test(start_paused = true)]
async fn idempotency_key_is_of_all_service_keys() {
    let world = world().await;
    let first = opened(&world, OPEN, "k1").await;
    let again = sent(&world, post("/v1/holds", OPEN, "hs_admin", "k1")).await;
    assert_eq!((again.status, body_of(&again)["id"].as_str()), (201, Some(first.as_str())));
    assert_eq!(world.books().holds.len(), 1);
}

/// Each change by each key. Only the scopes `spend` and `admin` change anything.
#[tokio::test(start_paused = true)]
async fn only_a_service_key_with_the_scope_changes_a_hold() {
    const KEYS: [(&str, u16); 11] = [
        ("key-of-alice", 403),
        ("key-of-bob", 403),
        ("hs_read", 403),
        ("hs_grant", 403),
        ("hs_orders", 403),
        ("hs_keys", 403),
        ("hs_old", 401),
        ("hs_unknown", 401),
        ("unknown", 401),
        ("hs_spend", 200),
        ("hs_admin", 200),
    ];
    let world = world().await;
    let id = opened(&world, OPEN, "k1").await;
    let before = world.books();
    for (key, status) in KEYS {
        let missing = if status == 200 { 404 } else { status };
        let rows = [
            ("/v1/holds".to_owned(), OPEN, if status == 200 { 201 } else { status }),
            ("/v1/holds/none/settle".to_owned(), r#"{"cost":"1","reason":"r"}"#, missing),
            ("/v1/holds/none/release".to_owned(), r#"{"reason":"r"}"#, missing),
            ("/v1/holds/a%23b/release".to_owned(), r#"{"reason":"r"}"#, missing),
            (
                format!("/v1/holds/{id}/settle"),
                r#"{"cost":"1","reason":"r"}"#,
                if key == "hs_admin" { 200 } else { status },
            ),
        ];
        for (path, body, expected) in rows {
            let reply = sent(&world, post(&path, body, key, "k1")).await;
            assert_eq!(reply.status, expected, "{path} by {key}: {}", reply.body);
        }
        assert!(status == 200 || world.books() == before, "{key}");
    }
    // Who may see it: its owner, and who has the scope. A hold of another is as good as none.
    let rows = [
        ("key-of-alice", 200),
        ("key-of-bob", 404),
        ("hs_read", 200),
        ("hs_admin", 200),
        ("hs_spend", 403),
        ("hs_old", 401),
    ];
    for (key, status) in rows {
        for (path, expected) in [
            (format!("/v1/holds/{id}"), status),
            ("/v1/holds/none".to_owned(), if status == 200 { 404 } else { status }),
        ] {
            let reply = sent(&world, get(&path, "", key)).await;
            assert_eq!(reply.status, expected, "{path} by {key}");
            assert!(expected != 404 || reply.body == r#"{"error":"hold_not_found","message":"No such hold."}"#);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_request_opens_no_hold() {
    let world = world().await;
    let before = world.books();
    let with = |field: &str, value: &str| {
        let mut body: Value = serde_json::from_str(OPEN).expect("JSON");
        body[field] = serde_json::from_str(value).expect("JSON");
        body.to_string()
    };
    let long = format!("\"{}\"", "x".repeat(161));
    let rows = [
        ("{}".to_owned(), 400, "owner_missing"),
        (with("owner", "7"), 400, "owner_invalid"),
        (with("owner", "\"a/b\""), 400, "owner_invalid"),
        (with("amount", "null"), 400, "amount_missing"),
        (with("amount", "5"), 400, "amount_invalid"),
        (with("amount", "\"-5\""), 400, "amount_invalid"),
        (with("amount", "\"5e0\""), 400, "amount_invalid"),
        (with("amount", "\"0\""), 400, "amount_invalid"),
        (with("amount", "\"0.0000000001\""), 400, "amount_invalid"),
        (with("charge", "\"6\""), 400, "amount_invalid"),
        (with("ttlSeconds", "0"), 400, "ttl_invalid"),
        (with("ttlSeconds", "86401"), 400, "ttl_invalid"),
        (with("ttlSeconds", "\"60\""), 400, "ttl_invalid"),
        (with("ttlSeconds", "1.5"), 400, "ttl_invalid"),
        (with("use", "\"a#b\""), 400, "use_invalid"),
        (with("use", "7"), 400, "use_invalid"),
        (with("reason", "null"), 400, "reason_missing"),
        (with("reason", "\" \""), 400, "reason_invalid"),
        (with("reason", "\"a\\nb\""), 400, "reason_invalid"),
        (with("reason", &long), 400, "reason_invalid"),
        (with("asset", "\"POSX\""), 400, "unknown_field"),
        (OPEN.replace('{', "{\"amount\":\"1\","), 400, "duplicate_field"),
        ("[]".to_owned(), 400, "body_invalid"),
        (with("amount", "\"10.000000001\""), 402, "insufficient_credits"),
        (with("owner", "\"no-one-here\""), 402, "insufficient_credits"),
    ];
    for (body, status, code) in &rows {
        let reply = sent(&world, post("/v1/holds", body, "hs_spend", "k1")).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (*status, Some(*code)), "{body}: {}", reply.body);
    }
    let named = |name: Option<&str>| {
        let sent = Sent::post("/v1/holds", OPEN.as_bytes()).with("authorization", "Bearer hs_spend");
        name.map_or(sent.clone(), |name| sent.with("idempotency-key", name))
    };
    for (name, code) in [
        (None, "idempotency_key_missing"),
        (Some(""), "idempotency_key_invalid"),
        (Some("a b"), "idempotency_key_invalid"),
    ] {
        let reply = sent(&world, named(name)).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (400, Some(code)), "{name:?}");
    }
    assert_eq!(world.books(), before);
}

/// One request under these faults, and again until it is answered. Returns the number of calls of the first.
pub(super) async fn under(world: &World, plan: Vec<(usize, Fault)>, path: &str, body: &str, status: u16) -> usize {
    let planned =
        move |call: usize, _: &str| plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault);
    let (ledger, faults) = world.faulty(7, planned);
    let function = function(ledger);
    let event = post(path, body, "hs_spend", "k1").event(Shape::HttpApi);
    let invocation = invocation(1);
    let reply = tokio::select! {
        biased;
        reply = function.answer(&event, &invocation) => Some(reply),
        () = faults.killed() => None,
    };
    let calls = faults.calls().len();
    tokio::time::sleep(SETTLED).await;
    if let Some(reply) = reply {
        assert!([status, 503].contains(&reply.status), "{path}: {} {}", reply.status, reply.body);
    }
    let again = sent(world, post(path, body, "hs_spend", "k1")).await;
    assert_eq!(again.status, status, "{path}: {}", again.body);
    calls
}

/// Whatever fails at whichever call: after the retry, the books are those of one request.
#[tokio::test(start_paused = true)]
async fn fault_at_any_call_leaves_one_change() {
    let steps: [(&str, &str, u16); 3] =
        [("open", OPEN, 201), ("settle", r#"{"cost":"3","reason":"r"}"#, 200), ("release", r#"{"reason":"r"}"#, 200)];
    for (step, body, status) in steps {
        let run = async |plan: Vec<(usize, Fault)>| -> (Books, usize) {
            let world = world().await;
            let path = match step {
                "open" => "/v1/holds".to_owned(),
                _ => format!("/v1/holds/{}/{step}", opened(&world, OPEN, "k0").await),
            };
            let calls = under(&world, plan, &path, body, status).await;
            let books = without_attempts(world.books());
            books.check();
            (books, calls)
        };
        let (expected, calls) = run(vec![]).await;
        for plan in plans(calls) {
            assert_eq!(run(plan.clone()).await.0, expected, "{step}: {plan:?}");
        }
    }
}

/// Ten calls at the same moment never hold more than is there.
#[tokio::test(start_paused = true)]
async fn holds_at_once_stay_within_the_balance() {
    let world = world().await;
    let calls = (0..10).map(|number| {
        let world = &world;
        async move { sent(world, post("/v1/holds", OPEN, "hs_spend", &format!("k{number}"))).await.status }
    });
    let mut statuses = futures_util::future::join_all(calls).await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 201, 402, 402, 402, 402, 402, 402, 402, 402]);
    world.books().check();
}

/// A hold costs what the ledger's own does. Its end reads it first, since a caller has its id alone.
#[tokio::test(start_paused = true)]
async fn hold_costs_the_calls_that_the_documentation_states() {
    let world = world().await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let function = function(ledger);
    let mut made = 0;
    let mut calls_of = async |path: &str, body: &str| {
        let reply = function.answer(&post(path, body, "hs_spend", "k1").event(Shape::HttpApi), &invocation(1)).await;
        let calls = faults.calls();
        let new: Vec<String> = calls[made..].iter().map(|call| call.operation.clone()).collect();
        made = calls.len();
        (reply, new.join(" "))
    };
    let (opened, calls) = calls_of("/v1/holds", OPEN).await;
    assert_eq!(calls, "GetItem TransactWriteItems", "the key, and the hold");
    let path = format!("/v1/holds/{}/settle", body_of(&opened)["id"].as_str().expect("an id"));
    let (_, calls) = calls_of(&path, r#"{"cost":"1","reason":"r"}"#).await;
    assert_eq!(calls, "GetItem TransactWriteItems", "the hold, and its end");
}
