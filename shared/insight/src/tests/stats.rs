//! Numbers of a time from the series of its metrics.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of a test")]

use ledger::Timestamp;
use testkit::now;

use crate::{By, Cell, SeriesName, Stats, Summary, Window, share, whole};

fn window() -> Window {
    Window { from: now().plus_seconds(-3_600), until: now() }
}

/// A series of these values, one each second.
fn series(metric: &str, dimensions: &[(&str, &str)], values: &[u64]) -> (SeriesName, Summary) {
    let mut cell = Cell::default();
    let begin = u64::try_from(now().unix_ms()).unwrap() - 60_000;
    for (at, value) in (0..).zip(values) {
        cell.add(*value, begin + at * 1_000, metric.ends_with("_ms"));
    }
    (SeriesName::new(metric, dimensions), cell.summary())
}

fn events(source: &str, outcome: &str, reason: Option<&str>, count: usize) -> (SeriesName, Summary) {
    let by = [("source", source), ("outcome", outcome), ("reason", reason.unwrap_or_default())];
    series("events", if reason.is_some() { &by } else { by.get(..2).unwrap() }, &vec![1; count])
}

fn all() -> Vec<(SeriesName, Summary)> {
    vec![
        events("usage", "booked", None, 7),
        events("usage", "repeat", None, 2),
        events("usage", "refused", None, 3),
        events("usage", "refused", Some("unknown_key"), 1),
        events("usage", "refused", Some("insufficient_credits"), 2),
        events("credits", "shown", None, 4),
        // Also by source alone, which is the sum of the others.
        series("events", &[("source", "usage")], &[1; 12]),
        series("duration_ms", &[("source", "usage")], &[1_000, 2_000, 90_000]),
        series("orders", &[], &[1, 0, 1, 0]),
        series("orders", &[("source", "checkout")], &[1, 0, 1, 0]),
        series("orders_paid", &[], &[0, 1, 0, 0]),
        series("delay_ms", &[("source", "fulfil")], &[2_000_000, 4_000_000]),
        series("waiting", &[("backlog", "refused")], &[9, 3]),
        series("oldest_s", &[("backlog", "refused")], &[5, 70]),
        series("alarms", &[("source", "fulfil"), ("alarm", "top_up_unknown")], &[1]),
    ]
}

#[test]
fn numbers_of_each_source_are_those_of_its_lines() {
    let stats = Stats::of(window(), &all());
    let usage = stats.sources.first().unwrap();
    assert_eq!((usage.source.as_str(), usage.events, usage.accepted, usage.repeats), ("usage", 12, 9, 2));
    assert_eq!((usage.success(), usage.p99), (Some(7_500), Some(90_000)));
    assert!(usage.p50.is_some_and(|p50| (2_000..2_125).contains(&p50)), "{usage:?}");
    assert_eq!(usage.latest, Some(now().plus_seconds(-54)), "the last of seven");
    let credits = stats.sources.get(1).unwrap();
    assert_eq!((credits.source.as_str(), credits.events, credits.success()), ("credits", 4, None));
    assert_eq!((stats.orders, stats.orders_paid), (2, 1), "each order once");
    let delay = stats.delivery.clone().unwrap();
    assert_eq!((delay.orders, delay.average, delay.min, delay.max), (2, 3_000_000, 2_000_000, 4_000_000));
    let backlog = stats.backlogs.first().unwrap();
    assert_eq!((backlog.name.as_str(), backlog.waiting, backlog.oldest_s), ("refused", 3, 70), "the last run");
    assert_eq!(stats.alarms, [("fulfil".to_owned(), "top_up_unknown".to_owned(), 1)]);
    assert_eq!(window().seconds(), 3_600);
    assert_eq!(Window { from: now(), until: now().plus_seconds(-1) }.seconds(), 0);
    let none = Stats::of(window(), &[]);
    assert!(none.sources.is_empty() && none.delivery.is_none() && none.counted(&By::ALL).is_empty());
}

#[test]
fn events_are_counted_by_each_choice() {
    let stats = Stats::of(window(), &all());
    let counted = |by: &[By]| {
        let groups = stats.counted(by).into_iter().map(|(words, count)| format!("{} {count}", words.join("/")));
        groups.collect::<Vec<_>>()
    };
    assert_eq!(counted(&[By::Source]), ["usage 12", "credits 4"]);
    assert_eq!(counted(&[By::Status]), ["booked 7", "shown 4", "refused 3", "repeat 2"]);
    assert_eq!(counted(&[By::Reason]), [" 13", "insufficient_credits 2", "unknown_key 1"]);
    assert_eq!(
        counted(&By::ALL),
        [
            "usage/booked/ 7",
            "credits/shown/ 4",
            "usage/refused/insufficient_credits 2",
            "usage/repeat/ 2",
            "usage/refused/unknown_key 1"
        ]
    );
    for by in By::ALL {
        assert_eq!(By::named(by.as_str()), Some(by));
    }
}

#[test]
fn values_are_whole_numbers_whatever_their_notation() {
    for (text, ms, other) in [
        ("0", 0, 0),
        ("1", 1_000, 1),
        ("1.0", 1_000, 1),
        ("2.345", 2_345, 2),
        ("2.3456", 2_345, 2),
        ("0.001", 1, 0),
        ("1e3", 1_000_000, 1_000),
        ("1.5E-1", 150, 0),
        ("1e-400", 0, 0),
        ("1e400", u64::MAX, u64::MAX),
        ("18446744073709551616", u64::MAX, u64::MAX),
        ("-1", 0, 0),
        ("NaN", 0, 0),
        ("", 0, 0),
    ] {
        assert_eq!((whole(text, true), whole(text, false)), (ms, other), "{text}");
    }
    assert_eq!((share(1, 3), share(1, 0), share(u64::MAX, u64::MAX)), (Some(3_333), None, Some(10_000)));
}

#[test]
fn cells_merge_in_any_order_and_none_of_nothing() {
    let mut values = vec![(5, 1), (0, 2), (9, 3), (0, 4)];
    let of = |values: &[(u64, u64)]| {
        let mut cell = Cell::default();
        for (value, at) in values {
            cell.add(*value, *at, true);
        }
        cell
    };
    let whole = of(&values);
    assert_eq!((whole.count, whole.sum, whole.min, whole.max), (4, 14, 0, 9));
    assert_eq!((whole.last, whole.last_at, whole.latest_at), (0, 4, 3));
    values.reverse();
    assert_eq!(of(&values), whole);
    let (mut first, second) = (of(values.get(..2).unwrap()), of(values.get(2..).unwrap()));
    first.merge(&second);
    first.merge(&Cell::default());
    assert_eq!(first, whole);
    assert_eq!(Cell::default().summary(), Summary::default());
    assert_eq!(whole.summary().latest, Timestamp::from_unix_ms(3).ok());
}
