//! The round trips of a usage event by what a sandbox has cached, and the size of its row. `costs` counts its units.

use ledger::Grant;
use serde_json::{Value, json};
use testkit::{Call, Fault, World, usage};

use crate::fulfil;
use crate::members::join;
use crate::sandbox::{Sandbox, invocation, message, moment_at, open_account, top_up};

/// DynamoDB bills writes in units of this size.
pub(super) const WRITE_UNIT_BYTES: usize = 1_024;

async fn world() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "1000").await;
    world
}

fn operations(calls: &[Call]) -> Vec<&str> {
    calls.iter().map(|call| call.operation.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn event_takes_its_expected_round_trips() {
    const BOOKED: &str = "Event processed successfully";
    const REPEAT: &str = "Event already processed (idempotent)";
    let world = world().await;
    let (warm, cold) = (Sandbox::faultless(&world).await, Sandbox::faultless(&world).await);
    let rows = [
        ("a key that is not cached", &warm, "e1", 0, BOOKED, "GetItem TransactWriteItems"),
        ("a cached key", &warm, "e2", 59, BOOKED, "TransactWriteItems"),
        ("a key that was cached a minute ago", &warm, "e3", 60, BOOKED, "GetItem TransactWriteItems"),
        ("a repeat, warm, after the key expired from the cache", &warm, "e1", 500, REPEAT, ""),
        ("a cold sandbox fetches the key", &cold, "e4", 0, BOOKED, "GetItem TransactWriteItems"),
        ("a repeat, cold", &cold, "e1", 1, REPEAT, "TransactWriteItems"),
        ("the same repeat again", &cold, "e1", 2, REPEAT, ""),
    ];
    for (attempt, (name, sandbox, id, late, text, expected)) in (1..).zip(rows) {
        let before = sandbox.faults.calls().len();
        let invocation = moment_at(attempt, testkit::now().plus_seconds(late));
        let reply = sandbox.deliver(&usage(id, "k1", "1").to_string(), &invocation).await.expect("alive");
        let calls = sandbox.faults.calls();
        let operations = operations(&calls).split_off(before).join(" ");
        assert_eq!((message(&reply).as_str(), operations.as_str()), (text, expected), "{name}");
    }
}

/// Fulfilment requires the payment row: a run reads it once, strongly, and each commit checks it.
#[tokio::test(start_paused = true)]
async fn payment_row_costs_one_read_a_run_and_one_check_a_commit() {
    let world = fulfil::paid(vec![fulfil::tokens(false), Grant::Report(fulfil::word("full"))]).await;
    let run = async |attempt: u64| {
        let (ledger, faults) = world.faulty(attempt, |_, _| Fault::None);
        assert!(fulfil::work(&fulfil::worker(ledger, None, None).await, &fulfil::run_at(attempt, 1)).await);
        faults.calls()
    };
    let (with_work, without) = (run(1).await, run(2).await);
    let of_payment = |call: &&Call| call.request["Key"]["id"]["S"] == "payment#stripe#pi_1";
    let reads: Vec<_> = with_work.iter().filter(of_payment).map(|call| &call.request["ConsistentRead"]).collect();
    assert_eq!(reads, [true]);
    assert_eq!(without.iter().filter(of_payment).count(), 0, "a run without work reads only the order");
    let commits: Vec<_> = with_work.iter().filter(|call| call.operation == "TransactWriteItems").collect();
    let checks = commits.iter().map(|call| {
        let items = call.request["TransactItems"].as_array().expect("items");
        items.iter().filter(|item| item["ConditionCheck"]["Key"]["id"]["S"] == "payment#stripe#pi_1").count()
    });
    assert_eq!(checks.collect::<Vec<_>>(), [1], "{}", operations(&with_work).join(" "));
    // Two write units each: the receipt, the entries of tokens, report and two commissions, and the check.
    let answer = commits[0].answer.clone().expect("an answer");
    let tables = answer["ConsumedCapacity"].as_array().expect("capacity");
    let journal = tables.iter().find(|row| row["TableName"] == "hookledger-local-journal").expect("the journal");
    assert_eq!(journal["Table"]["CapacityUnits"], json!(12.0), "{answer}");
}

/// The largest accepted event of the longest owner's member: its row is one write unit.
#[tokio::test(start_paused = true)]
async fn largest_row_fits_a_write_unit() {
    let world = World::new();
    let (owner, key) = ("o".repeat(64), "k".repeat(64));
    let team = "t".repeat(64);
    open_account(&world, &owner, &key, "0").await;
    top_up(&world, "team", &team, "999999999999.999999999").await;
    join(&world, "j1", &key, &team, 0).await;
    let mut body = usage(&"e".repeat(128), &key, "999999999999.999999999");
    body["timestamp"] = json!("2026-01-01T00:00:00.000Z");
    body["data"]["model"] = json!("m".repeat(128));
    for (field, tokens) in
        [("promptTokens", u64::MAX / 2), ("completionTokens", u64::MAX / 2), ("totalTokens", u64::MAX)]
    {
        body["data"][field] = json!(tokens);
    }
    let reply = Sandbox::faultless(&world).await.deliver(&body.to_string(), &invocation(1)).await.expect("alive");
    assert_eq!(reply.status, 200, "{}", reply.body);
    let read = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": format!("usage#{}", "e".repeat(128)) } } });
    let row = world.engine.request("GetItem", &read).expect("a row");
    let size = size_of_map(&row["Item"]);
    assert!(size <= WRITE_UNIT_BYTES, "{size} bytes");
}

/// DynamoDB's size: names and values, three bytes for a map and one for each of its values.
pub(super) fn size_of_map(map: &Value) -> usize {
    map.as_object().expect("a map").iter().map(|(name, value)| name.len() + size(value)).sum()
}

fn size(value: &Value) -> usize {
    let (kind, value) = value.as_object().and_then(|value| value.iter().next()).expect("a typed value");
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        ("N", Value::String(digits)) => digits.len().div_ceil(2) + 1,
        ("M", map) => 3 + map.as_object().expect("a map").len() + size_of_map(map),
        other => panic!("{other:?}"),
    }
}

/// A commit whose response was lost is recognised by its own token: the sender gets one success, and one attempt is counted.
#[tokio::test(start_paused = true)]
async fn lost_response_counts_one_attempt() {
    for (cost, call, expected) in [("1", 1, "Event processed successfully"), ("2000", 2, "Insufficient credits")] {
        for fault in [Fault::DropResponse, Fault::Reset, Fault::Garbage, Fault::ServerErrorApplied] {
            let world = world().await;
            let sandbox =
                Sandbox::new(&world, 1, move |number, _| if number == call { fault } else { Fault::None }).await;
            let reply = sandbox.deliver(&usage("e1", "k1", cost).to_string(), &invocation(1)).await.expect("alive");
            assert_eq!(message(&reply), expected, "{fault:?}");
            assert_eq!(world.books().journal["usage#e1"].attempts, 1, "{fault:?}");
        }
    }
}

/// Refused, topped up, retried: booked once, and the row counts the attempts.
#[tokio::test(start_paused = true)]
async fn refused_event_is_booked_after_a_top_up() {
    let world = world().await;
    let sandbox = Sandbox::faultless(&world).await;
    let body = usage("e1", "k1", "1500").to_string();
    let mut statuses = Vec::new();
    for attempt in 1..=4 {
        if attempt == 3 {
            top_up(&world, "more", "alice", "500").await;
        }
        statuses.push(sandbox.deliver(&body, &invocation(attempt)).await.expect("alive").status);
    }
    assert_eq!(statuses, [402, 402, 200, 200]);
    let books = world.books();
    books.check();
    assert_eq!((books.balance("alice/credits"), books.journal["usage#e1"].attempts), (0, 3));
}
