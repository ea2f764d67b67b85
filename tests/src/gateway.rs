//! The same event in each payload format of API Gateway and Lambda URLs, and malformed payloads.

use std::collections::BTreeSet;

use edge::{Keyring, Service as _, Settings, Vault};
use ledger::{
    BoundKey, CallContext, CallerKey, CommitError, Committed, CurrencyPair, Decision, Effect, EventKey, Fingerprints,
    Ledger, Order, OrderNumber, Owner, Pausable, Pauses, PaymentProof, Pointer, Rates, Receipt, RowKeys, Rows, Source,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::{MemoryLedger, Sent, Shape, World, usage};
use usage::Usage;
use webhook::{Admission, Function, Webhook as _};

use crate::sandbox::{EVENTS, SECRET, function, invocation, message, open_account, signature};

#[tokio::test(start_paused = true)]
async fn payload_of_every_format_is_the_same_event() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let mut body = usage("e1", "k1", "3");
    // Bytes beyond ASCII, and the sender's own white space.
    body["data"]["model"] = json!("通义千问-é-e\u{301}");
    let body = format!(" {}\r\n", serde_json::to_string_pretty(&body).expect("JSON"));
    let sent = |name| Sent::post(EVENTS, body.as_bytes()).with(name, signature(body.as_bytes()));
    let mut replies = Vec::new();
    for shape in [Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi] {
        for base64 in [false, true] {
            for name in ["x-webhook-signature", "X-Webhook-Signature", "X-WEBHOOK-SIGNATURE"] {
                // A new process for each: the store, not a process's memory, recognizes the repeat.
                let function = function(world.ledger(1), Admission::default()).await;
                let event = Sent { base64, ..sent(name) }.event(shape);
                let reply = function.answer(&event, &invocation(replies.len() as u64)).await;
                replies.push((reply.status, message(&reply)));
            }
        }
    }
    assert_eq!(replies.remove(0), (200, "Event processed successfully".to_owned()));
    assert!(
        replies.iter().all(|reply| *reply == (200, "Event already processed (idempotent)".to_owned())),
        "{replies:?}"
    );
    assert_eq!(world.books().balance("alice/credits"), 7_000_000_000);
}

#[tokio::test]
async fn named_stage_is_stripped_from_the_path() {
    let function = function(MemoryLedger::default(), Admission::default()).await;
    let mut event: Value = serde_json::from_str(
        &Sent { method: "GET", ..Sent::post("/prod/api/webhooks/health", b"") }.event(Shape::HttpApi),
    )
    .expect("JSON");
    assert_eq!(
        function.answer(&event.to_string(), &invocation(1)).await.status,
        404,
        "$default has no name in the path"
    );
    event["requestContext"]["stage"] = json!("prod");
    let reply = function.answer(&event.to_string(), &invocation(1)).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (200, r#"{"success":true,"message":"Webhook service is healthy","timestamp":"2026-01-01T00:00:00.000Z"}"#)
    );
}

#[tokio::test]
async fn malformed_payload_is_rejected() {
    let function = function(MemoryLedger::default(), Admission::default()).await;
    let good = Sent::post(EVENTS, b"{}").with("x-webhook-signature", signature(b"{}"));
    let mut bad_base64: Value = serde_json::from_str(&good.event(Shape::HttpApi)).expect("JSON");
    bad_base64["isBase64Encoded"] = json!(true);
    bad_base64["body"] = json!("%%%");
    let mut bad_base64_v1: Value = serde_json::from_str(&good.event(Shape::RestApi)).expect("JSON");
    bad_base64_v1["isBase64Encoded"] = json!(true);
    bad_base64_v1["body"] = json!("e30"); // without its padding
    let mut no_path: Value = serde_json::from_str(&good.event(Shape::HttpApi)).expect("JSON");
    no_path.as_object_mut().expect("an object").remove("rawPath");
    let rows = [
        String::new(),
        "null".to_owned(),
        "{}".to_owned(),
        "[1]".to_owned(),
        r#"{"Records":[{"eventSource":"aws:sqs","body":"{}"}]}"#.to_owned(),
        r#"{"version":"2.0","rawPath":"/api/webhooks/events"}"#.to_owned(),
        r#"{"httpMethod":"POST","path":"/api/webhooks/events","requestContext":null}"#.to_owned(),
        good.event(Shape::HttpApi).replace("\"POST\"", "7"),
        bad_base64.to_string(),
        bad_base64_v1.to_string(),
        no_path.to_string(),
    ];
    for event in rows {
        let reply = function.answer(&event, &invocation(1)).await;
        assert_eq!((reply.status, message(&reply).as_str()), (400, "Malformed request"), "{event}");
    }
    assert_eq!(function.ledger.books(), testkit::Books::default());
}

#[tokio::test(start_paused = true)]
async fn standard_webhooks_are_accepted_if_configured() {
    const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let settings = [("WEBHOOK_SECRET", SECRET), ("STANDARD_WEBHOOK_SECRET", STANDARD)];
    let settings = Settings::new(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    let keys = Keyring::open(Vault::Here(settings), Usage::keys, testkit::now()).await.expect("keys");
    let function = Function::new(Usage::default(), keys, Admission::default(), world.ledger(1));
    let body = usage("e1", "k1", "3").to_string();
    let standard = signing::standard_webhooks::Keys::parse(STANDARD).expect("a secret");
    let now = testkit::now().unix_s();
    let sent = |at: i64| {
        let signature = signing::standard_webhooks::sign(&standard, "msg_1", at, body.as_bytes());
        Sent::post(EVENTS, body.as_bytes())
            .with("webhook-id", "msg_1")
            .with("webhook-timestamp", at.to_string())
            .with("webhook-signature", signature)
    };
    let rows = [
        ("an old signature", sent(now - 301), 401),
        ("a signature from the future", sent(now + 301), 401),
        ("without an id", Sent { headers: sent(now).headers.into_iter().skip(1).collect(), ..sent(now) }, 401),
        ("with a bad signature of the other scheme", sent(now).with("x-webhook-signature", "0".repeat(64)), 401),
        ("a good signature", sent(now - 300), 200),
        (
            "the same event by the other scheme",
            Sent::post(EVENTS, body.as_bytes()).with("x-webhook-signature", signature(body.as_bytes())),
            200,
        ),
    ];
    for (name, sent, status) in rows {
        assert_eq!(function.answer(&sent.event(Shape::HttpApi), &invocation(1)).await.status, status, "{name}");
    }
    assert_eq!(world.books().balance("alice/credits"), 7_000_000_000);
}

/// A ledger whose every method panics.
struct PanickingLedger;

impl Ledger for PanickingLedger {
    async fn warm(&self) {}

    fn recall(&self, _: &EventKey, _: &Fingerprints) -> Option<Receipt> {
        panic!("fell over {SECRET}")
    }

    async fn is_paused(&self, _: Pausable, _: &CallContext<'_>) -> bool {
        false
    }

    async fn pauses(&self, _: &CallContext<'_>) -> Result<Pauses, CommitError> {
        Ok(Pauses::default())
    }

    async fn key(&self, _: &CallerKey, _: &CallContext<'_>) -> Result<Option<BoundKey>, CommitError> {
        Ok(None)
    }

    async fn referrer(&self, _: &Owner, _: &CallContext<'_>) -> Result<Option<Owner>, CommitError> {
        Ok(None)
    }

    async fn rates(&self, _: CurrencyPair, _: &CallContext<'_>) -> Result<Rates, CommitError> {
        unreachable!("no test reads exchange rates")
    }

    async fn read_rows(&self, _: &RowKeys, _: &CallContext<'_>) -> Result<Rows, CommitError> {
        unreachable!("no test reads several rows")
    }

    async fn amend(&self, _: &[Effect], _: &CallContext<'_>) -> Result<(), CommitError> {
        unreachable!("no test amends an order")
    }

    async fn resolve_pointer(&self, _: &Pointer, _: &CallContext<'_>) -> Result<Option<OrderNumber>, CommitError> {
        Ok(None)
    }

    async fn order(&self, _: &OrderNumber, _: &CallContext<'_>) -> Result<Option<Order>, CommitError> {
        Ok(None)
    }

    async fn orders_in_places(&self, _: &Owner, _: &CallContext<'_>) -> Result<BTreeSet<OrderNumber>, CommitError> {
        unreachable!("no test asks for places")
    }

    async fn free_places(&self, _: &Owner, _: &BTreeSet<OrderNumber>, _: &CallContext<'_>) -> Result<(), CommitError> {
        unreachable!("no test frees places")
    }

    async fn is_proven(&self, _: &PaymentProof, _: &CallContext<'_>) -> Result<bool, CommitError> {
        Ok(false)
    }

    async fn commit(&self, _: &Decision, _: &CallContext<'_>) -> Result<Committed, CommitError> {
        Ok(Committed::Ignored { reason: "never" })
    }

    async fn commit_together(&self, _: &[Decision], _: &CallContext<'_>) -> Vec<Result<Committed, CommitError>> {
        unreachable!("no test sends a batch")
    }
}

#[tokio::test]
async fn panic_is_answered_as_a_failure() {
    let function = function(PanickingLedger, Admission::default()).await;
    let reply = function.answer(&crate::sandbox::signed(&usage("e1", "k1", "3").to_string()), &invocation(1)).await;
    assert_eq!((reply.status, reply.body.as_str()), (500, r#"{"success":false,"message":"Internal error"}"#));
}

proptest! {
    /// A signed event in which any one value is replaced: it is refused without a panic, and succeeds only with the
    /// bytes that were signed.
    #[test]
    fn altered_payload_causes_no_panic_and_no_success(
        shape in prop::sample::select(vec![Shape::HttpApi, Shape::RestApi]),
        place in any::<prop::sample::Index>(),
        value in prop::sample::select(vec![json!(null), json!(true), json!(7), json!("x"), json!("é\n"), json!([]), json!({}), json!([{}])]),
    ) {
        let body = usage("e1", "k1", "0").to_string();
        let sent = Sent::post(EVENTS, body.as_bytes()).with("x-webhook-signature", signature(body.as_bytes()));
        let mut event: Value = serde_json::from_str(&sent.event(shape)).expect("JSON");
        let pointers = pointers(&event);
        let pointer = place.get(&pointers);
        *event.pointer_mut(pointer).expect("a value") = value;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let reply = runtime.block_on(async {
            let function = function(MemoryLedger::default(), Admission::default()).await;
            function.answer(&event.to_string(), &invocation(1)).await
        });
        // The key is unknown, so an event that passes every check is refused for that alone.
        prop_assert!([400, 401, 404, 405].contains(&reply.status), "{} at {pointer}", reply.status);
    }
}

/// The JSON pointers of all values.
fn pointers(value: &Value) -> Vec<String> {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(values) => values.iter().enumerate().map(|(number, value)| (number.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
    };
    let below = children
        .into_iter()
        .flat_map(|(name, value)| pointers(value).into_iter().map(move |rest| format!("/{name}{rest}")));
    std::iter::once(String::new()).chain(below).collect()
}

/// WeChat Pay, epay gateways and Fireblocks are optional: unconfigured, their routes answer 404.
#[tokio::test]
async fn unconfigured_provider_answers_404() {
    let rows = [(None, false), (Some(""), false), (Some("  "), false), (Some("1900000001"), true)];
    for (set, is_set_up) in rows {
        let only = |wanted: &'static str| move |name: &str| set.filter(|_| name == wanted).map(str::to_owned);
        assert_eq!(wechat::Config::is_set_up(only("WECHAT_MCH_ID")), is_set_up, "{set:?}");
        assert_eq!(epay::Config::is_set_up(only("EPAY_MERCHANTS")), is_set_up, "{set:?}");
        let workspace = fireblocks::Workspace::read(only("FIREBLOCKS_VAULT"));
        let expected = if is_set_up { Err(fireblocks::ConfigError::Workspace) } else { Ok(None) };
        assert_eq!(workspace, expected, "{set:?}: a vault without a workspace is refused");
    }
    let routes = [
        (Source::Wechat, "/payment/wechat/notify"),
        (Source::Wechat, "/payment/callback/HL1"),
        (Source::Epay, "/payment/health"),
        (Source::Fireblocks, crate::fireblocks::PATH),
    ];
    for (source, path) in routes {
        crate::log_capture::start_capture();
        let event = Sent::post(path, b"{}").event(Shape::HttpApi);
        let reply = edge::Unconfigured { source }.answer(&event, &crate::sandbox::invocation(1)).await;
        assert_eq!(reply, edge::Reply::empty(404), "{path}");
        let lines: Vec<_> = crate::log_capture::captured_lines();
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!((&line["source"], &line["outcome"]), (&source.as_str().into(), &"not_set_up".into()), "{path}");
    }
}
