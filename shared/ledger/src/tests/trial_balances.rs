//! The trial balance of a day, and the lines that another one must agree with.

use super::*;

const HOUR_S: i64 = 60 * 60;
const DAY_S: i64 = 24 * HOUR_S;

fn line(key: &str, change: i128, second: i64) -> StatementLine {
    StatementLine { key: key.to_owned(), change: Balance::from_units(change), at: at(second) }
}

fn units(totals: &AssetBalance) -> (i128, Vec<(&'static str, i128)>) {
    let houses = totals.houses.iter().map(|(house, side)| (house.as_str(), side.units()));
    (totals.customers.units(), houses.collect())
}

#[test]
fn day_is_closed_an_hour_after_its_end() {
    for (now, day, until) in [
        (2 * DAY_S + HOUR_S - 1, "1970-01-01", DAY_S),
        (2 * DAY_S + HOUR_S, "1970-01-02", 2 * DAY_S),
        (3 * DAY_S, "1970-01-02", 2 * DAY_S),
    ] {
        let balance = TrialBalance::before(at(now));
        assert_eq!((balance.day(), balance.until), (day.to_owned(), at(until)), "at {now}");
        assert_eq!(balance.previous(), at(until - DAY_S), "at {now}");
    }
    // In the middle of a day, the day before is the last that has ended.
    assert_eq!(TrialBalance::of(at(3 * DAY_S + 5)).previous(), at(3 * DAY_S));
}

#[test]
fn houses_have_the_other_side_of_all_lines_and_the_sum_is_nothing() {
    let mut day = TrialBalance::of(at(DAY_S));
    let houses = BTreeMap::from([
        ("manual#t1".to_owned(), House::Transfers),
        ("received#manual#t1".to_owned(), House::Transfers),
        ("reversal#HL1#1".to_owned(), House::Revenue),
    ]);
    let alice = [
        line("payment#stripe#pi_1", 100, 1),
        line("usage#e1", -30, 2),
        line("manual#t1", -20, 3),
        line("reversal#HL1#1", -10, 4),
        line("expire#alice/credits.1", -5, DAY_S - 1),
        // Of the next day.
        line("usage#e2", -7, DAY_S),
    ];
    let bob = [line("received#manual#t1", 20, 3), line("redeem#1#bob", 2, 4)];
    for (account, lines, balance) in [("alice/credits", alice.as_slice(), 28), ("bob/credits", &bob, 22)] {
        let mut sides = day.sides();
        // In two pages.
        sides.add(&lines[..1], &houses);
        sides.add(&lines[1..], &houses);
        day.add(account, &sides, Some(Balance::from_units(balance)));
    }
    let mut sides = day.sides();
    sides.add(&[line("commission#HL1#1", 9, 5)], &BTreeMap::new());
    day.add("carol/commission-usd", &sides, Some(Balance::from_units(9)));
    let credits = &day.assets["credits"];
    let expected = [
        ("house/usage", 30),
        ("house/revenue", -90),
        ("house/promotions", -2),
        ("house/breakage", 5),
        ("house/transfers", 0),
    ];
    assert_eq!(units(credits), (57, expected.to_vec()));
    assert_eq!((credits.sum(), credits.accounts, credits.unsettled), (Balance::ZERO, 2, 0));
    assert_eq!(units(&day.assets["commission-usd"]), (9, vec![("house/commissions", -9)]));
    assert_eq!(day.unbalanced().count(), 0);
}

#[test]
fn altered_balance_and_lost_side_of_a_transfer_do_not_add_up() {
    let of = |lines: &[StatementLine], balance: Option<i128>| {
        let mut day = TrialBalance::of(at(DAY_S));
        let mut sides = day.sides();
        sides.add(lines, &BTreeMap::new());
        day.add("alice/credits", &sides, balance.map(Balance::from_units));
        let totals = &day.assets["credits"];
        (totals.sum().units(), totals.unsettled, day.unbalanced().count())
    };
    let sold = [line("payment#stripe#pi_1", 100, 1)];
    assert_eq!(of(&sold, Some(100)), (0, 0, 0));
    assert_eq!(of(&sold, Some(101)), (1, 0, 1), "the balance was altered");
    assert_eq!(of(&sold, None), (0, 1, 0), "its lines stand for an account that is being written");
    assert_eq!(of(&[line("received#manual#t1", 5, 1)], Some(5)), (0, 0, 1), "the other side is missing");
}

/// What the row shows, the line, the one that it is paired with, and the difference.
type PairedRow = (&'static str, JournalLine, Option<JournalLine>, Option<DifferenceKind>);

#[test]
fn line_that_is_paired_with_another_differs_unless_they_agree() {
    let line = |key: &str, account: &str, change: i128| JournalLine {
        key: key.to_owned(),
        account: account.to_owned(),
        change: Balance::from_units(change),
        house: None,
        order: None,
        reverses: None,
        reversed_by: None,
        at: None,
        is_failed: false,
    };
    let transfer = |key: &str, account: &str, change: i128| JournalLine {
        house: Some(House::Transfers),
        ..line(key, account, change)
    };
    let charge = |change: i128, by: Option<&str>| JournalLine {
        reversed_by: by.map(str::to_owned),
        ..line("usage#e1", "alice/credits", change)
    };
    let (sent, received) = ("manual#t1", "received#manual#t1");
    let back = |change| line("reversed#usage#e1", "alice/credits", change);
    let (transfers, reversal) = (DifferenceKind::Transfer, DifferenceKind::Reversal);
    let reversed = transfer(received, "bob/credits", 4);
    let corrected = JournalLine { reversed_by: Some("repair#1".to_owned()), ..reversed.clone() };
    let by = Some("reversed#usage#e1");
    let rows: Vec<PairedRow> = vec![
        ("both sides", transfer(sent, "alice/credits", -5), Some(transfer(received, "bob/credits", 5)), None),
        ("the other way", transfer(received, "bob/credits", 5), Some(transfer(sent, "alice/credits", -5)), None),
        ("no other side", transfer(sent, "alice/credits", -5), None, Some(transfers)),
        ("another amount", reversed.clone(), Some(transfer(sent, "alice/credits", -5)), Some(transfers)),
        (
            "another asset",
            transfer(received, "bob/POSX", 5),
            Some(transfer(sent, "alice/credits", -5)),
            Some(transfers),
        ),
        ("corrected by hand", corrected, Some(transfer(sent, "alice/credits", -5)), None),
        ("a part of a charge", back(2), Some(charge(-3, by)), None),
        ("all of a charge", back(3), Some(charge(-3, by)), None),
        ("more than the charge", back(4), Some(charge(-3, by)), Some(reversal)),
        ("less than nothing", back(-1), Some(charge(-3, by)), Some(reversal)),
        ("a charge that is not marked", back(2), Some(charge(-3, None)), Some(reversal)),
        ("no charge", back(2), None, Some(reversal)),
        ("a line of its own", line("manual#c1", "alice/credits", 5), None, None),
    ];
    for (name, line, other, expected) in rows {
        if let Some(other) = &other {
            assert!(line.paired_with().is_none_or(|key| key == other.key), "{name}");
        }
        let found = line.differs_from_pair(other.as_ref()).map(|found| found.difference_kind);
        assert_eq!(found, expected, "{name}");
    }
}

#[test]
fn order_whose_price_is_not_that_of_its_rate_differs() {
    let price = Money { amount: cents(500_000), currency: Currency::MNT };
    let rows = [("0.002", 1_000, true), ("0.002", 1_001, false), ("0.003", 1_000, false), ("much", 1_000, false)];
    for (rate, paid, agrees) in rows {
        let mut order = order(Money { amount: cents(paid), currency: Currency::parse("CNY").expect("valid") }, vec![]);
        order.terms.exchange = Some(Exchange { price, rate: rate.to_owned() });
        let number = order.number.clone();
        let found = StoredOrder::Order(Box::new(order)).differences(&number, &[]);
        let kinds: Vec<DifferenceKind> = found.iter().map(|found| found.difference_kind).collect();
        assert_eq!(kinds, if agrees { vec![] } else { vec![DifferenceKind::Rate] }, "{paid} at {rate}");
    }
}
