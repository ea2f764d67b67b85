//! Events that the rate card prices: by the row of their time, once, and later if no row was there.

use catalog::Catalog;
use edge::{Invocation, Keyring, Service as _, Vault, Worker as _};
use idempotency::DynamoLedger;
use ledger::{Holds as _, Timestamp};
use serde_json::{Value, json};
use testkit::{World, context, now, usage};
use usage::Usage;
use webhook::{Admission, Function, Webhook as _};

use super::costs::{WRITE_UNIT_BYTES, size_of_map};
use super::refusals::books;
use crate::holds::{hold_of, settle};
use crate::log_capture::{captured_lines, start_capture};
use crate::members::join;
use crate::sandbox::{invocation, message, moment_at, open_account, settings, signed, top_up};
use crate::stripe::{REFUSED, reconcile, run_at};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;

/// A source with a card of these rows, and a hundred credits for a dollar.
fn source(fields: &str) -> Usage {
    let card = format!(r#"{{ "products": {{}}, "rate_card": {{ "credits_per_usd": "100", {fields} }} }}"#);
    Usage::new(&Catalog::parse(&card).expect("a catalog"))
}

fn row(model: &str, from: Option<Timestamp>, usd: &str) -> String {
    let from = from.map_or_else(String::new, |from| format!(r#""from": "{from}","#));
    format!(r#"{{ "model": "{model}", {from} "per_million": {{ "input": "{usd}", "output": "{usd}" }} }}"#)
}

fn rows(rows: &[String]) -> String {
    format!(r#""prices": [{}]"#, rows.join(","))
}

async fn function(world: &World, source: Usage) -> Function<Usage, DynamoLedger> {
    let keys = Keyring::open(Vault::Here(settings()), Usage::keys, now()).await.expect("keys");
    Function::new(source, keys, Admission::default(), world.ledger(1))
}

/// An event of 150 tokens without a cost, of this time.
fn unpriced(id: &str, at: Timestamp) -> Value {
    let mut body = usage(id, "k1", "1");
    body["data"].as_object_mut().expect("an object").remove("creditCost");
    body["timestamp"] = json!(at.to_string());
    body
}

async fn deliver(function: &Function<Usage, DynamoLedger>, body: &Value, at: &Invocation) -> (u16, String) {
    let reply = function.answer(&signed(&body.to_string()), at).await;
    (reply.status, message(&reply))
}

/// The facts of an event's row, as their texts.
fn fact(world: &World, id: &str, name: &str) -> Option<String> {
    let read = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": format!("usage#{id}") } } });
    let row = world.engine.request("GetItem", &read).expect("a row");
    row["Item"]["facts"]["M"][name]["S"].as_str().map(str::to_owned)
}

fn spent(world: &World) -> i128 {
    10_000_000_000 - world.books().balance("alice/credits")
}

fn price_alarms() -> Vec<String> {
    let lines = captured_lines().into_iter().filter(|line| line["alarm"] == "price_differs");
    lines.map(|line| line["subject"].as_str().expect("a subject").to_owned()).collect()
}

/// 150 tokens at 10 USD a million are 0.15 credits. Each event has the price of its own time, or of its receipt if it is
/// dated later, and a repeat changes nothing, whatever card is deployed by then.
#[tokio::test(start_paused = true)]
async fn event_has_the_price_of_its_time() {
    let world = books().await;
    let (before, change) = (now().plus_seconds(-HOUR), now().plus_seconds(-MINUTE));
    let ahead = now().plus_seconds(MINUTE);
    let card =
        rows(&[row("gpt-4o*", None, "10"), row("gpt-4o*", Some(change), "20"), row("gpt-4o*", Some(ahead), "40")]);
    let deployed = function(&world, source(&card)).await;
    let mut sum = 0;
    for (id, at, cost, price) in [
        ("e1", before, "0.15", "gpt-4o*".to_owned()),
        ("e2", change.plus_seconds(-1), "0.15", "gpt-4o*".to_owned()),
        ("e3", change, "0.3", format!("gpt-4o* from {change}")),
        ("e4", now(), "0.3", format!("gpt-4o* from {change}")),
        ("e5", now().plus_seconds(HOUR), "0.3", format!("gpt-4o* from {change}")),
    ] {
        let event = unpriced(id, at);
        let reply = deliver(&deployed, &event, &invocation(1)).await;
        assert_eq!(reply, (200, "Event processed successfully".to_owned()), "{id}");
        assert_eq!((fact(&world, id, "cost").as_deref(), fact(&world, id, "price")), (Some(cost), Some(price)), "{id}");
        sum += if cost == "0.15" { 150_000_000 } else { 300_000_000 };
        assert_eq!(spent(&world), sum, "{id}");
        // Other prices, in a sandbox that remembers nothing.
        let later = function(&world, source(&rows(&[row("*", None, "500")]))).await;
        let reply = deliver(&later, &event, &invocation(2)).await;
        assert_eq!(reply, (200, "Event already processed (idempotent)".to_owned()), "{id}");
    }
    assert_eq!(spent(&world), sum);
    world.books().check();
}

/// Refused and kept until a card has its price; then the sweep books it at the price of its time, and not of today.
#[tokio::test(start_paused = true)]
async fn event_without_a_price_is_booked_once_a_card_has_it() {
    for (name, card) in [("no card for it", rows(&[row("claude*", None, "1")])), ("no rows", rows(&[]))] {
        let world = books().await;
        let without = function(&world, source(&card)).await;
        let event = unpriced("e1", now());
        for attempt in 1..=2 {
            let reply = deliver(&without, &event, &invocation(attempt)).await;
            assert_eq!(reply, (404, "No price for this model".to_owned()), "{name}");
        }
        let kept = world.books().journal["usage#e1"].clone();
        assert_eq!((kept.reason.as_deref(), kept.needs_attention), (Some("no_price"), true), "{name}");
        let sweep = async |source: Usage, after_s: i64| {
            let reconcile = reconcile::Reconcile { usage: source, ..reconcile(world.ledger(0), &[]) };
            reconcile.work(REFUSED, &run_at(9, after_s)).await.expect("a run");
        };
        sweep(source(&card), MINUTE).await;
        assert_eq!(world.books().journal["usage#e1"].reason.as_deref(), Some("no_price"), "{name}");
        // Deployed a day later, with a price of that day.
        let card = rows(&[row("gpt-4o", None, "10"), row("gpt-4o", Some(now().plus_seconds(12 * HOUR)), "40")]);
        sweep(source(&card), 25 * HOUR).await;
        assert_eq!((spent(&world), fact(&world, "e1", "price").as_deref()), (150_000_000, Some("gpt-4o")), "{name}");
        // The sender's own retry.
        let with = function(&world, source(&card)).await;
        let reply = deliver(&with, &event, &moment_at(3, now().plus_seconds(26 * HOUR))).await;
        assert_eq!(reply, (200, "Event already processed (idempotent)".to_owned()), "{name}");
        world.books().check();
    }
}

/// Thousands of events of a model without a price cost a look at their lane, and are booked by a few runs once it has
/// one: those whose time has a price, and no others.
#[tokio::test(start_paused = true)]
async fn events_of_a_model_wait_in_its_lane() {
    const EVENTS: usize = 120;
    let world = books().await;
    let without = function(&world, source(&rows(&[row("claude*", None, "1")]))).await;
    for number in 0..EVENTS {
        let at = now().plus_seconds(if number % 3 == 0 { -HOUR } else { 0 });
        assert_eq!(deliver(&without, &unpriced(&format!("e{number}"), at), &invocation(1)).await.0, 404);
    }
    let sweep = async |card: &str, after_s: i64| {
        let attempt = 1_000 + u64::try_from(after_s).expect("later");
        let reconcile = reconcile::Reconcile { usage: source(card), ..reconcile(world.ledger(0), &[]) };
        let reconcile::Report::Refused(report) =
            reconcile.work(REFUSED, &run_at(attempt, after_s)).await.expect("a run")
        else {
            panic!("another sweep")
        };
        (report.tried, report.resolved)
    };
    for minutes in [1, 2, 4, 8, 16, 26, 36] {
        assert_eq!(sweep(&rows(&[]), minutes * MINUTE).await, (0, 0), "after {minutes} minutes");
    }
    // Its price begins half an hour before the receipt. All have a row at their receipt, and a third had none at their time.
    let card = rows(&[row("gpt-4o", Some(now().plus_seconds(-HOUR / 2)), "1")]);
    assert_eq!(sweep(&card, 46 * MINUTE).await, (120, 80));
    assert_eq!(sweep(&card, 56 * MINUTE).await, (25, 0), "a turn, and no more");
    assert_eq!(spent(&world), 80 * 15_000_000);
    let earlier = rows(&[row("gpt-4o", None, "2"), row("gpt-4o", Some(now().plus_seconds(-HOUR / 2)), "1")]);
    assert_eq!(sweep(&earlier, 66 * MINUTE).await, (40, 40));
    assert_eq!(spent(&world), 80 * 15_000_000 + 40 * 30_000_000);
    world.books().check();
}

/// The key may be unknown too: the event waits in the key's lane with what it costs.
#[tokio::test(start_paused = true)]
async fn priced_event_of_an_unknown_key_waits_for_the_key() {
    let world = books().await;
    let deployed = function(&world, source(&rows(&[row("gpt-4o", None, "10")]))).await;
    let mut event = unpriced("e1", now());
    event["data"]["remoteKeyId"] = json!("k9");
    assert_eq!(deliver(&deployed, &event, &invocation(1)).await, (404, "Unknown remoteKeyId".to_owned()));
    assert_eq!(fact(&world, "e1", "cost").as_deref(), Some("0.15"));
    assert_eq!(world.books().journal["usage#e1"].reason.as_deref(), Some("unknown_key"));
}

/// A reported cost is booked as reported. One that differs from the card's by more than one per cent is an alarm.
#[tokio::test(start_paused = true)]
async fn cost_that_differs_from_the_card_is_an_alarm() {
    let card = |check: &str| source(&format!("{check} {}", rows(&[row("gpt-4o", None, "10")])));
    for (check, cost, model, expected) in [
        (r#""check": 100,"#, "0.15", "gpt-4o", false),
        (r#""check": 100,"#, "0.1515", "gpt-4o", false),
        (r#""check": 100,"#, "0.1516", "gpt-4o", true),
        (r#""check": 100,"#, "0.1484", "gpt-4o", true),
        (r#""check": 100,"#, "0", "gpt-4o", true),
        // Nothing to compare it with, and no comparison.
        (r#""check": 100,"#, "7", "gpt-4o-mini", false),
        ("", "7", "gpt-4o", false),
    ] {
        let world = books().await;
        let deployed = function(&world, card(check)).await;
        let mut event = usage("e1", "k1", cost);
        event["data"]["model"] = json!(model);
        start_capture();
        let reply = deliver(&deployed, &event, &invocation(1)).await;
        assert_eq!(reply.0, 200, "{cost}");
        let expected: &[&str] = if expected { &["usage#e1"] } else { &[] };
        assert_eq!(price_alarms(), expected, "{cost} of {model} with {check}");
        assert_eq!((fact(&world, "e1", "cost").as_deref(), fact(&world, "e1", "price")), (Some(cost), None));
    }
}

/// The largest event that a card prices, of the longest owner's member: its row is one write unit unless its model has an
/// unusually long name.
#[tokio::test(start_paused = true)]
async fn largest_priced_row_fits_a_write_unit() {
    for (model, bytes_max) in [("m".repeat(64), WRITE_UNIT_BYTES), ("m".repeat(128), WRITE_UNIT_BYTES + 64)] {
        let world = World::new();
        let (owner, key, team) = ("o".repeat(64), "k".repeat(64), "t".repeat(64));
        open_account(&world, &owner, &key, "0").await;
        top_up(&world, "team", &team, "999999999999.999999999").await;
        join(&world, "j1", &key, &team, 0).await;
        let from = now().plus_seconds(-HOUR);
        let prices = r#""per_million": { "input": "499.999999999", "output": "499.999999999" }, "per_image": "0", "per_second": "0""#;
        let card = source(&rows(&[format!(r#"{{ "model": "{model}", "from": "{from}", {prices} }}"#)]));
        let mut body = unpriced(&"e".repeat(128), now());
        let most = 999_999_999_999_u64;
        body["data"] = json!({
            "remoteKeyId": key, "model": model, "promptTokens": most, "completionTokens": most, "totalTokens": u64::MAX,
            "cachedTokens": most - 100_000_000_001, "cacheWriteTokens": 100_000_000_001_u64, "reasoningTokens": most,
            "images": 999_999, "seconds": "999999.999",
        });
        let reply = deliver(&function(&world, card).await, &body, &invocation(1)).await;
        assert_eq!(reply.0, 200, "{reply:?}");
        let read = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": format!("usage#{}", "e".repeat(128)) } } });
        let row = world.engine.request("GetItem", &read).expect("a row");
        let size = size_of_map(&row["Item"]);
        assert!(size <= bytes_max, "{size} bytes");
        assert!(size > bytes_max - 20, "{size} bytes: the limit is close");
    }
}

/// A hold and an event report one use. The first cost that is booked stands; another is the alarm, and no conflict.
#[tokio::test(start_paused = true)]
async fn second_channel_with_another_cost_is_an_alarm() {
    for (settled, reported, is_alarm) in [("0.15", "0.15", false), ("0.15", "0.2", true), ("0.2", "0.15", true)] {
        for settles_first in [true, false] {
            let world = books().await;
            let (ledger, deployed) = (world.ledger(5), function(&world, Usage::default()).await);
            let hold =
                ledger.open_hold(&hold_of("alice", "h1", "1", Some("e1"), None), &context(1)).await.expect("a hold");
            start_capture();
            if settles_first {
                ledger.close_hold(&hold, &settle(settled), &context(2)).await.expect("settled");
            }
            let reply = deliver(&deployed, &usage("e1", "k1", reported), &invocation(3)).await;
            assert_eq!(reply.0, 200, "{settled} {reported}");
            if !settles_first {
                ledger.close_hold(&hold, &settle(settled), &context(2)).await.expect("settled");
            }
            let expected: &[&str] = if is_alarm { &["usage#e1"] } else { &[] };
            assert_eq!(price_alarms(), expected, "{settled} {reported}, the settlement first: {settles_first}");
            let first = if settles_first { settled } else { reported };
            assert_eq!(spent(&world), if first == "0.15" { 150_000_000 } else { 200_000_000 });
            world.books().check();
        }
    }
}
