//! Several spans in a delivery: what each becomes, what is kept, its replay, and whose a use is.

use edge::Service as _;
use openrouter::{Openrouter, OwnerBy, SETTINGS};
use serde_json::{Value, json};
use testkit::World;

use super::{KEY, body, function, receipt, sent, span};
use crate::sandbox::{SandboxOf, invocation, open_account, top_up};
use crate::suite::replay::{HOUR, Providers, keys, read_kept, row, run};

async fn world() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    open_account(&world, "bob", "k2", "2").await;
    world
}

/// The status, and the outcome of each span in its order.
async fn outcomes(world: &World, body: &str, attempt: u64) -> (u16, String) {
    let sandbox = SandboxOf::<Openrouter>::faultless(world).await;
    let reply = sandbox.deliver(body, &invocation(attempt)).await.expect("no fault");
    let body: Value = serde_json::from_str(&reply.body).expect("JSON");
    let outcome = |result: &Value| {
        let why = [&result["reason"], &result["field"]].into_iter().find_map(Value::as_str);
        let outcome = result["outcome"].as_str().expect("an outcome");
        why.map_or(outcome.to_owned(), |why| format!("{outcome}:{why}"))
    };
    let all: Vec<String> = body["results"].as_array().expect("results").iter().map(outcome).collect();
    (reply.status, all.join(" "))
}

fn text(name: &str, value: &str) -> Value {
    json!({ "key": name, "value": { "stringValue": value } })
}

fn push(span: &mut Value, attribute: Value) {
    span["attributes"].as_array_mut().expect("attributes").push(attribute);
}

#[tokio::test(start_paused = true)]
async fn each_span_has_its_own_outcome() {
    let attempt = json!({ "spanId": "1", "attributes": [
        text("span.type", "span"), text("gen_ai.response.id", "gen-1:attempt-0"),
    ] });
    let mut forged = span("gen-3", "k1", 1);
    push(&mut forged, text("trace.metadata.openrouter.api_key_name", "k2"));
    let mut chosen = span("gen-4", "k2", 1);
    push(&mut chosen, text("trace.metadata.api_key_name", "k1"));
    push(&mut chosen, text("trace.metadata.a", "1"));
    push(&mut chosen, text("trace.metadata.a", "2"));
    let spans = [
        span("gen-1", "k1", 3),
        attempt,
        span("gen-2", "k1", 4),
        forged,
        chosen,
        span("gen-1", "k1", 3),
        span("gen-1", "k1", 5),
        span("gen-5", "k2", 2),
        span("gen-6", "k9", 1),
        json!({}),
    ];
    let expected = "booked ignored:no_generation booked invalid:trace.metadata.openrouter.api_key_name booked duplicate \
                    conflict refused:insufficient_credits refused:unknown_key ignored:no_generation";
    let world = world().await;
    let delivery = body(&spans);
    assert_eq!(outcomes(&world, &delivery, 1).await, (200, expected.to_owned()));
    let books = world.books();
    books.check();
    let balances = ["alice/credits", "bob/credits"].map(|account| books.balance(account));
    assert_eq!(balances, [3_000_000_000, 1_000_000_000]);
    assert_eq!(outcomes(&world, &delivery, 2).await, (200, expected.replace("booked", "duplicate")));
    assert_eq!(world.books().accounts, books.accounts);
}

/// OpenRouter tests a destination with an empty body, which needs the key, too.
#[tokio::test(start_paused = true)]
async fn empty_test_of_a_destination_is_answered_200() {
    let world = world().await;
    let before = world.books();
    for body in [r#"{"resourceSpans":[]}"#, "{}", r#"{"resourceSpans":[{"scopeSpans":[]}]}"#] {
        assert_eq!(outcomes(&world, body, 1).await, (200, String::new()), "{body}");
    }
    assert_eq!(world.books(), before);
}

/// Neither the key nor a prompt is kept. What is refused is booked once its owner can pay, as any usage is.
#[tokio::test(start_paused = true)]
async fn refused_spans_are_replayed_by_their_seal() {
    let world = world().await;
    let spans = [span("gen-1", "k1", 3), span("gen-2", "k2", 4), span("gen-3", "k9", 1)];
    let expected = "booked refused:insufficient_credits refused:unknown_key";
    assert_eq!(outcomes(&world, &body(&spans), 1).await, (200, expected.to_owned()));
    for id in ["gen-2", "gen-3"] {
        let kept = read_kept(&world, receipt(id).as_str()).await;
        let text = format!("{:?} {}", kept.headers, String::from_utf8_lossy(&kept.bytes));
        assert!(!text.contains(KEY) && !text.contains("secret prompt"), "{text}");
    }
    top_up(&world, "more", "bob", "10").await;
    open_account(&world, "carol", "k9", "5").await;
    let (report, alarms) = run(&world, keys(), Providers::paid(), 2 * HOUR).await;
    assert_eq!((report.resolved, alarms), (2, Vec::new()), "{report:?}");
    for id in ["gen-1", "gen-2", "gen-3"] {
        assert_eq!(row(&world, receipt(id).as_str()), "processed", "{id}");
    }
    let books = world.books();
    books.check();
    assert_eq!((books.balance("bob/credits"), books.balance("carol/credits")), (8_000_000_000, 4_000_000_000));
}

/// Each of several live keys is accepted, and the owner is found by what the setting names.
#[tokio::test(start_paused = true)]
async fn any_live_key_and_the_configured_owner_count() {
    let world = World::new();
    open_account(&world, "alice", "user:u1", "10").await;
    let old = "an-older-key-of-the-tests-0123456789abcdef";
    let settings = edge::Settings::new([(SETTINGS[0].to_owned(), format!("{KEY} {old}"))]);
    let function = function(world.ledger(1), OwnerBy::User, settings).await;
    for (n, key) in [(1, KEY), (2, old)] {
        let mut used = span(&format!("gen-{n}"), "k1", 1);
        push(&mut used, text("user.id", "u1"));
        let reply = function.answer(&sent(&body(&[used]), key), &invocation(n)).await;
        assert_eq!((reply.status, reply.body.contains("\"booked\"")), (200, true), "{}", reply.body);
    }
    assert_eq!(world.books().balance("alice/credits"), 8_000_000_000);
}
