//! The audit: differences of accounts, drift, the census, and when a pass starts.

use crate::{
    AuditProgress, Balance, CountProgress, Difference, DifferenceKind, JournalLine, LinePosition, LineTotals,
    LinesSeen, Observation, Open, OrderNumber, StatementLine, StoredAccount, Subject, Suspect, Timestamp,
};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000).expect("a time").plus_seconds(seconds)
}

fn units(units: i128) -> Balance {
    Balance::from_units(units)
}

fn held(balance: i128, available: i128, overdraft: i128, version: u64) -> StoredAccount {
    let [balance, available, overdraft] = [balance, available, overdraft].map(units);
    StoredAccount {
        account: "alice/credits".to_owned(),
        balance,
        available,
        overdraft,
        held: 0,
        version,
        lots: crate::StoredLots::default(),
    }
}

fn of_account(difference_kind: DifferenceKind, recorded: i128, found: i128) -> Difference {
    let suspect =
        if difference_kind == DifferenceKind::Available { Suspect::Available } else { Suspect::BalanceOrLine };
    suspected(difference_kind, suspect, recorded, found, 0)
}

fn suspected(
    difference_kind: DifferenceKind,
    suspect: Suspect,
    recorded: i128,
    found: i128,
    missing: i64,
) -> Difference {
    let (recorded, found) = (units(recorded), units(found));
    Difference {
        difference_kind,
        suspect,
        account: "alice/credits".to_owned(),
        order: None,
        line: None,
        recorded,
        found,
        missing,
    }
}

#[test]
fn account_differs_unless_its_lines_add_up() {
    let rows = [
        (held(5, 8, 3, 2), 2, 5, vec![]),
        (held(0, 0, 0, 0), 0, 0, vec![]),
        (held(-5, -2, 3, 2), 2, -5, vec![]),
        (held(5, 8, 3, 2), 2, 6, vec![of_account(DifferenceKind::Balance, 5, 6)]),
        (held(5, 9, 3, 2), 2, 5, vec![of_account(DifferenceKind::Available, 9, 8)]),
        (
            held(4, 8, 3, 2),
            2,
            5,
            vec![
                suspected(DifferenceKind::Balance, Suspect::Balance, 4, 5, 0),
                of_account(DifferenceKind::Available, 8, 7),
            ],
        ),
        // The available amount decides: it was written with the balance, and agrees with the lines.
        (
            held(105, 8, 3, 2),
            2,
            5,
            vec![
                suspected(DifferenceKind::Balance, Suspect::Balance, 105, 5, 0),
                of_account(DifferenceKind::Available, 8, 108),
            ],
        ),
        // If lines are missing or added, the reported difference is their number, with the resulting sums.
        (held(5, 8, 3, 2), 1, 4, vec![suspected(DifferenceKind::Lines, Suspect::LostLine, 5, 4, 1)]),
        (held(5, 9, 3, 2), 3, 7, vec![suspected(DifferenceKind::Lines, Suspect::ExtraLine, 5, 7, -1)]),
        (held(5, 8, 3, 3), 2, 5, vec![suspected(DifferenceKind::Lines, Suspect::Version, 5, 5, 1)]),
        (
            StoredAccount::nothing("alice/credits"),
            1,
            7,
            vec![suspected(DifferenceKind::Lines, Suspect::AccountRow, 0, 7, -1)],
        ),
    ];
    for (held, lines, sum, expected) in rows {
        assert_eq!(held.differences(&LineTotals { lines, sum: units(sum) }), expected, "{held:?}");
    }
}

/// A sum that cannot be represented is capped, and agrees with no balance.
#[test]
fn overflowing_sum_is_capped() {
    let mut counted = LineTotals::default();
    let line = |change| StatementLine { key: "usage#e1".to_owned(), change: units(change), at: at(0) };
    counted.add(&[line(3), line(-5)]);
    assert_eq!(counted, LineTotals { lines: 2, sum: units(-2) });
    counted.add(&[line(i128::MAX), line(i128::MAX)]);
    assert_eq!(counted, LineTotals { lines: 4, sum: units(i128::MAX) });
}

/// The checks by second and their findings; the seconds with an alarm; and the final number of equal checks.
type Checks<'l> = (&'static str, Vec<(i64, Option<&'l Difference>)>, Vec<i64>, Option<u32>);

/// Three equal checks in a row, each some minutes after the last; then one an hour.
#[test]
fn difference_in_three_equal_checks_is_drift() {
    let subject = Subject::Account("alice/credits".to_owned());
    let (one, other) = (of_account(DifferenceKind::Balance, 5, 6), of_account(DifferenceKind::Balance, 5, 7));
    let hour = 60 * MINUTE;
    let rows: [Checks<'_>; 7] = [
        ("unchanged", vec![(0, Some(&one)), (300, Some(&one)), (600, Some(&one))], vec![600], Some(3)),
        ("seen twice", vec![(0, Some(&one)), (300, Some(&one))], vec![], Some(2)),
        (
            "checked too often",
            vec![(0, Some(&one)), (10, Some(&one)), (239, Some(&one)), (240, Some(&one))],
            vec![],
            Some(2),
        ),
        ("changed", vec![(0, Some(&one)), (300, Some(&other)), (600, Some(&one)), (900, Some(&one))], vec![], Some(2)),
        ("resolved", vec![(0, Some(&one)), (300, Some(&one)), (600, None)], vec![], None),
        ("reappears", vec![(0, Some(&one)), (300, None), (600, Some(&one)), (900, Some(&one))], vec![], Some(2)),
        (
            "reported every hour",
            vec![
                (0, Some(&one)),
                (300, Some(&one)),
                (600, Some(&one)),
                (900, Some(&one)),
                (600 + hour, Some(&one)),
                (900 + hour, Some(&one)),
            ],
            vec![600, 600 + hour],
            Some(4),
        ),
    ];
    for (name, checks, expected, remaining) in rows {
        let (mut check, mut alarms) = (AuditProgress::default(), Vec::new());
        for (seconds, found) in checks {
            let drift =
                check.record_check(&subject, found.cloned().into_iter().collect(), Observation::default(), at(seconds));
            alarms.extend(drift.iter().map(|_| seconds));
        }
        assert_eq!((alarms, check.open.first().map(|open| open.equal_checks)), (expected, remaining), "{name}");
    }
}

/// The finding of each check, the lines that it and the previous check have seen, and the check that is drift.
type ActiveAccount<'f> = (&'f str, &'f dyn Fn(i128) -> Difference, fn(u64) -> (u64, u64), Option<u64>);

/// An account in use has new sums at each check, and is off by the same amount: that is drift. If its index lags, it is
/// off by the missing lines, and the lines that arrive later show the lag.
#[test]
fn active_account_with_constant_difference_is_drift() {
    let subject = Subject::Account("alice/credits".to_owned());
    let balance = |look: i128| of_account(DifferenceKind::Balance, 105 - look, 5 - look);
    let growing = |look: i128| of_account(DifferenceKind::Balance, 105 + look, 5);
    let lost = |look: i128| suspected(DifferenceKind::Lines, Suspect::LostLine, 5 - look, 6 - look, 1);
    // The number of lines that each check has seen, and how many of those the previous check could have seen.
    let on_time: fn(u64) -> (u64, u64) = |look| (10 + look, 9 + look);
    let late: fn(u64) -> (u64, u64) = |look| (10 + look, 10 + look);
    let rows: [ActiveAccount<'_>; 5] = [
        ("an altered balance, and spends", &balance, on_time, Some(2)),
        ("a lost line, and spends", &lost, on_time, Some(2)),
        ("a lagging index, by another line of the same amount each time", &lost, late, None),
        ("a sum from a lagging index", &balance, late, None),
        ("a balance that keeps changing", &growing, on_time, None),
    ];
    for (name, difference, lines, expected) in rows {
        let (mut check, mut drift) = (AuditProgress::default(), None);
        for look in 0..6 {
            let (seen, earlier) = lines(look);
            let until = |look: u64| at(i64::try_from(look).expect("a few") * 300 + 1);
            let of = |look, lines| LinesSeen { until: until(look), counted: LineTotals { lines, sum: Balance::ZERO } };
            let earlier = look.checked_sub(1).map(|before| of(before, earlier));
            let look_at = Observation { earlier, seen: Some(of(look, seen)) };
            let found = check.record_check(&subject, vec![difference(look.into())], look_at, until(look));
            drift = drift.or((!found.is_empty()).then_some(look));
        }
        assert_eq!(drift, expected, "{name}");
        let unsettled = usize::from(expected.is_none());
        assert_eq!(check.unsettled(), (unsettled, (unsettled > 0).then(|| at(1))), "{name}");
    }
}

/// An account that no check can settle is checked every hour in the end, and raises an alarm after a day.
#[test]
fn unsettled_account_raises_an_alarm_after_a_day() {
    let subject = Subject::Account("alice/credits".to_owned());
    let hour = 60 * MINUTE;
    let (mut by_sum, mut by_writes) = (AuditProgress::default(), AuditProgress::default());
    let (mut alarms, mut checks, mut written) = (Vec::new(), Vec::new(), Vec::new());
    for seconds in (0..DAY + 3 * hour).step_by(300) {
        let now = at(seconds);
        if seconds == 0 || by_sum.subjects_due(now).contains(&subject) {
            checks.push(seconds);
            let found = of_account(DifferenceKind::Balance, 5, 6 + i128::from(seconds));
            alarms.extend(
                by_sum.record_check(&subject, vec![found], Observation::default(), now).iter().map(|_| seconds),
            );
        }
        if seconds == 0 || by_writes.subjects_due(now).contains(&subject) {
            written.extend(by_writes.moved("alice/credits", now).map(|_| seconds));
        }
    }
    assert_eq!((checks.len(), written), (12 + 26, vec![DAY, DAY + hour, DAY + 2 * hour]));
    let first = DAY + 3_300;
    assert_eq!(alarms, [first, first + hour, first + 2 * hour]);
    assert_eq!(by_writes.unsettled(), (1, Some(at(0))));
    by_writes.record_check(&subject, vec![], Observation::default(), at(2 * DAY));
    assert_eq!(by_writes.unsettled(), (0, None), "a check between two writes settles it");
    for n in 0..50 {
        by_writes.moved(&format!("owner{n}/credits"), at(0));
    }
    assert_eq!(by_writes.unsettled_accounts.len(), 20, "the row stays small enough");
}

/// A check of one subject leaves the differences of others open.
#[test]
fn check_of_one_subject_keeps_other_differences() {
    let mut check = AuditProgress::default();
    let bobs = Difference { account: "bob/credits".to_owned(), ..of_account(DifferenceKind::Balance, 1, 2) };
    check.record_check(&bobs.subject(), vec![bobs.clone()], Observation::default(), at(0));
    check.record_check(&Subject::Account("alice/credits".to_owned()), vec![], Observation::default(), at(300));
    assert_eq!(check.open, [Open { difference: bobs, equal_checks: 1, since: at(0), checked_at: at(0), seen: None }]);
}

/// Of a subject that still differs, a finding stays.
#[test]
fn finding_that_is_no_longer_true_ends() {
    type Row<'r> = (&'r str, &'r [&'r Difference], &'r [&'r Difference], &'r [&'r Difference]);
    let order = OrderNumber::new("HL1").expect("a number");
    let of_order = |difference_kind| Difference { order: Some(order.clone()), ..of_account(difference_kind, 1, 2) };
    let (balance, available) = (of_account(DifferenceKind::Balance, 1, 2), of_account(DifferenceKind::Available, 1, 2));
    let line = Difference { line: Some("usage#a".to_owned()), ..balance.clone() };
    let [stands, payment, pointer] =
        [DifferenceKind::Stands, DifferenceKind::Payment, DifferenceKind::Pointer].map(of_order);
    let others = Difference { account: "bob/credits".to_owned(), ..balance.clone() };
    let (again, lines) = (of_account(DifferenceKind::Balance, 1, 9), of_account(DifferenceKind::Lines, 1, 9));
    let rows: [Row<'_>; 9] = [
        ("nothing is compared", &[], &[], &[]),
        ("another account is compared", &[&others], &[], &[&others]),
        ("all of it agrees", &[&balance], &[], &[&balance, &available]),
        ("one of two still differs", &[&balance], &[&available], &[&balance]),
        ("it differs by another sum", &[&balance], &[&again], &[&available]),
        ("it differs in another way", &[&balance], &[&lines], &[]),
        ("a line agrees", &[&line], &[], &[&line]),
        ("an order differs in another way", &[&stands], &[&payment], &[]),
        ("an order's pointer differs", &[&stands], &[&pointer], &[]),
    ];
    for (name, compared, left, expected) in rows {
        let mut check = AuditProgress::default();
        for found in [&[&balance, &available][..], &[&others], &[&line], &[&stands]] {
            let found: Vec<Difference> = found.iter().copied().cloned().collect();
            check.record_check(&found[0].subject(), found, Observation::default(), at(0));
        }
        let before = check.clone();
        let left: Vec<Difference> = left.iter().copied().cloned().collect();
        let ended = check.end_findings(&compared.iter().map(|found| found.subject()).collect(), &left);
        assert_eq!(ended.iter().collect::<Vec<_>>(), expected, "{name}");
        let stay = before.open.iter().filter(|open| !ended.contains(&open.difference));
        assert_eq!(check.open.iter().collect::<Vec<_>>(), stay.collect::<Vec<_>>(), "{name}");
    }
}

/// What a run has counted before the repair is not added to what comes after it.
#[test]
fn count_of_a_repaired_account_is_dropped() {
    let compared = std::collections::BTreeSet::from([Subject::Account("alice/credits".to_owned())]);
    let last = LinePosition { key: "usage#a".to_owned(), at: "2026-01-01T00:00:00Z".to_owned() };
    let differs = [of_account(DifferenceKind::Balance, 1, 2)];
    let rows: [(&str, &[Difference], bool); 3] =
        [("alice/credits", &[], false), ("bob/credits", &[], true), ("alice/credits", &differs, true)];
    for (account, left, stays) in rows {
        let counting = CountProgress {
            account: account.to_owned(),
            counted: LineTotals::default(),
            earlier: None,
            last: last.clone(),
            sides: None,
        };
        let mut check = AuditProgress { counting: Some(counting), ..AuditProgress::default() };
        check.moved(account, at(0));
        check.end_findings(&compared, left);
        assert_eq!(check.counting.is_some(), stays, "{account}");
        assert_eq!(check.unsettled_accounts.is_empty(), account == "alice/credits", "{account}");
    }
}

/// The row stays small enough to be written; the first hundred differences are enough for an alarm.
#[test]
fn open_differences_are_bounded_to_one_row() {
    let mut check = AuditProgress::default();
    for n in 0..150 {
        let one = Difference { account: format!("owner{n}/credits"), ..of_account(DifferenceKind::Balance, 1, 2) };
        check.record_check(&one.subject(), vec![one.clone()], Observation::default(), at(0));
    }
    assert_eq!(check.open.len(), 100);
}

#[test]
fn pass_starts_once_a_day_and_ends() {
    let mut check = AuditProgress::default();
    assert_eq!((check.is_due(at(0)), check.is_under_way(), check.is_idle(at(0))), (true, false, false));
    check.begin(at(0));
    check.after = Some("alice/credits".to_owned());
    assert_eq!((check.is_due(at(2 * DAY)), check.is_under_way(), check.is_idle(at(0))), (false, true, false));
    check.end(at(300));
    assert_eq!((check.after.as_ref(), check.is_under_way(), check.is_idle(at(300))), (None, false, true));
    let [early, due] = [DAY - 601, DAY - 600].map(|seconds| (check.is_due(at(seconds)), check.is_idle(at(seconds))));
    assert_eq!((early, due), ((false, true), (true, false)));
    // An open difference is checked between two passes too.
    let subject = Subject::Account("alice/credits".to_owned());
    check.record_check(&subject, vec![of_account(DifferenceKind::Balance, 5, 6)], Observation::default(), at(300));
    assert_eq!((check.is_idle(at(539)), check.is_idle(at(540))), (true, false));
}

#[test]
fn line_key_shows_whether_an_order_caused_it() {
    let rows = [
        ("payment#stripe#pi_1", true),
        ("reversal#HL1#1", true),
        ("invoice#in_1", true),
        ("grant#HL1#1", true),
        ("commission#HL1#2", true),
        ("sent#HL1#1", true),
        ("usage#evt_1", false),
        ("manual#m1", false),
        ("payments#1", false),
        ("", false),
    ];
    for (key, expected) in rows {
        assert_eq!(JournalLine::is_of_order(key), expected, "{key}");
    }
}

type Passes = (&'static str, Vec<Vec<i64>>, Vec<u64>);

/// No later pass counts fewer of the accounts that were opened before a given time, whatever is opened since.
#[test]
fn deleted_account_is_reported_by_the_next_pass() {
    // For each day's pass, the days on which its accounts were opened; and how many accounts are then missing.
    let rows: [Passes; 5] = [
        ("unchanged", vec![vec![0, 0], vec![0, 0], vec![0, 0]], vec![0, 0, 0]),
        ("more are opened", vec![vec![0], vec![0, 1], vec![0, 1, 2, 2]], vec![0, 0, 0]),
        ("one is deleted, and others are opened", vec![vec![-1, -1], vec![-1, 0, 0], vec![-1, 0, 1]], vec![0, 1, 1]),
        ("one is restored", vec![vec![-1, -1], vec![-1], vec![-1, -1]], vec![0, 1, 0]),
        ("one is opened during the pass and missed", vec![vec![0], vec![], vec![0]], vec![0, 0, 0]),
    ];
    for (name, days, expected) in rows {
        let (mut check, mut gone) = (AuditProgress::default(), Vec::new());
        for (day, opened) in (0..).zip(days) {
            check.begin(at(day * DAY));
            for day in opened {
                check.opened(at(day * DAY));
            }
            check.end(at(day * DAY + 300));
            gone.push(check.gone(at(day * DAY + 300)).map_or(0, |gone| gone.accounts));
        }
        assert_eq!(gone, expected, "{name}");
    }
}

/// The alarm repeats until the accounts are back, or for a week.
#[test]
fn missing_accounts_leave_the_baseline_after_a_week() {
    let mut check = AuditProgress::default();
    let mut alarms = Vec::new();
    for day in 0..10 {
        check.begin(at(day * DAY));
        if day == 0 {
            check.opened(at(-DAY));
        }
        check.end(at(day * DAY));
        alarms.extend(check.gone(at(day * DAY)).map(|_| day));
    }
    assert_eq!(alarms, [1, 2, 3, 4, 5, 6, 7]);
}
