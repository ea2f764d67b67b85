//! Every refusal of a usage event: the exact status and body, and an unchanged ledger except for the row that keeps a verified event.

use edge::Service as _;
use embedded::{DATA_YAML, Template};
use idempotency::Tables;
use serde_json::{Value, json};
use testkit::{STAGE, World, usage};
use usage::Usage;
use webhook::{Admission, Webhook as _};

use crate::sandbox::{function, invocation, open_account};

/// The basic event with one field changed.
fn with(pointer: &str, value: Value) -> String {
    let mut body = usage("e1", "k1", "3");
    *body.pointer_mut(pointer).expect("a field") = value;
    body.to_string()
}

fn without(object: &str, field: &str) -> String {
    let mut body = usage("e1", "k1", "3");
    body.pointer_mut(object).and_then(Value::as_object_mut).expect("an object").remove(field).expect("a field");
    body.to_string()
}

/// Bodies that cannot be parsed, and the message of each.
fn unparsed() -> Vec<(String, &'static str)> {
    let long = "x".repeat(129);
    vec![
        (String::new(), "body must be a JSON object"),
        ("not json".to_owned(), "body must be a JSON object"),
        ("[]".to_owned(), "body must be a JSON object"),
        ("\u{feff}{}".to_owned(), "body must be a JSON object"),
        ("[".repeat(60_000), "body must be a JSON object"),
        ("{}".to_owned(), "eventId is missing"),
        (without("", "eventId"), "eventId is missing"),
        (without("", "eventType"), "eventType is missing"),
        (without("", "timestamp"), "timestamp is missing"),
        (without("", "data"), "data is missing"),
        (without("/data", "remoteKeyId"), "data.remoteKeyId is missing"),
        (without("/data", "model"), "data.model is missing"),
        (without("/data", "promptTokens"), "data.promptTokens is missing"),
        (without("/data", "completionTokens"), "data.completionTokens is missing"),
        (without("/data", "totalTokens"), "data.totalTokens is missing"),
        (without("/data", "creditCost"), "data.creditCost is missing"),
        (with("/data/creditCost", Value::Null), "data.creditCost is missing"),
        (with("/data", json!([1])), "data must be a JSON object"),
        (with("/eventId", json!(7)), "eventId must be a text"),
        (with("/eventId", json!("a#b")), "eventId must be 1 to 128 visible ASCII characters without #"),
        (with("/eventId", json!(long)), "eventId must be 1 to 128 visible ASCII characters without #"),
        (with("/eventId", json!("é")), "eventId must be 1 to 128 visible ASCII characters without #"),
        (with("/eventType", json!("refund")), "eventType must be \"usage\""),
        (with("/timestamp", json!("soon")), "timestamp is not a time between 1970 and 9999"),
        (with("/timestamp", json!(-1)), "timestamp is not a time between 1970 and 9999"),
        (with("/timestamp", json!(1.5)), "timestamp must be whole seconds or an RFC 3339 time"),
        (
            with("/data/remoteKeyId", json!("a b")),
            "data.remoteKeyId must be 1 to 64 visible ASCII characters without #",
        ),
        (with("/data/remoteKeyId", json!(1.5)), "data.remoteKeyId must be a whole number that is not negative"),
        (with("/data/model", json!("")), "data.model must be a name of at most 128 bytes"),
        (with("/data/model", json!("a\nb")), "data.model must be a name of at most 128 bytes"),
        (with("/data/promptTokens", json!(-1)), "data.promptTokens must be a whole number that is not negative"),
        (
            with("/data/completionTokens", json!("30")),
            "data.completionTokens must be a whole number that is not negative",
        ),
        (
            with("/data/totalTokens", json!(149)),
            "data.totalTokens must be at least promptTokens and completionTokens together",
        ),
        (with("/data/creditCost", json!("-1")), "data.creditCost must not be negative"),
        (with("/data/creditCost", json!(-1)), "data.creditCost must not be negative"),
        (with("/data/creditCost", json!("1e2.5")), "data.creditCost must be a number"),
        (with("/data/creditCost", json!("NaN")), "data.creditCost must be a number"),
        (with("/data/creditCost", json!("１")), "data.creditCost must be a number"),
        (with("/data/creditCost", json!(true)), "data.creditCost must be a number"),
        (with("/data/creditCost", json!("0".repeat(129))), "data.creditCost must be written in at most 128 bytes"),
        (with("/data/creditCost", json!("1e999999999")), "data.creditCost is too large"),
        (with("/data/creditCost", json!("1000000000000")), "data.creditCost is too large"),
        (
            r#"{"eventId":"e1","eventId":"e2","eventType":"usage","timestamp":1,"data":{}}"#.to_owned(),
            "eventId stands twice",
        ),
        (
            r#"{"eventId":"e1","eventType":"usage","timestamp":1,"data":{"creditCost":"1","creditCost":"0"}}"#
                .to_owned(),
            "data.creditCost stands twice",
        ),
    ]
}

/// Valid events that are refused: the status, the message, the journal row and its reason.
fn business() -> Vec<(String, u16, &'static str, &'static str, &'static str)> {
    const CONFLICT: (u16, &str, &str, &str) =
        (409, "Event id already used with different data", "usage#booked#conflict#", "conflict");
    let conflict = |key: &str, cost: &str| {
        let (status, message, kept, reason) = CONFLICT;
        (usage("booked", key, cost).to_string(), status, message, kept, reason)
    };
    vec![
        (usage("e1", "k9", "3").to_string(), 404, "Unknown remoteKeyId", "usage#e1", "unknown_key"),
        (
            usage("e1", "k1", "10.000000001").to_string(),
            402,
            "Insufficient credits",
            "usage#e1",
            "insufficient_credits",
        ),
        conflict("k1", "0.5"),
        conflict("k2", "1"),
    ]
}

#[tokio::test(start_paused = true)]
async fn unparsed_event_is_kept_and_refused() {
    for (body, problem) in unparsed() {
        refused(&body, 400, &format!("Invalid event: {problem}"), "unparsed#usage#", "unparsed").await;
    }
}

#[tokio::test(start_paused = true)]
async fn unbookable_event_is_kept_and_refused() {
    for (body, status, message, kept, reason) in business() {
        refused(&body, status, message, kept, reason).await;
    }
}

/// Delivers twice. Each reply is the same, one row and one body are kept, and nothing else changes.
async fn refused(body: &str, status: u16, message: &str, kept: &str, reason: &str) {
    let world = books().await;
    let function = function(world.ledger(1), Admission::default()).await;
    let before = world.books();
    let event = crate::sandbox::signed(body);
    let name: String = body.chars().take(120).collect();
    for times in 1..=2 {
        let reply = function.answer(&event, &invocation(times)).await;
        let mut reply_body: Value = serde_json::from_str(&reply.body).expect("a JSON body");
        reply_body.as_object_mut().expect("an object").remove("eventId");
        assert_eq!((reply.status, reply_body), (status, json!({ "success": false, "message": message })), "{name}");

        let mut after = world.books();
        after.check();
        let new: Vec<String> = after.journal.keys().filter(|id| !before.journal.contains_key(*id)).cloned().collect();
        let [id] = new.as_slice() else { panic!("{name}: kept {new:?}") };
        assert!(id.starts_with(kept), "{name}: kept as {id}");
        let row = after.journal.remove(id).expect("a row");
        assert_eq!((row.reason.as_deref(), row.attempts), (Some(reason), times), "{name}");
        assert!(after.bodies.remove(id), "{name}: its body is kept too");
        assert_eq!(after, before, "{name}: nothing else changed");
    }
}

/// A store that fails or does not answer gives a temporary error, so that the sender retries.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "how long it took, by the clock of the test")]
async fn store_error_is_not_acknowledged() {
    use testkit::Fault;
    let always = [
        Fault::DropRequest,
        Fault::Disconnect,
        Fault::Throttle,
        Fault::Conflict,
        Fault::ServerError,
        Fault::InProgress,
    ];
    for fault in always {
        let world = books().await;
        let before = world.books();
        let sandbox = crate::sandbox::Sandbox::new(&world, 5, move |_, _| fault).await;
        let waited = tokio::time::Instant::now();
        let reply = sandbox.deliver(&usage("e1", "k1", "3").to_string(), &invocation(1)).await.expect("alive");
        assert_eq!(
            (reply.status, crate::sandbox::message(&reply).as_str()),
            (503, "Temporarily unavailable"),
            "{fault:?}"
        );
        assert!(reply.headers.contains(&("retry-after", "5".to_owned())), "{fault:?}");
        assert!(
            waited.elapsed() <= Usage::REPLY_WITHIN + std::time::Duration::from_millis(10),
            "{fault:?}: {:?}",
            waited.elapsed()
        );
        let calls = sandbox.faults.calls().len();
        assert!((2..=40).contains(&calls), "{fault:?}: {calls} calls");
        assert_eq!(world.books(), before, "{fault:?}");
    }
    let empty = embedded::Engine::memory().expect("a store without tables");
    let ledger = idempotency::DynamoLedger::new(
        &empty.sdk_config(),
        idempotency::Tables::of_stage("local"),
        fastrand::Rng::with_seed(1),
    );
    let reply = function(ledger, Admission::default())
        .await
        .answer(&crate::sandbox::signed(&usage("e1", "k1", "3").to_string()), &invocation(1))
        .await;
    assert_eq!(reply.status, 503, "a missing table is our trouble too");
}

/// `alice` with ten credits and the key `k1`, `bob` with `k2`, and one event booked.
pub(crate) async fn books() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "11").await;
    open_account(&world, "bob", "k2", "11").await;
    let function = function(world.ledger(9), Admission::default()).await;
    let reply = function.answer(&crate::sandbox::signed(&usage("booked", "k1", "1").to_string()), &invocation(9)).await;
    assert_eq!(reply.status, 200);
    world
}

/// A refused body is kept for ninety days: it has the TTL attribute of its table.
#[tokio::test(start_paused = true)]
async fn refused_body_expires_after_ninety_days() {
    let world = World::new();
    let function = function(world.ledger(1), Admission::default()).await;
    function.answer(&crate::sandbox::signed("no JSON"), &invocation(1)).await;
    let rows = world
        .engine
        .request("Scan", &serde_json::json!({ "TableName": Tables::of_stage(STAGE).bodies }))
        .expect("rows");
    let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
    let attribute = data.tables().iter().find_map(|table| table.expires_by.clone()).expect("a table with a TTL");
    let expires_at = rows["Items"][0][&attribute]["N"].as_str().expect("a time").parse::<i64>().expect("seconds");
    assert_eq!(expires_at - testkit::now().unix_s(), 90 * 86_400);
}
