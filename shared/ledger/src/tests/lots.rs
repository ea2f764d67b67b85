//! Lots: random histories against a naive replay, and tables of the rules that they do not reach.

mod history;
mod machine;
mod naive;
mod orders;
mod transfers;

use history::first_difference;
use machine::Form;

use super::*;

/// A few seconds without optimisation.
const HISTORIES: u64 = 10_000;
const HISTORIES_ALL: u64 = 1_000_000;
/// Enough to see each rejected form fail.
const HISTORIES_OF_A_FORM: u64 = 2_000;

#[test]
fn histories_equal_the_naive_replay() {
    assert_eq!(first_difference(HISTORIES, Form::Design), None);
}

#[test]
#[ignore = "a million histories, which `.ci/full` runs"]
fn a_million_histories_equal_the_naive_replay() {
    assert_eq!(first_difference(HISTORIES_ALL, Form::Design), None);
}

#[test]
fn each_sentence_left_out_gives_a_difference() {
    for form in Form::REJECTED {
        assert!(first_difference(HISTORIES_OF_A_FORM, form).is_some(), "{form:?} is as right as the design");
    }
}

const DAY_S: i64 = 86_400;

fn key(name: &str) -> MoneyKey {
    MoneyKey::of_row(name)
}

pub(super) fn dated(day: i64) -> LotTerms {
    LotTerms { priority: PRIORITY_DEFAULT, kind: LotKind::Free, expires_at: Some(at(day.saturating_mul(DAY_S))) }
}

fn give(grant: &str, units: u64, lots: Vec<LotShare>) -> Movement {
    let posting = Posting::to_customer(alice().account(Asset::CREDITS), House::Revenue, Amount::from_units(units));
    Movement { key: key(grant), posting, guard: Guard::Always, reverses: None, lots }
}

fn take(clawback: &str, grant: &str, units: u64) -> Movement {
    let posting = Posting::from_customer(alice().account(Asset::CREDITS), House::Revenue, Amount::from_units(units));
    let lots = vec![LotShare { terms: dated(1), units: 1 }];
    Movement { key: key(clawback), posting, guard: Guard::Always, reverses: Some(key(grant)), lots }
}

/// The account after this row was written over the balance, and moved it by so much.
pub(super) fn after(row: LotsRow, mark: i128, balance: i128) -> LotsSnapshot {
    let [mark, balance] = [mark, balance].map(Balance::from_units);
    let (version, next_expiry) = (row.version, row.first_expiry());
    LotsSnapshot::new(AccountLots { balance, held: 0, mark, version, next_expiry }, row).expect("one version")
}

#[test]
fn movement_of_nothing_reads_no_lot() {
    let spend = |units| Movement { reverses: None, lots: Vec::new(), ..take("e1", "g1", units) };
    let again = |units| Movement { reverses: Some(key("g1")), ..give("a1", units, Vec::new()) };
    for units in [0, 1] {
        for movement in [spend(units), give("g1", units, Vec::new()), take("c1", "g1", units), again(units)] {
            let is_spend = units == 0 || movement.key == key("e1");
            assert_eq!(LotMove::of(&movement) == LotMove::Spend, is_spend, "{units} of {:?}", movement.key);
        }
    }
}

#[test]
fn lots_are_spent_by_priority_then_kind_then_date_then_age() {
    let lot = |grant: &str, priority, kind, day: Option<i64>| Lot {
        grants: vec![key(grant)],
        terms: LotTerms { priority, kind, expires_at: day.map(|day| at(day.saturating_mul(DAY_S))) },
        units: 1,
    };
    let lots = vec![
        lot("undated", PRIORITY_DEFAULT, LotKind::Paid, None),
        lot("later", PRIORITY_DEFAULT, LotKind::Paid, Some(9)),
        lot("newer", PRIORITY_DEFAULT, LotKind::Paid, Some(9)),
        lot("sooner", PRIORITY_DEFAULT, LotKind::Paid, Some(8)),
        lot("free", PRIORITY_DEFAULT, LotKind::Free, Some(10)),
        lot("first", 0, LotKind::Paid, Some(20)),
        lot("last", 9, LotKind::Free, Some(7)),
    ];
    let mut order = Vec::new();
    for left in (0..7).rev() {
        let row = LotsRow { version: 2, lots: lots.clone(), ..LotsRow::default() };
        let names: Vec<String> =
            after(row, 7, left).settled().lots.iter().map(|lot| lot.grants[0].to_string()).collect();
        let gone = lots
            .iter()
            .map(|lot| lot.grants[0].to_string())
            .find(|name| !names.contains(name) && !order.contains(name));
        order.extend(gone);
    }
    assert_eq!(order, ["first", "free", "sooner", "later", "newer", "undated", "last"]);
}

#[test]
fn more_than_500_lots_are_merged_under_the_later_date_and_keep_their_grants() {
    let lot =
        |n: i64| Lot { grants: vec![key(&format!("payment#stripe#{n}"))], terms: dated(n.saturating_mul(2)), units: 1 };
    let mut lots: Vec<Lot> = (1..=500).map(lot).collect();
    // One day after the lot of day 20: no two are closer.
    let newest = vec![LotShare { terms: dated(21), units: 1 }];
    let row = LotsRow { version: 2, lots: lots.clone(), ..LotsRow::default() };
    let changed = after(row, 500, 500).change([LotMove::of(&give("payment#stripe#new", 1, newest))], at(0));
    let settled = after(changed.row, 500, 501).settled();
    lots[9].terms = dated(21);
    lots[9].units = 2;
    lots[9].grants.push(key("payment#stripe#new"));
    assert_eq!(settled.lots, lots);
}

#[test]
fn merged_lots_name_a_limited_number_of_grants_the_newest() {
    let grants = (0..1_500).map(|n| key(&format!("payment#stripe#{n}"))).collect();
    let mut lots = vec![Lot { grants, terms: dated(1), units: 1 }];
    lots.extend((0..500).map(|n| Lot { grants: vec![], terms: dated(10_i64.saturating_add(n)), units: 1 }));
    let row = LotsRow { version: 2, lots, ..LotsRow::default() };
    let newest = vec![LotShare { terms: dated(1), units: 1 }];
    let changed = after(row, 501, 501).change([LotMove::of(&give("payment#stripe#new", 1, newest))], at(0));
    let settled = after(changed.row, 501, 502).settled();
    let named: Vec<&MoneyKey> = settled.lots.iter().flat_map(|lot| &lot.grants).collect();
    assert_eq!((settled.lots.len(), named.len()), (500, 1_500));
    assert_eq!((named.first(), named.last()), (Some(&&key("payment#stripe#1")), Some(&&key("payment#stripe#new"))));
}

#[test]
fn what_expired_is_kept_for_400_days() {
    let expired = |day: i64| {
        let grants = vec![key("payment#stripe#1")];
        ExpiredShare { grants, share: LotShare { terms: dated(day), units: 3 }, at: at(day.saturating_mul(DAY_S)) }
    };
    for (day, returned) in [(400, 3), (401, 0)] {
        let row = LotsRow { version: 2, expired: vec![expired(0)], ..LotsRow::default() };
        let clawback = take("reversal#HL1#1", "payment#stripe#1", 5);
        let changed = after(row, 0, 0).change([LotMove::of(&clawback)], at(day * DAY_S));
        assert_eq!(changed.returned, returned, "after {day} days");
        assert_eq!(
            changed.row.changes,
            [LotChange::Take {
                key: clawback.key.clone(),
                grant: key("payment#stripe#1"),
                is_undated: false,
                units: 5 - returned,
            }]
        );
    }
}

#[test]
fn what_expired_names_a_limited_number_of_grants_the_newest() {
    let expired = |day: i64| {
        let grants = (0..600).map(|n| key(&format!("payment#stripe#{day}.{n}"))).collect();
        ExpiredShare { grants, share: LotShare { terms: dated(day), units: 3 }, at: at(day.saturating_mul(DAY_S)) }
    };
    let row = LotsRow { version: 2, expired: (1..=3).map(expired).collect(), ..LotsRow::default() };
    let changed = after(row, 0, 0).change([LotMove::of(&give("payment#stripe#new", 1, Vec::new()))], at(4 * DAY_S));
    assert_eq!(changed.row.expired, [expired(2), expired(3)], "1,800 grants in all");
}

#[test]
fn only_what_a_payment_bought_is_kept_when_it_expires() {
    for (grant, kept) in [("payment#stripe#1", 1), ("invoice#in_1", 1), ("manual#gift", 0)] {
        let lots = vec![Lot { grants: vec![key(grant)], terms: dated(1), units: 3 }];
        let row = LotsRow { version: 2, lots, ..LotsRow::default() };
        let expired = after(row, 3, 3).expire("alice/credits", at(DAY_S));
        assert_eq!((expired.units, expired.row.expired.len(), expired.next_expiry), (3, kept, None), "{grant}");
    }
}

#[test]
fn expiry_under_a_hold_runs_again_within_the_hour() {
    let lots = vec![Lot { grants: vec![key("manual#gift")], terms: dated(1), units: 5 }];
    let row = LotsRow { version: 2, lots, ..LotsRow::default() };
    let mut read = after(row, 5, 5);
    read.account.held = 2;
    let expired = read.expire("alice/credits", at(DAY_S));
    assert_eq!((expired.units, expired.next_expiry), (3, Some(at(DAY_S + 3_600))));
    assert_eq!(expired.row.lots.iter().map(|lot| lot.units).collect::<Vec<_>>(), [2]);
}

#[test]
fn what_comes_back_for_usage_is_free_and_undated() {
    let reversed = Movement { reverses: Some(key("usage#e1")), ..give("reversal#usage#e1", 4, vec![]) };
    for back in [reversed, give("usage#refund", 4, vec![])] {
        let lots = vec![Lot { grants: vec![key("manual#gift")], terms: dated(9), units: 1 }];
        let row = LotsRow { version: 2, lots, ..LotsRow::default() };
        let changed = after(row, 1, 1).change([LotMove::of(&back)], at(0));
        let given = after(changed.row, 1, 5).settled().units_of(LotTerms::undated(LotKind::Free));
        assert_eq!(given, 4, "{}", back.key);
    }
}

#[test]
fn balance_beyond_all_lots_is_undated() {
    let row = LotsRow { version: 2, lots: vec![], ..LotsRow::default() };
    assert_eq!(after(row, 0, 7).settled().units_of(LotTerms::undated(LotKind::Paid)), 7);
}

#[test]
fn rows_of_two_versions_are_no_snapshot() {
    let account = AccountLots { version: 3, ..AccountLots::default() };
    assert_eq!(LotsSnapshot::new(account, LotsRow { version: 2, ..LotsRow::default() }), None);
}

#[test]
fn grant_lasts_to_the_end_of_its_last_day() {
    let terms = GrantTerms::new(90, 3, LotKind::Free).expect("valid");
    let midnight = at(91 * DAY_S);
    for now in [1, DAY_S - 1] {
        assert_eq!(terms.from(at(now)).expires_at, Some(midnight), "granted at second {now}");
    }
    // A midnight ends the day before it.
    assert_eq!(terms.from(at(0)).expires_at, Some(at(90 * DAY_S)));
}

#[test]
fn grant_terms_out_of_range_are_refused() {
    for (days, priority, error) in
        [(0, 0, GrantTermsError::Days), (3_654, 0, GrantTermsError::Days), (1, 10, GrantTermsError::Priority)]
    {
        assert_eq!(GrantTerms::new(days, priority, LotKind::Free), Err(error), "{days} {priority}");
    }
    for text in ["", "d", "90", "0d", "3654d", "-1d", "+1d", "1.5d", "090d", "90 d", "99999999d"] {
        assert_eq!(GrantTerms::parse_days(text), Err(GrantTermsError::Days), "{text}");
    }
    assert_eq!(GrantTerms::parse_days("3653d"), Ok(3_653));
}

#[test]
fn expiry_is_days_or_the_last_day() {
    let now = at(5 * DAY_S + 1);
    let read = |text: &str| LotTerms::read(text, 5, LotKind::Paid, now).map(|terms| terms.expires_at.expect("dated"));
    let rows = [
        ("1d", Ok(at(7 * DAY_S))),
        // Today, the sixth of January 1970.
        ("1970-01-06", Ok(at(6 * DAY_S))),
        ("1970-01-07", Ok(at(7 * DAY_S))),
        ("1970-01-05", Err(GrantTermsError::Past)),
        ("1980-01-07", Ok(at(3_659 * DAY_S))),
        ("1980-01-08", Err(GrantTermsError::TooLate)),
        ("9999-12-31", Err(GrantTermsError::TooLate)),
        ("0d", Err(GrantTermsError::DaysOrDate)),
        ("3654d", Err(GrantTermsError::DaysOrDate)),
        ("1970-02-30", Err(GrantTermsError::DaysOrDate)),
        ("soon", Err(GrantTermsError::DaysOrDate)),
        ("", Err(GrantTermsError::DaysOrDate)),
        ("1970-01-07T00:00:00Z", Err(GrantTermsError::DaysOrDate)),
    ];
    for (text, expected) in rows {
        assert_eq!(read(text), expected, "{text}");
    }
    assert_eq!(LotTerms::read("1970-01-07", 10, LotKind::Paid, now), Err(GrantTermsError::Priority));
}
