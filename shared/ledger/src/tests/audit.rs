//! When an account agrees with its lines, what makes a difference drift, and when a pass begins.

use crate::{Balance, Check, Counted, Difference, Held, Matter, Open, Posted, Subject, Timestamp};

const MINUTE: i64 = 60;
const DAY: i64 = 24 * 60 * MINUTE;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_767_225_600_000).expect("a time").plus_seconds(seconds)
}

fn units(units: i128) -> Balance {
    Balance::from_units(units)
}

fn held(balance: i128, available: i128, overdraft: i128, version: u64) -> Held {
    let [balance, available, overdraft] = [balance, available, overdraft].map(units);
    Held { account: "alice/credits".to_owned(), balance, available, overdraft, version }
}

fn of_account(matter: Matter, said: i128, found: i128) -> Difference {
    let (said, found) = (units(said), units(found));
    Difference { matter, account: "alice/credits".to_owned(), order: None, line: None, said, found }
}

#[test]
fn an_account_is_what_its_lines_add_up_to() {
    let rows = [
        (held(5, 8, 3, 2), 2, 5, vec![]),
        (held(0, 0, 0, 0), 0, 0, vec![]),
        (held(-5, -2, 3, 2), 2, -5, vec![]),
        (held(5, 8, 3, 2), 2, 6, vec![of_account(Matter::Balance, 5, 6)]),
        (held(5, 9, 3, 2), 2, 5, vec![of_account(Matter::Available, 9, 8)]),
        (held(4, 8, 3, 2), 2, 5, vec![of_account(Matter::Balance, 4, 5), of_account(Matter::Available, 8, 7)]),
        // Of fewer lines, or of more, no sum is expected.
        (held(5, 8, 3, 2), 1, 4, vec![of_account(Matter::Lines, 2, 1)]),
        (held(5, 9, 3, 2), 3, 7, vec![of_account(Matter::Lines, 2, 3)]),
        (Held::nothing("alice/credits"), 1, 7, vec![of_account(Matter::Lines, 0, 1)]),
    ];
    for (held, lines, sum, expected) in rows {
        assert_eq!(held.differences(&Counted { lines, sum: units(sum) }), expected, "{held:?}");
    }
}

/// Sums beyond what can be counted end there, and agree with no balance.
#[test]
fn a_sum_does_not_overflow() {
    let mut counted = Counted::default();
    let line = |change| ("usage#e1".to_owned(), units(change));
    counted.add(&[line(3), line(-5)]);
    assert_eq!(counted, Counted { lines: 2, sum: units(-2) });
    counted.add(&[line(i128::MAX), line(i128::MAX)]);
    assert_eq!(counted, Counted { lines: 4, sum: units(i128::MAX) });
}

/// The looks, by the second, and what each found; when it was said; and how often it was seen in the end.
type Looks<'l> = (&'static str, Vec<(i64, Option<&'l Difference>)>, Vec<i64>, Option<u32>);

/// Three equal looks in a row, each some minutes after the last; then once an hour.
#[test]
fn drift_is_what_stays_the_same_in_three_looks() {
    let subject = Subject::Account("alice/credits".to_owned());
    let (one, other) = (of_account(Matter::Balance, 5, 6), of_account(Matter::Balance, 5, 7));
    let hour = 60 * MINUTE;
    let rows: [Looks<'_>; 7] = [
        ("it stays", vec![(0, Some(&one)), (300, Some(&one)), (600, Some(&one))], vec![600], Some(3)),
        ("seen twice", vec![(0, Some(&one)), (300, Some(&one))], vec![], Some(2)),
        (
            "looked at too often",
            vec![(0, Some(&one)), (10, Some(&one)), (239, Some(&one)), (240, Some(&one))],
            vec![],
            Some(2),
        ),
        (
            "it changes",
            vec![(0, Some(&one)), (300, Some(&other)), (600, Some(&one)), (900, Some(&one))],
            vec![],
            Some(2),
        ),
        ("it is gone", vec![(0, Some(&one)), (300, Some(&one)), (600, None)], vec![], None),
        ("and comes back", vec![(0, Some(&one)), (300, None), (600, Some(&one)), (900, Some(&one))], vec![], Some(2)),
        (
            "it is said every hour",
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
    for (name, looks, expected, left) in rows {
        let (mut check, mut said) = (Check::default(), Vec::new());
        for (seconds, found) in looks {
            let drift = check.looked(&subject, found.cloned().into_iter().collect(), at(seconds));
            said.extend(drift.iter().map(|_| seconds));
        }
        assert_eq!((said, check.open.first().map(|open| open.looks)), (expected, left), "{name}");
    }
}

/// A look at one subject says nothing of another.
#[test]
fn what_is_open_of_others_stays() {
    let mut check = Check::default();
    let bobs = Difference { account: "bob/credits".to_owned(), ..of_account(Matter::Balance, 1, 2) };
    check.looked(&bobs.subject(), vec![bobs.clone()], at(0));
    check.looked(&Subject::Account("alice/credits".to_owned()), vec![], at(300));
    assert_eq!(check.open, [Open { difference: bobs, looks: 1, since: at(0), looked_at: at(0) }]);
}

/// The row stays one that can be written; the first hundred are enough to call somebody.
#[test]
fn no_more_is_kept_than_fits_a_row() {
    let mut check = Check::default();
    for n in 0..150 {
        let one = Difference { account: format!("owner{n}/credits"), ..of_account(Matter::Balance, 1, 2) };
        check.looked(&one.subject(), vec![one.clone()], at(0));
    }
    assert_eq!(check.open.len(), 100);
}

#[test]
fn a_pass_begins_once_a_day_and_ends() {
    let mut check = Check::default();
    assert_eq!((check.is_due(at(0)), check.is_under_way(), check.is_idle(at(0))), (true, false, false));
    check.begin(at(0));
    check.after = Some("alice/credits".to_owned());
    assert_eq!((check.is_due(at(2 * DAY)), check.is_under_way(), check.is_idle(at(0))), (false, true, false));
    check.end(at(300));
    assert_eq!((check.after.as_ref(), check.is_under_way(), check.is_idle(at(300))), (None, false, true));
    let [early, due] = [DAY - 1, DAY].map(|seconds| (check.is_due(at(seconds)), check.is_idle(at(seconds))));
    assert_eq!((early, due), ((false, true), (true, false)));
    // What differs is looked at between two passes too.
    check.looked(&Subject::Account("alice/credits".to_owned()), vec![of_account(Matter::Balance, 5, 6)], at(300));
    assert_eq!((check.is_idle(at(539)), check.is_idle(at(540))), (true, false));
}

#[test]
fn which_lines_are_there_because_of_an_order() {
    let rows = [
        ("payment#stripe#pi_1", true),
        ("reversal#HL1#1", true),
        ("invoice#in_1", true),
        ("grant#HL1#1", true),
        ("commission#HL1#2", true),
        ("usage#evt_1", false),
        ("manual#m1", false),
        ("payments#1", false),
        ("", false),
    ];
    for (key, expected) in rows {
        assert_eq!(Posted::is_of_order(key), expected, "{key}");
    }
}
