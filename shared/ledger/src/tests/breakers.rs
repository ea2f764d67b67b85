//! Breakers: how failures add up to an open one, and for how long it is.

use crate::{Breaker, BreakerName, BreakerState, Timestamp};

const START_S: i64 = 1_767_225_600;

fn at(seconds: i64) -> Timestamp {
    Timestamp::EPOCH.plus_seconds(START_S).plus_seconds(seconds)
}

#[test]
fn failures_that_follow_each_other_open_a_breaker() {
    let rows: [(&[i64], u32, i64, &str); 8] = [
        (&[], 0, 0, "closed"),
        (&[0, 1, 2, 3], 4, 3, "closed"),
        (&[0, 1, 2, 3, 4], 5, 4, "open until 34"),
        (&[0, 1, 2, 3, 4], 5, 33, "open until 34"),
        (&[0, 1, 2, 3, 4], 5, 34, "half open"),
        // A trial that fails.
        (&[0, 1, 2, 3, 4, 34], 6, 40, "open until 64"),
        // Each within a minute of the one before.
        (&[0, 59, 118, 177, 236], 5, 237, "open until 266"),
        (&[0, 60, 61, 62, 63], 4, 63, "closed"),
    ];
    for (failures, count, now, expected) in rows {
        let breaker = failures.iter().fold(Breaker::default(), |breaker, second| breaker.after_failure(at(*second)));
        assert_eq!(breaker.failures, count, "{failures:?}");
        let state = match breaker.state(at(now)) {
            BreakerState::Closed => "closed".to_owned(),
            BreakerState::Open { until } => format!("open until {}", until.unix_s() - START_S),
            BreakerState::HalfOpen => "half open".to_owned(),
        };
        assert_eq!(state, expected, "{failures:?} at {now}");
    }
}

#[test]
fn open_breaker_counts_on_however_late_the_next_failure_is() {
    let open = (0..5).fold(Breaker::default(), |breaker, second| breaker.after_failure(at(second)));
    let later = open.after_failure(at(10_000));
    assert_eq!((later.failures, later.failed_at), (6, Some(at(10_000))));
}

#[test]
fn name_of_a_breaker_is_that_of_an_upstream_and_a_model() {
    let rows = [
        ("main", "gpt-4o", Some("main#gpt-4o")),
        ("main", "anthropic/claude-sonnet-4", Some("main#anthropic/claude-sonnet-4")),
        ("", "gpt-4o", None),
        ("main", "", None),
        ("ma#in", "gpt-4o", None),
        ("main", "gpt#4o", None),
        ("main", "gpt 4o", None),
    ];
    for (upstream, model, expected) in rows {
        let name = BreakerName::new(upstream, model).ok();
        assert_eq!(name.as_ref().map(ToString::to_string).as_deref(), expected, "{upstream} {model}");
        assert_eq!(name.as_ref(), name.as_ref().and_then(|name| BreakerName::of_row(&name.to_string())).as_ref());
    }
}
