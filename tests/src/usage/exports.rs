//! Exported statements in the order of the index `by_account`: a later commit comes later.

use std::time::Duration;

use ledger::{Audit as _, Timestamp};
use serde_json::json;
use testkit::{Fault, World, context, now, usage};

use crate::sandbox::{Sandbox, invocation, message, moment_at, open_account, top_up};

const BOOKED: &str = "Event processed successfully";

fn time(world: &World, id: &str, name: &str) -> Timestamp {
    let read = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": id } } });
    let row = world.engine.request("GetItem", &read).expect("an answer");
    let text = row["Item"][name]["S"].as_str().map(str::to_owned);
    Timestamp::parse_rfc3339(&text.unwrap_or_else(|| panic!("no {name} on {id}"))).expect("a time")
}

/// A sandbox whose transaction is lost this often, and so is committed later.
async fn slow(world: &World, lost: usize) -> Sandbox {
    // Call 0 reads the owner of the key.
    Sandbox::new(world, 1, move |call, _| if (1..=lost).contains(&call) { Fault::DropRequest } else { Fault::None })
        .await
}

#[tokio::test(start_paused = true)]
async fn later_commit_comes_later_in_the_statement() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    // Received second and committed first; the exporter reads up to it.
    let quick = Sandbox::faultless(&world).await;
    let second = quick.deliver(&usage("second", "k1", "1").to_string(), &moment_at(1, now().plus_seconds(1))).await;
    assert_eq!(message(&second.expect("alive")), BOOKED);
    let ledger = world.ledger(9);
    let exported = ledger.lines("alice/credits", None, 100, &context(9)).await.expect("lines");
    let first = slow(&world, 2).await.deliver(&usage("first", "k1", "1").to_string(), &invocation(2)).await;
    assert_eq!(message(&first.expect("alive")), BOOKED);
    let more = ledger.lines("alice/credits", exported.last.as_ref(), 100, &context(9)).await.expect("lines");
    let keys: Vec<&str> = more.lines.iter().map(|line| line.key.as_str()).collect();
    assert_eq!(keys, ["usage#first"], "after {:?}", exported.last);
}

#[tokio::test(start_paused = true)]
async fn processed_at_is_the_time_of_the_attempt_that_is_applied() {
    let rows = [(0, 0..100), (1, 1_000..1_100), (2, 2_000..2_200)];
    for (lost, expected) in rows {
        let world = World::new();
        open_account(&world, "alice", "k1", "10").await;
        let reply = slow(&world, lost).await.deliver(&usage("e1", "k1", "1").to_string(), &invocation(1)).await;
        assert_eq!(message(&reply.expect("alive")), BOOKED);
        let (received_at, processed_at) =
            (time(&world, "usage#e1", "received_at"), time(&world, "usage#e1", "processed_at"));
        let late = processed_at.unix_ms() - received_at.unix_ms();
        assert_eq!(received_at, now(), "{lost} lost");
        assert!(expected.contains(&late), "{lost} lost: {late} ms");
    }
}

/// A commit whose response was lost keeps the time of its attempt, and a repeat returns that time.
#[tokio::test(start_paused = true)]
async fn lost_answer_keeps_the_time_of_its_attempt() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let sandbox = Sandbox::new(&world, 1, |call, _| if call == 1 { Fault::DropResponse } else { Fault::None }).await;
    let reply = sandbox.deliver(&usage("e1", "k1", "1").to_string(), &invocation(1)).await.expect("alive");
    assert_eq!((message(&reply), time(&world, "usage#e1", "processed_at")), (BOOKED.to_owned(), now()));
}

/// A refused event that is replayed is booked at the time of the replay.
#[tokio::test(start_paused = true)]
async fn replay_is_booked_at_its_own_time() {
    let world = World::new();
    open_account(&world, "alice", "k1", "1").await;
    let sandbox = Sandbox::faultless(&world).await;
    let body = usage("e1", "k1", "5").to_string();
    sandbox.deliver(&body, &invocation(1)).await.expect("alive");
    top_up(&world, "more", "alice", "10").await;
    tokio::time::advance(Duration::from_mins(1)).await;
    sandbox.deliver(&body, &moment_at(2, now().plus_seconds(60))).await.expect("alive");
    let [received, processed] = ["received_at", "processed_at"].map(|name| time(&world, "usage#e1", name));
    assert_eq!((received, processed), (now(), now().plus_seconds(60)));
}
