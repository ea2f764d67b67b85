//! Exchange rates: exact and rounded up, in force by date, and the changes that are refused.

use proptest::prelude::*;

use crate::{Amount, Currency, CurrencyPair, EventKey, Money, Rate, RateError, Rates, Timestamp};

fn money(text: &str, code: &str) -> Money {
    Money::parse(text, Currency::parse(code).expect("valid")).expect("valid")
}

#[test]
fn exchanged_price_is_rounded_up() {
    let rows = [
        (("5000", "MNT"), "0.00204", "CNY", Some("10.2 CNY")),
        (("9000", "MNT"), "0.00204", "CNY", Some("18.36 CNY")),
        (("1", "MNT"), "0.00204", "CNY", Some("0.01 CNY")),
        (("0.01", "MNT"), "0.000000001", "CNY", Some("0.01 CNY")),
        (("4.90", "MNT"), "0.00204", "CNY", Some("0.01 CNY")),
        (("4.91", "MNT"), "0.00204", "CNY", Some("0.02 CNY")),
        (("1", "USD"), "7", "CNY", Some("7 CNY")),
        (("9.99", "USD"), "7.123456789", "CNY", Some("71.17 CNY")),
        // Currencies without decimals, with two and with three.
        (("19.99", "USD"), "150", "JPY", Some("2999 JPY")),
        (("19.99", "USD"), "149.999999999", "JPY", Some("2999 JPY")),
        (("20", "USD"), "150", "JPY", Some("3000 JPY")),
        (("20", "USD"), "150.000000001", "JPY", Some("3001 JPY")),
        (("1000", "JPY"), "0.002", "KWD", Some("2 KWD")),
        (("1", "JPY"), "0.00204", "KWD", Some("0.003 KWD")),
        (("1.234", "KWD"), "3.25", "USD", Some("4.02 USD")),
        (("999999999999.99", "USD"), "1", "CNY", Some("999999999999.99 CNY")),
        (("999999999999.99", "USD"), "999999999999", "CNY", Some("999999999998990000000000.01 CNY")),
        // Fifteen digits times twenty-one leave no room for three more.
        (("999999999999.999", "KWD"), "999999999999", "OMR", None),
    ];
    for ((price, from), rate, to, expected) in rows {
        let to = Currency::parse(to).expect("valid");
        let exchanged = Rate::parse(rate).expect("valid").exchanged(money(price, from), to);
        assert_eq!(exchanged.map(|money| money.to_string()).as_deref(), expected, "{price} {from} at {rate}");
    }
}

proptest! {
    #[test]
    fn exchanged_price_is_within_one_unit_of_exact(units in 0_u64..1_000_000_000_000, rate in "[0-9]\\.[0-9]{0,8}[1-9]") {
        let price = Money { amount: Amount::from_units(units), currency: Currency::parse("USD").expect("valid") };
        let exchanged = Rate::parse(&rate).expect("valid").exchanged(price, Currency::CNY).expect("small");
        // Both currencies have two decimals, so this compares billionths of one unit.
        let billionths = Amount::parse(&rate, 9).expect("valid").units();
        let exact = u128::from(units).checked_mul(billionths).expect("small");
        let charged = exchanged.amount.units().checked_mul(1_000_000_000).expect("small");
        prop_assert!(charged >= exact);
        prop_assert!(charged.saturating_sub(exact) < 1_000_000_000);
    }
}

#[test]
fn text_that_is_no_rate_is_refused() {
    let rows = [
        ("0", "must not be 0"),
        ("0.000000000", "must not be 0"),
        ("-1", "must not be negative"),
        ("1e-3", "must be a plain decimal number"),
        ("0.0000000001", "must have at most 9 decimals"),
        ("", "must be a plain decimal number"),
        (" 1", "must be a plain decimal number"),
        ("NaN", "must be a plain decimal number"),
    ];
    for (text, error) in rows {
        assert_eq!(Rate::parse(text).expect_err(text).to_string(), error, "{text}");
    }
    for text in ["MNT", "MNT/MNT", "mnt/CNY", "MNT/cny", "MNT/CNY/USD", "MNT-CNY", "/CNY", "MNTX/CNY", ""] {
        assert!(CurrencyPair::parse(text).is_err(), "{text}");
    }
    assert_eq!(pair().to_string(), "MNT/CNY");
}

const DAY_S: i64 = 86_400;
const NOON: &str = "2026-01-01T12:00:00Z";

fn pair() -> CurrencyPair {
    CurrencyPair::parse("MNT/CNY").expect("a pair")
}

fn noon() -> Timestamp {
    Timestamp::parse_rfc3339(NOON).expect("a time")
}

fn rate(text: &str) -> Rate {
    Rate::parse(text).expect("a rate")
}

fn set(rates: &Rates, text: &str, seconds: i64) -> Result<Rates, RateError> {
    rates.set(rate(text), noon().plus_seconds(seconds), noon(), EventKey::of_row("manual#1"))
}

#[test]
fn newest_rate_that_has_begun_is_in_force() {
    let rates = Rates::none(pair());
    assert_eq!(rates.in_force(noon()), None);
    let rates = set(&rates, "2", DAY_S).expect("set");
    let rates = set(&rates, "1", 0).expect("set");
    let rates = set(&rates, "3", DAY_S + 60).expect("set");
    assert_eq!(rates.version, 3);
    let rows = [
        (-1, None),
        (0, Some("1")),
        (DAY_S - 1, Some("1")),
        (DAY_S, Some("2")),
        (DAY_S + 59, Some("2")),
        (DAY_S + 60, Some("3")),
        (100 * DAY_S, Some("3")),
    ];
    for (seconds, expected) in rows {
        let in_force = rates.in_force(noon().plus_seconds(seconds));
        assert_eq!(in_force.map(Rate::as_str), expected, "{seconds}");
    }
}

#[test]
fn revoked_rate_puts_the_one_before_it_into_force() {
    let rates = set(&set(&Rates::none(pair()), "1", 0).expect("set"), "2", 60).expect("set");
    let at = noon().plus_seconds(60);
    assert_eq!(rates.in_force(at), Some(&rate("2")));
    let rates = rates.revoke(at, at).expect("revoked");
    assert_eq!(rates.in_force(at), Some(&rate("1")));
    assert_eq!(rates.revoke(at, at), Err(RateError::NotSet(at)), "twice");
    let rates = rates.revoke(noon(), at).expect("revoked");
    assert_eq!(rates.in_force(at), None, "each is revoked");
    // The moment of a revoked rate is free for another.
    let rates = set(&rates, "4", 60).expect("set");
    assert_eq!((rates.in_force(at), rates.version), (Some(&rate("4")), 5));
}

#[test]
fn change_that_makes_no_sense_is_refused() {
    let rates = set(&Rates::none(pair()), "1", 60).expect("set");
    let taken = RateError::Taken { from: noon().plus_seconds(60), rate: rate("1") };
    let rows = [(-1, RateError::Past), (60, taken), (366 * DAY_S + 1, RateError::TooFarAhead)];
    for (seconds, error) in rows {
        assert_eq!(set(&rates, "2", seconds), Err(error), "{seconds}");
    }
    let unknown = noon().plus_seconds(61);
    assert_eq!(rates.revoke(unknown, noon()), Err(RateError::NotSet(unknown)));
}

#[test]
fn only_rates_that_have_ended_are_dropped() {
    let mut rates = Rates::none(pair());
    for second in 0..150 {
        let now = noon().plus_seconds(second);
        rates = rates.set(rate("1"), now, now, EventKey::of_row("manual#1")).expect("room");
    }
    assert_eq!(rates.by_start.len(), 100);
    assert_eq!(rates.by_start.keys().next(), Some(&noon().plus_seconds(50)));
    // A rate in force and rates ahead take all the room.
    let mut ahead = set(&Rates::none(pair()), "1", 0).expect("set");
    for second in 1..100 {
        ahead = set(&ahead, "2", second).expect("room");
    }
    assert_eq!(set(&ahead, "3", 100), Err(RateError::TooMany));
    assert_eq!(ahead.in_force(noon()), Some(&rate("1")));
    // A revoked rate makes room, wherever it stands.
    for second in [0, 1, 50, 99] {
        let revoked = ahead.revoke(noon().plus_seconds(second), noon()).expect("revoked");
        let after = set(&revoked, "3", 100).expect("room");
        assert_eq!(after.by_start.len(), 100, "{second}");
        assert!(!after.by_start.contains_key(&noon().plus_seconds(second)), "{second}");
        assert_eq!(set(&after, "4", 101), Err(RateError::TooMany), "{second}");
    }
}
