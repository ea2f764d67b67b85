//! What waits, open anomalies and top-ups at the end of the same stories, in numbers.

use insight::{anomaly_days, top_ups, waiting};
use ledger::{Timestamp, TopUpState};
use testkit::{Call, Fault, World, now};

use super::asked;
use super::stories::world_of;

const LATER_S: i64 = 1_800;

/// `unpaid stripe 2 since 0`: how many, and since how many seconds after the story began.
async fn waits(world: &World) -> Vec<String> {
    let found = waiting(&world.ledger(7), &asked(LATER_S)).await.expect("an answer");
    let line = |found: &insight::Waiting| {
        let (what, of) = found.what.words();
        let since = found.since.map(|since| format!(" since {}", since.seconds_apart(now()))).unwrap_or_default();
        assert!(!found.has_more, "{found:?}");
        format!("{what} {of} {}{since}", found.count)
    };
    found.iter().map(line).collect()
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_counted_with_its_longest_wait() {
    for (story, expected) in [
        ("an unpaid order", vec!["unpaid stripe 2 since 0"]),
        ("a payment", vec!["unpaid stripe 1 since 0"]),
        ("a payment before its order", vec!["refused stripe 1 since 0"]),
        ("too few credits", vec!["lanes usage 1 since 0"]),
        ("an unknown key", vec!["lanes usage 1 since 0"]),
        ("tokens that are not delivered", vec!["fulfilment  1 since 0"]),
        ("an unknown top-up", vec!["pending_external  1 since 0"]),
        ("a failed top-up", vec![]),
        ("nothing", vec![]),
    ] {
        assert_eq!(waits(&world_of(story).await).await, expected, "{story}");
    }
}

#[tokio::test(start_paused = true)]
async fn anomalies_are_counted_by_day_and_top_ups_by_state() {
    for (story, anomaly, state, made_and_paid) in [
        ("a payment", None, None, (2, 1)),
        ("a wrong amount", Some("amount_mismatch"), None, (2, 0)),
        ("a failed top-up", Some("top_up_failed"), Some(TopUpState::Failed), (1, 1)),
        ("an unknown top-up", Some("top_up_unknown"), Some(TopUpState::Unknown), (1, 1)),
    ] {
        let world = world_of(story).await;
        let (ledger, faults) = world.faulty(7, |_, _| Fault::None);
        let anomalies = anomaly_days(&ledger, &asked(LATER_S)).await.expect("anomalies");
        let days =
            anomalies.days.iter().map(|found| format!("{} {} {}", found.day, found.reason.as_str(), found.orders));
        let expected: Vec<String> = anomaly.iter().map(|reason| format!("2026-01-01 {reason} 1")).collect();
        assert_eq!((days.collect::<Vec<_>>(), anomalies.has_more), (expected, false), "{story}");
        let found = top_ups(&ledger, Timestamp::EPOCH, &asked(LATER_S)).await.expect("top-ups");
        let expected = state.iter().map(|state| (Some(*state), 1)).collect();
        assert_eq!(found.by_state, expected, "{story}");
        assert_eq!((found.made, found.paid), made_and_paid, "{story}");
        let later = top_ups(&ledger, now().plus_seconds(60), &asked(LATER_S)).await.expect("top-ups");
        assert!(later.by_state.is_empty(), "{story}: made before");
        assert_eq!((later.made, later.paid), (0, 0), "{story}: a payment of an older order is no success of the newer");
        let is_read = |call: &Call| ["BatchGetItem", "Query"].contains(&call.operation.as_str());
        assert!(faults.calls().iter().all(is_read), "{story}: {:?}", faults.calls());
    }
}
