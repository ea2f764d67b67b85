//! The lines of the contract about breakers of upstreams.

use ledger::{Breaker, BreakerName, BreakerState, Breakers, Timestamp};

use super::lots::later;

/// `breaker NAME` has its state, `fail NAME` counts a failure, `try NAME` takes the trial of one that was read, and
/// `close NAME` closes it. All names are of one upstream.
pub(super) async fn result_of<L: Breakers>(ledger: &L, words: &[&str], number: u64, seconds: &str) -> Option<String> {
    let context = later(&crate::context(number), seconds);
    let name = |name: &str| BreakerName::new("main", name).unwrap();
    Some(match *words {
        ["breaker", of] => {
            let breakers = ledger.breakers(&[name(of), name("another")], &context).await.unwrap();
            assert_eq!(breakers.len(), 2);
            text(breakers.get(&name(of)).unwrap(), context.received_at)
        }
        ["fail", of] => text(&ledger.count_failure(&name(of), &context).await.unwrap(), context.received_at),
        ["try", of] => {
            let breakers = ledger.breakers(&[name(of)], &context).await.unwrap();
            let read = breakers.get(&name(of)).unwrap();
            let first = ledger.try_upstream(&name(of), read, &context).await.unwrap();
            let second = ledger.try_upstream(&name(of), read, &context).await.unwrap();
            format!("{first}, then {second}")
        }
        ["close", of] => {
            ledger.close_breaker(&name(of), &context).await.unwrap();
            "closed".to_owned()
        }
        _ => return None,
    })
}

fn text(breaker: &Breaker, now: Timestamp) -> String {
    let state = match breaker.state(now) {
        BreakerState::Closed => "closed",
        BreakerState::Open { .. } => "open",
        BreakerState::HalfOpen => "half open",
    };
    format!("{state} {}", breaker.failures)
}
