//! The meaning of cancelled transactions, as a table, and the bounds of the backoff.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use ledger::{
    Amount, Asset, Balance, BudgetCheck, BudgetCount, CallerKey, Fingerprint, Limits, MoneyKey, Owner, Reason,
    SpendingTerms, Spent, Timestamp, Window, Windows,
};

use crate::budget_row::BudgetRead;
use crate::names;
use crate::retry::{Backoff, Jitter};
use crate::role::{AccountGuards, LotsGuard, Role};
use crate::verdict::{ExistingRow, Verdict, read};

const TIME: &str = "2026-01-01T00:00:00.000Z";

fn reason(code: &str) -> CancellationReason {
    CancellationReason::builder().code(code).build()
}

/// A failed condition with the existing row.
fn failed(row: &[(&str, &str)]) -> CancellationReason {
    let value = |name: &str, value: &str| match name {
        _ if name.ends_with("_units") || name.ends_with("version") => AttributeValue::N(value.to_owned()),
        _ => AttributeValue::S(value.to_owned()),
    };
    let row: HashMap<String, AttributeValue> =
        row.iter().map(|(name, text)| ((*name).to_owned(), value(name, text))).collect();
    CancellationReason::builder().code("ConditionalCheckFailed").set_item(Some(row)).build()
}

fn processed() -> CancellationReason {
    failed(&[
        (names::STATUS, names::PROCESSED),
        (names::PROCESSED_AT, TIME),
        (names::FINGERPRINT, "1.a"),
        (names::WRITTEN_BY, "m"),
    ])
}

fn found(processed: bool) -> Verdict {
    Verdict::ExistingRow(ExistingRow {
        processed_at: processed.then(|| Timestamp::parse_rfc3339(TIME).expect("a time")),
        fingerprint: "1.a".to_owned(),
        written_by: "m".to_owned(),
        source: String::new(),
        keys: [None, None],
        account: None,
        charged: None,
        is_over_budget: false,
    })
}

#[test]
fn cancellation_reasons_give_the_verdict() {
    let none = || reason("None");
    let pi_1 = || MoneyKey::new("payment", &["pi_1"]).expect("a key");
    let print = Fingerprint::of(1, &[("a", "b")]);
    let money = Role::Money(pi_1(), print.clone());
    let alice = || Owner::new("alice").expect("valid").account(Asset::CREDITS);
    let account = |terms| Role::Account(alice(), AccountGuards { terms, ..AccountGuards::default() });
    let usage = [Role::Receipt, account(None)];
    let order = [Role::Receipt, money.clone(), Role::Versioned(Some(4))];
    let payment = [Role::Receipt, money, account(None)];
    let line = [Role::Receipt, account(Some(SpendingTerms::prepaid(Amount::from_units(5))))];
    let refused = failed(&[(names::STATUS, names::FAILED), (names::FINGERPRINT, "1.a"), (names::WRITTEN_BY, "m")]);
    let moved = || failed(&[(names::FINGERPRINT, print.as_str())]);
    let versioned = |version: &str| failed(&[(names::VERSION, version)]);
    let conflict = || reason("TransactionConflict");
    let invalid = |message: &str| Verdict::Invalid(message.to_owned());
    let rows: Vec<(&str, Vec<CancellationReason>, &[Role], Verdict)> = vec![
        ("a transaction conflict", vec![none(), conflict()], &usage, Verdict::Retry),
        ("a throttle", vec![reason("ThrottlingError"), none()], &usage, Verdict::Retry),
        ("no capacity", vec![none(), reason("ProvisionedThroughputExceeded")], &usage, Verdict::Retry),
        ("a transaction conflict next to an existing row", vec![processed(), conflict()], &usage, Verdict::Retry),
        ("no failed reason", vec![none(), none()], &usage, Verdict::Retry),
        ("no reasons at all", vec![], &usage, Verdict::Retry),
        ("booked", vec![processed(), none()], &usage, found(true)),
        ("booked outranks the balance", vec![processed(), failed(&[])], &usage, found(true)),
        ("booked outranks an invalid request", vec![processed(), reason("ValidationError")], &usage, found(true)),
        ("refused with another fingerprint", vec![refused, failed(&[])], &usage, found(false)),
        ("insufficient funds", vec![none(), failed(&[])], &usage, Verdict::Guarded(Reason::InsufficientCredits)),
        ("already moved by another event", vec![none(), moved(), none()], &payment, Verdict::Moved(vec![pi_1()])),
        (
            "other money under the key",
            vec![none(), failed(&[(names::FINGERPRINT, "1.b")]), none()],
            &payment,
            Verdict::Conflict,
        ),
        ("the receipt outranks the money", vec![processed(), moved(), none()], &payment, found(true)),
        ("the money outranks the balance", vec![none(), moved(), failed(&[])], &payment, Verdict::Moved(vec![pi_1()])),
        (
            "the overdraft has changed",
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
            "the overdraft is unchanged",
            vec![none(), failed(&[(names::OVERDRAFT_UNITS, "5")])],
            &line,
            Verdict::Guarded(Reason::InsufficientCredits),
        ),
        (
            "a key of another owner",
            vec![none(), failed(&[])],
            &[Role::Receipt, Role::Key],
            Verdict::Guarded(Reason::KeyTaken),
        ),
        (
            "an unchanged order in a state that forbids the transition",
            vec![none(), none(), versioned("4")],
            &order,
            Verdict::Guarded(Reason::OrderNotPayable),
        ),
        ("an order that has changed", vec![none(), none(), versioned("5")], &order, Verdict::Stale),
        (
            "an order that another run has created",
            vec![none(), versioned("1")],
            &[Role::Receipt, Role::Versioned(None)],
            Verdict::Stale,
        ),
        ("an order that is missing", vec![none(), none(), failed(&[])], &order, Verdict::Stale),
        ("a pointer to another order", vec![none(), failed(&[])], &[Role::Receipt, Role::Pointer], Verdict::Stale),
        ("booked outranks a stale order", vec![processed(), none(), versioned("5")], &order, found(true)),
        ("a stale order outranks the money", vec![none(), moved(), versioned("5")], &order, Verdict::Stale),
        ("the money outranks a state", vec![none(), moved(), versioned("4")], &order, Verdict::Moved(vec![pi_1()])),
        (
            "a transaction conflict outranks a stale order",
            vec![none(), conflict(), versioned("5")],
            &order,
            Verdict::Retry,
        ),
        ("an invalid request", vec![none(), reason("ValidationError")], &usage, invalid("ValidationError: ")),
        ("an unknown code", vec![none(), reason("Eclipse")], &usage, invalid("Eclipse: ")),
        (
            "a row without a condition",
            vec![none(), failed(&[])],
            &[Role::Receipt, Role::Body],
            invalid("a condition failed on a row that has none"),
        ),
    ];
    for (name, reasons, roles, expected) in rows {
        assert_eq!(read(&reasons, roles), expected, "{name}");
    }
}

#[test]
fn account_with_lots_is_changed_or_past_its_date_before_it_is_short() {
    let none = || reason("None");
    let alice = || Owner::new("alice").expect("valid").account(Asset::CREDITS);
    let guarded = |lots, debit_at: Option<&str>| {
        let debit_at = debit_at.map(|at| Timestamp::parse_rfc3339(at).expect("a time"));
        [Role::Receipt, Role::Account(alice(), AccountGuards { lots, debit_at, ..AccountGuards::default() })]
    };
    let debit = guarded(LotsGuard::Any, Some(TIME));
    let (credit, change) = (guarded(LotsGuard::Absent, None), guarded(LotsGuard::Version(3), Some(TIME)));
    let before = (names::NEXT_EXPIRY, "2025-12-31T00:00:00.000Z");
    let after = (names::NEXT_EXPIRY, "2026-01-01T00:00:00.001Z");
    let of_lots = |version, expiry| vec![none(), failed(&[(names::LOTS_VERSION, version), expiry])];
    let short = || Verdict::Guarded(Reason::InsufficientCredits);
    let reversal = || MoneyKey::new("reversal", &["r_1"]).expect("a key");
    let print = Fingerprint::of(1, &[("a", "b")]);
    let money = Role::Money(reversal(), print.clone());
    let clawback = [Role::Receipt, money, Role::Breakage, Role::Lots, change[1].clone()];
    let back = |print: &str, version| {
        let booked = failed(&[(names::FINGERPRINT, print)]);
        vec![none(), none(), booked, none(), failed(&[(names::LOTS_VERSION, version), after])]
    };
    let rows: Vec<(&str, Vec<CancellationReason>, &[Role], Verdict)> = vec![
        ("short, and nothing is past its date", of_lots("3", after), &debit, short()),
        ("lots past their date", of_lots("3", before), &debit, Verdict::Expired(alice())),
        ("lots that end at this moment", of_lots("3", (names::NEXT_EXPIRY, TIME)), &debit, Verdict::Expired(alice())),
        ("a credit to an account with lots", of_lots("3", before), &credit, Verdict::LotsChanged(alice())),
        ("a change of lots that were changed", of_lots("4", after), &change, Verdict::LotsChanged(alice())),
        ("a change of lots past their date", of_lots("3", before), &change, Verdict::Expired(alice())),
        ("a change of lots that are gone", vec![none(), failed(&[])], &change, Verdict::LotsChanged(alice())),
        ("booked outranks an expiry", vec![processed(), failed(&[before])], &debit, found(true)),
        (
            "breakage of equal lots that were changed",
            back(print.as_str(), "4"),
            &clawback,
            Verdict::LotsChanged(alice()),
        ),
        ("breakage of other lots that were changed", back("1.b", "4"), &clawback, Verdict::LotsChanged(alice())),
        (
            "the money outranks lots that were changed",
            [vec![none(), failed(&[(names::FINGERPRINT, print.as_str())])], back("1.b", "4").split_off(2)].concat(),
            &clawback,
            Verdict::Moved(vec![reversal()]),
        ),
        (
            "a date that cannot be read",
            of_lots("3", (names::NEXT_EXPIRY, "soon")),
            &debit,
            Verdict::Invalid("an account's lots cannot be read".to_owned()),
        ),
    ];
    for (name, reasons, roles, expected) in rows {
        assert_eq!(read(&reasons, roles), expected, "{name}");
    }
}

#[test]
fn row_of_a_budget_names_its_windows_or_a_limit() {
    let none = || reason("None");
    let alice = || Owner::new("alice").expect("valid");
    let key = CallerKey::remote("k1").expect("a key");
    let windows = Windows { day: "2026-01-02".to_owned(), month: "2026-01".to_owned() };
    let limits = Limits { day: Some(Amount::from_units(5)), ..Limits::default() };
    let check = BudgetCheck::Mark(limits);
    let count = BudgetCount { key: key.clone(), windows, change: Amount::from_units(3).into(), check };
    let roles = [
        Role::Receipt,
        Role::Account(alice().account(Asset::CREDITS), AccountGuards::default()),
        Role::Budget(Box::new(count.clone())),
    ];
    let row = |day, units| {
        let month = [(names::MONTH, "2026-01"), (names::MONTH_UNITS, units), (names::TOTAL_UNITS, units)];
        failed(&[&[(names::DAY, day), (names::DAY_UNITS, units)], month.as_slice()].concat())
    };
    let spent = |day: u8, units: i128| {
        let windows = Windows { day: format!("2026-01-{day:02}"), month: "2026-01".to_owned() };
        let check = BudgetCheck::Refuse(Limits::default());
        let count = BudgetCount { windows, change: Balance::from_units(units), check, ..count.clone() };
        Spent::default().counted(&count).expect("small")
    };
    let found = |spent, exceeded: &[Window]| {
        Verdict::Budget(Box::new(BudgetRead { key: key.clone(), spent: Some(spent), exceeded: exceeded.to_vec() }))
    };
    let no_row = CancellationReason::builder().code("ConditionalCheckFailed").build();
    let set = [Role::Receipt, Role::SetBudget(alice())];
    let rows: Vec<(&str, Vec<CancellationReason>, &[Role], Verdict)> = vec![
        ("no row yet", vec![none(), none(), no_row], &roles, found(Spent::default(), &[])),
        ("the day before", vec![none(), none(), row("2026-01-01", "5")], &roles, found(spent(1, 5), &[])),
        ("room since then", vec![none(), none(), row("2026-01-02", "2")], &roles, found(spent(2, 2), &[])),
        ("no room", vec![none(), none(), row("2026-01-02", "3")], &roles, found(spent(2, 3), &[Window::Day])),
        (
            "too few credits outrank a limit",
            vec![none(), failed(&[]), row("2026-01-02", "3")],
            &roles,
            Verdict::Guarded(Reason::InsufficientCredits),
        ),
        ("booked outranks a limit", vec![processed(), none(), row("2026-01-02", "3")], &roles, self::found(true)),
        (
            "a row that cannot be read",
            vec![none(), none(), failed(&[(names::DAY, "2026-01-02")])],
            &roles,
            Verdict::Budget(Box::new(BudgetRead { key: key.clone(), spent: None, exceeded: Vec::new() })),
        ),
        ("another budget", vec![none(), failed(&[(names::OWNER, "alice")])], &set, Verdict::Guarded(Reason::Overtaken)),
        (
            "a key of another owner",
            vec![none(), failed(&[(names::OWNER, "bob")])],
            &set,
            Verdict::Guarded(Reason::UnknownKey),
        ),
        ("a revoked key", vec![none(), failed(&[])], &set, Verdict::Guarded(Reason::UnknownKey)),
    ];
    for (name, reasons, roles, expected) in rows {
        assert_eq!(read(&reasons, roles), expected, "{name}");
    }
}

/// A pause between zero and a bound that doubles up to a maximum, so that conflicting callers spread out.
#[test]
fn backoff_has_full_jitter() {
    let jitter = Jitter::new(fastrand::Rng::with_seed(7), Backoff::default());
    for (retries, bound_ms) in [(0, 10), (1, 20), (2, 40), (4, 160), (5, 200), (6, 200), (u32::MAX, 200)] {
        let bound = Duration::from_millis(bound_ms);
        let pauses: Vec<Duration> = std::iter::repeat_with(|| jitter.pause(retries)).take(1_000).collect();
        assert!(pauses.iter().all(|pause| *pause <= bound), "{retries}");
        assert!(pauses.iter().any(|pause| *pause < bound / 10), "{retries}: some are short");
        assert!(pauses.iter().any(|pause| *pause > bound * 9 / 10), "{retries}: some are long");
    }
}
