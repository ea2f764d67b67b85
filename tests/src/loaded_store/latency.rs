//! Latencies: their distribution, and the same ones for the same seed.

use std::time::Duration;

use testkit::{Rules, World};
use tokio::time::Instant;

use super::{put, put_all};

const CALLS: usize = 2_000;

#[expect(clippy::disallowed_methods, reason = "this is the tests' edge")]
async fn latencies(seed: u64, operation: &str) -> Vec<u128> {
    let store = World::new().under_load(seed, Rules::default());
    let mut latencies = Vec::new();
    for _ in 0..CALLS {
        let request = if operation == "PutItem" { put("a", "x") } else { put_all(&["a"], "x") };
        let started = Instant::now();
        assert_eq!(store.request(operation, &request).await.0, 200);
        latencies.push(started.elapsed().as_millis());
    }
    latencies
}

#[tokio::test(start_paused = true)]
async fn latencies_have_their_median_and_a_long_tail() {
    for (operation, p50, p99) in [("PutItem", 4, 8..=12), ("TransactWriteItems", 8, 17..=24)] {
        let mut sorted = latencies(1, operation).await;
        sorted.sort_unstable();
        assert_eq!(sorted[CALLS / 2], p50, "{operation}");
        assert!(p99.contains(&sorted[CALLS * 99 / 100]), "{operation}: {}", sorted[CALLS * 99 / 100]);
        assert!(sorted[CALLS - 1] > 5 * p50, "{operation}: {}", sorted[CALLS - 1]);
    }
}

#[tokio::test(start_paused = true)]
async fn same_seed_gives_the_same_latencies() {
    let [one, same, other] =
        [latencies(1, "PutItem").await, latencies(1, "PutItem").await, latencies(2, "PutItem").await];
    assert_eq!(one, same);
    assert_ne!(one, other);
}

/// The whole duration counts from the arrival, so that calls of different items do not wait for each other.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "this is the tests' edge")]
async fn calls_of_other_items_run_at_the_same_time() {
    let store = World::new().under_load(1, Rules::default());
    let started = Instant::now();
    let mut calls = tokio::task::JoinSet::new();
    for item in 0..100 {
        let store = store.clone();
        calls.spawn(async move { store.request("PutItem", &put(&item.to_string(), "x")).await.0 });
    }
    assert!(calls.join_all().await.iter().all(|status| *status == 200));
    assert!(started.elapsed() < Duration::from_millis(110), "{:?}", started.elapsed());
}
