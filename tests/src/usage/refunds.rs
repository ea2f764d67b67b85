//! What a gateway gives back: each refund is booked once, to the payer of the key.

use edge::Worker as _;
use serde_json::{Value, json};
use testkit::{Books, Fault, World, now, usage};

use crate::budgets;
use crate::members::join;
use crate::sandbox::{SETTLED, Sandbox, invocation, message, moment_at, open_account, top_up};
use crate::stripe::{REFUSED, reconcile, run_at};

const BOOKED: &str = "Event processed successfully";
const REPEAT: &str = "Event already processed (idempotent)";
const CONFLICT: &str = "Event id already used with different data";
const ONE: i128 = 1_000_000_000;

fn refund(id: &str, key: &str, cost: &str) -> Value {
    let mut body = usage(id, key, cost);
    body["eventType"] = json!("refund");
    body
}

async fn deliver(world: &World, attempt: u64, body: &Value) -> String {
    let reply = Sandbox::faultless(world).await.deliver(&body.to_string(), &invocation(attempt)).await;
    message(&reply.expect("alive"))
}

async fn alice() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    world
}

fn checked(world: &World) -> Books {
    let books = world.books();
    books.check();
    books
}

/// A use and its refund are two events. Neither is the other, whatever their ids and sums.
#[tokio::test(start_paused = true)]
async fn refund_is_an_event_of_its_own() {
    let world = alice().await;
    for (attempt, (body, expected, left)) in (1..).zip([
        (usage("e1", "k1", "3"), BOOKED, 7),
        (refund("r1", "k1", "2"), BOOKED, 9),
        (refund("r1", "k1", "2"), REPEAT, 9),
        (refund("r1", "k1", "1"), CONFLICT, 9),
        (usage("r1", "k1", "2"), CONFLICT, 9),
        (refund("e1", "k1", "3"), CONFLICT, 9),
        (refund("r2", "k1", "0"), BOOKED, 9),
        // More than was charged: the gateway says what it gives back.
        (refund("r3", "k1", "100"), BOOKED, 109),
    ]) {
        assert_eq!(deliver(&world, attempt, &body).await, expected, "{body}");
        assert_eq!(checked(&world).balance("alice/credits"), left * ONE, "{body}");
    }
}

/// Every fault at every call of the delivery; then the gateway sends it again.
#[tokio::test(start_paused = true)]
async fn refund_is_booked_once_whatever_fails() {
    for fault in Fault::ALL {
        for at in 0..3 {
            let world = alice().await;
            let body = refund("r1", "k1", "3").to_string();
            let shaky = Sandbox::new(&world, 1, move |call, _| if call == at { fault } else { Fault::None }).await;
            shaky.deliver(&body, &invocation(1)).await;
            let reply = Sandbox::faultless(&world).await.deliver(&body, &invocation(2)).await;
            assert_eq!(reply.map(|reply| reply.status), Some(200), "{fault:?} at {at}");
            tokio::time::sleep(SETTLED).await;
            assert_eq!(checked(&world).balance("alice/credits"), 13 * ONE, "{fault:?} at {at}");
        }
    }
}

/// It waits in the lane of its key, as usage does, and nothing is owed for it.
#[tokio::test(start_paused = true)]
async fn refund_of_an_unknown_key_waits_for_the_key() {
    let world = alice().await;
    for attempt in 1..=2 {
        assert_eq!(deliver(&world, attempt, &refund("r1", "k9", "3")).await, "Unknown remoteKeyId");
    }
    assert_eq!(checked(&world).journal["usage#r1"].reason.as_deref(), Some("unknown_key"));
    open_account(&world, "bob", "k9", "1").await;
    reconcile(world.ledger(0), &[]).work(REFUSED, &run_at(3, 3_600)).await.expect("a run");
    assert_eq!(checked(&world).balance("bob/credits"), 4 * ONE);
    assert_eq!(deliver(&world, 4, &refund("r1", "k9", "3")).await, REPEAT);
}

/// The payer at the time of the refund gets it.
#[tokio::test(start_paused = true)]
async fn refund_of_a_member_goes_to_the_team() {
    let world = alice().await;
    top_up(&world, "team", "team", "5").await;
    join(&world, "j1", "k1", "team", 0).await;
    let mut body = refund("r1", "k1", "3");
    body["timestamp"] = json!(now().plus_seconds(10).to_string());
    let reply =
        Sandbox::faultless(&world).await.deliver(&body.to_string(), &moment_at(1, now().plus_seconds(10))).await;
    assert_eq!(message(&reply.expect("alive")), BOOKED);
    let books = checked(&world);
    assert_eq!((books.balance("team/credits"), books.balance("alice/credits")), (8 * ONE, 10 * ONE));
}

/// The use has taken place: its refund gives the key's budget no room.
#[tokio::test(start_paused = true)]
async fn refund_gives_a_budget_no_room() {
    let world = budgets::world().await;
    assert_eq!(deliver(&world, 1, &usage("e1", "k1", "3")).await, BOOKED);
    let counted = checked(&world).spent;
    assert!(!counted.is_empty(), "a budget counts");
    assert_eq!(deliver(&world, 2, &refund("r1", "k1", "3")).await, BOOKED);
    let books = checked(&world);
    assert_eq!((books.spent.clone(), books.balance("alice/credits")), (counted, 100 * ONE));
}
