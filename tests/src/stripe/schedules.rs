//! Random schedules of repeated and concurrent events of one payment and one subscription, with network faults. A failure prints its
//! seed; `HOOKLEDGER_SEED=17 cargo test -p tests stripe::schedules` replays it.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use tokio::task::JoinSet;

use super::*;
use crate::recorded::is_all_tried;
use crate::sandbox::{Named, SETTLED};

/// In each part.
const TRIED_PER_PART: u64 = 150;
const SCHEDULES_PER_PART: u64 = 500;

const OF_ONE_SUBSCRIPTION: [&str; 9] = [
    "customer_subscription_created",
    "customer_subscription_updated",
    "customer_subscription_deleted",
    "invoice_paid",
    "invoice_payment_succeeded",
    "invoice_payment_failed",
    "invoice_payment_paid",
    "refund_updated_subscription",
    "charge_dispute_created_subscription",
];

#[test]
fn random_schedules_of_part_1_converge() {
    play(0);
}

#[test]
fn random_schedules_of_part_2_converge() {
    play(1);
}

#[expect(clippy::disallowed_methods, reason = "a developer sets the seed to replay")]
fn play(part: u64) {
    let seeds = if is_all_tried() { SCHEDULES_PER_PART } else { TRIED_PER_PART };
    let first = part * SCHEDULES_PER_PART;
    match std::env::var("HOOKLEDGER_SEED") {
        Ok(seed) => schedule_of(seed.parse().expect("HOOKLEDGER_SEED is a number")),
        Err(_) => (first..first + seeds).for_each(schedule_of),
    }
}

fn schedule_of(seed: u64) {
    let _named = Named { seed, tests: "stripe::schedules" };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    runtime.block_on(schedule(Rng::with_seed(seed)));
}

async fn schedule(mut rng: Rng) {
    let mut names: Vec<&str> = OF_ONE_PAYMENT.into_iter().chain(OF_ONE_SUBSCRIPTION).collect();
    rng.shuffle(&mut names);
    names.truncate(rng.usize(2..=7));
    let bodies: Vec<String> = names
        .iter()
        .map(|name| {
            // Each event of a dispute may name another amount.
            let amount = ("/data/object/amount", json!(*rng.choice(&[1_999, 700, 3_000]).expect("one")));
            let disputed = name.starts_with("charge_dispute").then_some(amount);
            with(name, &std::iter::once(at(rng.i64(0..3))).chain(disputed).collect::<Vec<_>>())
        })
        .collect();
    let expected = {
        let world = shop().await;
        accepted(&world, &bodies).await;
        reconciled(&world).await;
        Ending::of(&world.books())
    };

    let world = shop().await;
    let mut sandboxes = Vec::new();
    for _ in 0..rng.usize(1..=3) {
        sandboxes.push(Arc::new(Sandbox::unlucky(&world, &mut rng).await));
    }
    let mut deliveries = JoinSet::new();
    for attempt in 1..=rng.u64(2..=12) {
        let body = bodies[rng.usize(0..bodies.len())].clone();
        let sandbox = Arc::clone(&sandboxes[rng.usize(0..sandboxes.len())]);
        let start = Duration::from_millis(rng.u64(0..=2_000));
        deliveries.spawn(async move {
            tokio::time::sleep(start).await;
            sandbox.deliver(&body, &invocation(attempt)).await.map(|reply| (body, reply.status))
        });
    }
    let mut acknowledged = BTreeSet::new();
    while let Some(delivered) = deliveries.join_next().await {
        if let Some((body, status)) = delivered.expect("no delivery panics") {
            assert!(matches!(status, 200 | 503), "{status}");
            if status == 200 {
                acknowledged.insert(body);
            }
        }
    }
    tokio::time::sleep(SETTLED).await;
    let books = world.books();
    books.check();
    for body in acknowledged {
        let body: Value = serde_json::from_str(&body).expect("JSON");
        let receipt = format!("stripe#{}", body["id"].as_str().expect("an id"));
        assert!(books.journal.contains_key(&receipt), "{receipt} was acknowledged and is not kept");
    }

    // Overlapping runs of the sweep, with network faults.
    let mut runs = JoinSet::new();
    for attempt in 1..=rng.u64(0..=3) {
        let (ledger, faults) = Sandbox::unlucky_ledger(&world, &mut rng);
        let run = run_at(100 + attempt, rng.i64(60..=300));
        let work = async move { reconcile(ledger, &[]).work(REFUSED, &run).await };
        runs.spawn(async move {
            tokio::select! { biased; _ = work => {}, () = faults.killed() => {} }
        });
    }
    while let Some(run) = runs.join_next().await {
        run.expect("no run panics");
    }
    tokio::time::sleep(SETTLED).await;
    world.books().check();

    // Stripe retries until it is acknowledged, and the sweep retries the waiting events.
    accepted(&world, &bodies).await;
    reconciled(&world).await;
    assert_eq!(Ending::of(&world.books()), expected, "{names:?}");
}
