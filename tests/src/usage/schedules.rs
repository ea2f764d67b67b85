//! Random schedules of duplicate, concurrent and reordered deliveries with faults. A failure prints its seed;
//! `HOOKLEDGER_SEED=17 cargo test -p tests usage::schedules` replays it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use testkit::{World, usage};
use tokio::task::JoinSet;

use crate::recorded::is_all_tried;
use crate::sandbox::{Named, SETTLED, Sandbox, invocation, open_account, top_up};

/// In parts that run in parallel: two thousand in all, of ten thousand.
const TRIED_PER_PART: u64 = 500;
const SCHEDULES_PER_PART: u64 = 2_500;

#[test]
fn random_schedules_of_part_1_add_up() {
    play(0);
}

#[test]
fn random_schedules_of_part_2_add_up() {
    play(1);
}

#[test]
fn random_schedules_of_part_3_add_up() {
    play(2);
}

#[test]
fn random_schedules_of_part_4_add_up() {
    play(3);
}

#[test]
fn seed_replays_the_same_calls() {
    assert_eq!(schedule_of(4_711), schedule_of(4_711));
}

#[expect(clippy::disallowed_methods, reason = "how a person names the seed to play again")]
fn play(part: u64) {
    let seeds = if is_all_tried() { SCHEDULES_PER_PART } else { TRIED_PER_PART };
    let first = part * SCHEDULES_PER_PART;
    match std::env::var("HOOKLEDGER_SEED") {
        Ok(seed) => drop(schedule_of(seed.parse().expect("HOOKLEDGER_SEED is a number"))),
        Err(_) => (first..first + seeds).for_each(|seed| drop(schedule_of(seed))),
    }
}

/// Plays the schedule. Returns every call to the store, in order.
fn schedule_of(seed: u64) -> Vec<String> {
    let _named = Named { seed, tests: "usage::schedules" };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(schedule(Rng::with_seed(seed)))
}

struct Planned {
    id: String,
    owner: usize,
    cost: u64,
}

async fn schedule(mut rng: Rng) -> Vec<String> {
    let world = World::new();
    let owners = rng.usize(1..=2);
    let funds: Vec<u64> = (0..owners).map(|_| rng.u64(0..=20)).collect();
    for (owner, funds) in funds.iter().enumerate() {
        open_account(&world, &format!("owner-{owner}"), &format!("key-{owner}"), &funds.to_string()).await;
    }
    let events: Vec<Planned> = (0..rng.usize(1..=5))
        .map(|n| Planned { id: format!("e{n}"), owner: rng.usize(0..owners), cost: rng.u64(0..=8) })
        .collect();

    let mut sandboxes = Vec::new();
    for _ in 0..rng.usize(1..=3) {
        sandboxes.push(Arc::new(Sandbox::unlucky(&world, &mut rng).await));
    }
    let mut deliveries = JoinSet::new();
    for attempt in 1..=rng.u64(1..=9) {
        let event = &events[rng.usize(0..events.len())];
        // One in eight conflicts with an earlier event of the same id.
        let cost = if rng.u8(0..8) == 0 { event.cost + 1 } else { event.cost };
        let body = body(event, cost);
        let sandbox = Arc::clone(&sandboxes[rng.usize(0..sandboxes.len())]);
        let start = Duration::from_millis(rng.u64(0..=3_000));
        deliveries.spawn(async move {
            tokio::time::sleep(start).await;
            sandbox.deliver(&body, &invocation(attempt)).await.map(|reply| (body, reply.status))
        });
    }
    let mut acknowledged = Vec::new();
    while let Some(delivered) = deliveries.join_next().await {
        acknowledged
            .extend(delivered.expect("no delivery panics").filter(|(_, status)| *status == 200).map(|(body, _)| body));
    }
    tokio::time::sleep(SETTLED).await;

    // Without top-ups a balance only falls, so one that is not below its limit now never was.
    let books = world.books();
    books.check();
    assert!(books.accounts.values().all(|account| account.available >= 0), "below the line");
    let booked_early: Vec<String> = books.processed().map(str::to_owned).collect();

    // Every owner gets a top-up, the senders retry until they are acknowledged, and every event is booked in the end.
    for owner in 0..owners {
        top_up(&world, &format!("later-{owner}"), &format!("owner-{owner}"), "100").await;
    }
    let steady = Sandbox::faultless(&world).await;
    let mut costs = BTreeMap::new();
    for (attempt, event) in (100..).zip(&events) {
        let mut booked_cost = None;
        // The first commit of an id counts, and it may have been the conflicting one.
        for cost in [event.cost, event.cost + 1] {
            let reply = steady.deliver(&body(event, cost), &invocation(attempt)).await.expect("no fault");
            match (reply.status, booked_cost) {
                (200, None) => booked_cost = Some(cost),
                (409, _) => {}
                other => panic!("{} at {cost}: {other:?}", event.id),
            }
        }
        costs.insert(event.id.clone(), booked_cost.expect("one of the two is booked"));
    }
    let books = world.books();
    books.check();
    for (owner, funds) in funds.iter().enumerate() {
        let spent: u64 = events.iter().filter(|event| event.owner == owner).map(|event| costs[&event.id]).sum();
        let left = (i128::from(funds + 100) - i128::from(spent)) * 1_000_000_000;
        assert_eq!(books.balance(&format!("owner-{owner}/credits")), left, "owner {owner}");
    }
    for id in booked_early {
        assert_eq!(books.journal[&id].status, "processed", "{id} was booked and is no more");
    }
    for body in acknowledged {
        let body: serde_json::Value = serde_json::from_str(&body).expect("a body");
        let id = body["eventId"].as_str().expect("an id");
        assert_eq!(
            body["data"]["creditCost"],
            costs[id].to_string(),
            "{id} was acknowledged and is not the booked event"
        );
    }
    sandboxes.iter().flat_map(|sandbox| sandbox.faults.calls()).map(|call| call.operation).collect()
}

fn body(event: &Planned, cost: u64) -> String {
    usage(&event.id, &format!("key-{}", event.owner), &cost.to_string()).to_string()
}
