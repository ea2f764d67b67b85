//! One hot account: how the usage function answers when many events of one account arrive at the same time.

mod load;
mod published;

use std::time::Duration;

use edge::Invocation;
use idempotency::Backoff;
use testkit::{Fault, World, deadline, usage};

use self::load::{Load, run};
use crate::sandbox::{Sandbox, invocation, open_account};

/// The bounds leave room for another seed; `proof/hot-account.json` has the measured curve.
#[tokio::test(start_paused = true)]
async fn hot_account_is_answered_in_time_below_its_ceiling() {
    for (rate, p99_ms_max, attempts_max) in [(10, 200, 2), (50, 800, 3)] {
        let measured = run(Load { rate, seconds: 10, backoff: Backoff::default(), seed: 1 }).await;
        assert_eq!(measured.failures, 0, "{measured:?}");
        assert!(measured.p99() <= Duration::from_millis(p99_ms_max), "{measured:?}");
        assert!(measured.attempts <= attempts_max * measured.events(), "{measured:?}");
    }
}

/// An overloaded account makes no load without end of its own, also where the deadline is far away.
#[tokio::test(start_paused = true)]
async fn lasting_conflict_ends_after_the_last_attempt() {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let plan = |_: usize, operation: &str| {
        if operation == "TransactWriteItems" { Fault::Conflict } else { Fault::None }
    };
    let sandbox = Sandbox::new(&world, 1, plan).await;
    let patient = Invocation { deadline: deadline(Duration::from_mins(10)), ..invocation(1) };
    let reply = sandbox.deliver(&usage("e1", "k1", "1").to_string(), &patient).await.expect("alive");
    assert_eq!(reply.status, 503);
    let calls = sandbox.faults.calls();
    let attempts = calls.iter().filter(|call| call.operation == "TransactWriteItems").count();
    assert_eq!(attempts, usize::try_from(Backoff::default().attempts_max).expect("a count"));
}

/// Run by hand: it measures every rate and policy, and writes `proof/hot-account.json`.
#[tokio::test(start_paused = true)]
#[ignore = "it takes minutes"]
async fn curve_is_measured_and_written() {
    published::write().await;
}
