//! What a cancelled transaction means, as a table; and how long the pauses are.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use ledger::{Amount, Fingerprint, MoneyKey, Reason, SpendingTerms, Timestamp};

use crate::names;
use crate::retry::Jitter;
use crate::role::Role;
use crate::verdict::{Found, Verdict, read};

const MOMENT: &str = "2026-01-01T00:00:00.000Z";

fn reason(code: &str) -> CancellationReason {
    CancellationReason::builder().code(code).build()
}

/// A condition that failed, and the row that stood there.
fn failed(row: &[(&str, &str)]) -> CancellationReason {
    let value = |name: &str, value: &str| match name {
        names::OVERDRAFT_UNITS | names::VERSION => AttributeValue::N(value.to_owned()),
        _ => AttributeValue::S(value.to_owned()),
    };
    let row: HashMap<String, AttributeValue> =
        row.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect();
    CancellationReason::builder().code("ConditionalCheckFailed").set_item(Some(row)).build()
}

fn processed() -> CancellationReason {
    failed(&[
        (names::STATUS, names::PROCESSED),
        (names::PROCESSED_AT, MOMENT),
        (names::FINGERPRINT, "1.a"),
        (names::WRITTEN_BY, "m"),
    ])
}

fn found(processed: bool) -> Verdict {
    Verdict::Found(Found {
        processed_at: processed.then(|| Timestamp::parse_rfc3339(MOMENT).expect("a time")),
        fingerprint: "1.a".to_owned(),
        written_by: "m".to_owned(),
    })
}

#[test]
fn every_reason_is_read() {
    let none = || reason("None");
    let pi_1 = || MoneyKey::new("payment", &["pi_1"]).expect("a key");
    let print = Fingerprint::of(1, &[("a", "b")]);
    let money = Role::Money(pi_1(), print.clone());
    let usage = [Role::Receipt, Role::Account(None)];
    let order = [Role::Receipt, money.clone(), Role::Versioned(Some(4))];
    let payment = [Role::Receipt, money, Role::Account(None)];
    let line = [Role::Receipt, Role::Account(Some(SpendingTerms::prepaid(Amount::from_units(5))))];
    let refused = failed(&[(names::STATUS, names::FAILED), (names::FINGERPRINT, "1.a"), (names::WRITTEN_BY, "m")]);
    let moved = || failed(&[(names::FINGERPRINT, print.as_str())]);
    let versioned = |version: &str| failed(&[(names::VERSION, version)]);
    let conflict = || reason("TransactionConflict");
    let invalid = |told: &str| Verdict::Invalid(told.to_owned());
    let rows: Vec<(&str, Vec<CancellationReason>, &[Role], Verdict)> = vec![
        ("a conflict", vec![none(), conflict()], &usage, Verdict::Again),
        ("a throttle", vec![reason("ThrottlingError"), none()], &usage, Verdict::Again),
        ("no capacity", vec![none(), reason("ProvisionedThroughputExceeded")], &usage, Verdict::Again),
        ("a conflict beside a row: it may be about to change", vec![processed(), conflict()], &usage, Verdict::Again),
        ("nothing that failed", vec![none(), none()], &usage, Verdict::Again),
        ("no reasons at all", vec![], &usage, Verdict::Again),
        ("booked", vec![processed(), none()], &usage, found(true)),
        ("booked outranks the balance", vec![processed(), failed(&[])], &usage, found(true)),
        ("booked outranks a mistake", vec![processed(), reason("ValidationError")], &usage, found(true)),
        ("refused with other facts", vec![refused, failed(&[])], &usage, found(false)),
        ("the line", vec![none(), failed(&[])], &usage, Verdict::Guarded(Reason::InsufficientCredits)),
        ("moved by another", vec![none(), moved(), none()], &payment, Verdict::Moved(vec![pi_1()])),
        (
            "other money under the key",
            vec![none(), failed(&[(names::FINGERPRINT, "1.b")]), none()],
            &payment,
            Verdict::Contradicted,
        ),
        ("the receipt outranks the money", vec![processed(), moved(), none()], &payment, found(true)),
        ("the money outranks the balance", vec![none(), moved(), failed(&[])], &payment, Verdict::Moved(vec![pi_1()])),
        (
            "the line has moved",
            vec![none(), failed(&[(names::OVERDRAFT_UNITS, "6")])],
            &line,
            Verdict::Guarded(Reason::Overtaken),
        ),
        (
            "the policy has changed",
            vec![none(), failed(&[(names::OVERDRAFT_UNITS, "5"), (names::POLICY, "postpaid")])],
            &line,
            Verdict::Guarded(Reason::Overtaken),
        ),
        (
            "the line has not",
            vec![none(), failed(&[(names::OVERDRAFT_UNITS, "5")])],
            &line,
            Verdict::Guarded(Reason::InsufficientCredits),
        ),
        (
            "a key that is taken",
            vec![none(), failed(&[])],
            &[Role::Receipt, Role::Key],
            Verdict::Guarded(Reason::KeyTaken),
        ),
        (
            "an order as it was read, in a state that does not allow it",
            vec![none(), none(), versioned("4")],
            &order,
            Verdict::Guarded(Reason::OrderNotPayable),
        ),
        ("an order that was overtaken", vec![none(), none(), versioned("5")], &order, Verdict::Stale),
        (
            "an order that somebody else made",
            vec![none(), versioned("1")],
            &[Role::Receipt, Role::Versioned(None)],
            Verdict::Stale,
        ),
        ("an order that is gone", vec![none(), none(), failed(&[])], &order, Verdict::Stale),
        ("a pointer that leads elsewhere", vec![none(), failed(&[])], &[Role::Receipt, Role::Pointer], Verdict::Stale),
        ("booked outranks an overtaken order", vec![processed(), none(), versioned("5")], &order, found(true)),
        ("an overtaken order outranks the money", vec![none(), moved(), versioned("5")], &order, Verdict::Stale),
        ("the money outranks a state", vec![none(), moved(), versioned("4")], &order, Verdict::Moved(vec![pi_1()])),
        ("a conflict outranks an overtaken order", vec![none(), conflict(), versioned("5")], &order, Verdict::Again),
        ("a mistake of ours", vec![none(), reason("ValidationError")], &usage, invalid("ValidationError: ")),
        ("a code from the future", vec![none(), reason("Eclipse")], &usage, invalid("Eclipse: ")),
        (
            "a row without a condition",
            vec![none(), failed(&[])],
            &[Role::Receipt, Role::Body],
            invalid("a condition failed that no row carries"),
        ),
    ];
    for (name, reasons, roles, expected) in rows {
        assert_eq!(read(&reasons, roles), expected, "{name}");
    }
}

/// Anything between nothing and a bound that doubles, up to a most: so that those who met once do not meet again.
#[test]
fn pauses_have_full_jitter() {
    let jitter = Jitter::new(fastrand::Rng::with_seed(7));
    for (retries, bound_ms) in [(0, 25), (1, 50), (2, 100), (4, 400), (5, 800), (6, 800), (u32::MAX, 800)] {
        let bound = Duration::from_millis(bound_ms);
        let pauses: Vec<Duration> = std::iter::repeat_with(|| jitter.pause(retries)).take(1_000).collect();
        assert!(pauses.iter().all(|pause| *pause <= bound), "{retries}");
        assert!(pauses.iter().any(|pause| *pause < bound / 10), "{retries}: some are short");
        assert!(pauses.iter().any(|pause| *pause > bound * 9 / 10), "{retries}: some are long");
    }
}
