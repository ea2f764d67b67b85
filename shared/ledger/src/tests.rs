//! Tables and properties of the nouns.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]

use proptest::prelude::*;

use super::*;

#[test]
fn amounts_are_read_exactly_or_refused() {
    use AmountError::{Negative, NotADecimal, TooLarge, TooPrecise};
    const TOO_PRECISE: AmountError = TooPrecise { decimals_max: 6 };
    let rows: &[(&str, Result<u128, AmountError>)] = &[
        ("15", Ok(15_000_000)),
        ("0.00234", Ok(2_340)),
        ("1.5", Ok(1_500_000)),
        ("0", Ok(0)),
        ("0.0", Ok(0)),
        ("0.000001", Ok(1)),
        ("1.500000", Ok(1_500_000)),
        ("999999999999.999999", Ok(999_999_999_999_999_999)),
        ("1000000000000", Err(TooLarge)),
        ("9223372036854775808", Err(TooLarge)),
        ("0.0000001", Err(TOO_PRECISE)),
        ("1.5000000", Err(TOO_PRECISE)),
        ("-1", Err(Negative)),
        ("-0", Err(Negative)),
        ("1e2", Err(NotADecimal)),
        ("1E-2", Err(NotADecimal)),
        ("NaN", Err(NotADecimal)),
        ("Infinity", Err(NotADecimal)),
        ("", Err(NotADecimal)),
        (".5", Err(NotADecimal)),
        ("5.", Err(NotADecimal)),
        ("+1", Err(NotADecimal)),
        ("01", Err(NotADecimal)),
        ("00", Err(NotADecimal)),
        (" 1", Err(NotADecimal)),
        ("1 ", Err(NotADecimal)),
        ("1,000", Err(NotADecimal)),
        ("1_000", Err(NotADecimal)),
        ("0x10", Err(NotADecimal)),
        ("1.2.3", Err(NotADecimal)),
        ("１", Err(NotADecimal)),
        ("true", Err(NotADecimal)),
    ];
    for (text, expected) in rows {
        assert_eq!(Asset::CREDITS.parse(text).map(Amount::units), *expected, "{text:?}");
    }
}

#[test]
fn balances_are_written_as_they_are_owed() {
    for (units, text) in [(0, "0"), (1, "0.000001"), (-1, "-0.000001"), (1_500_000, "1.5"), (-15_000_000, "-15")] {
        assert_eq!(Asset::CREDITS.format_balance(Balance::from_units(units)), text);
    }
}

#[test]
fn names_that_would_be_taken_apart_elsewhere_are_refused() {
    let long = "x".repeat(129);
    for id in ["", "a#b", "a b", "a\n", "é", long.as_str()] {
        assert_eq!(EventKey::new("usage", id), Err(KeyError), "{id:?}");
        assert_eq!(MoneyKey::new("usage", &[id]), Err(KeyError), "{id:?}");
        assert_eq!(CallerKey::remote(id), Err(CallerKeyError), "{id:?}");
    }
    for name in ["", "a/b", "a#b", "house/x", "é", " ", long.as_str()] {
        assert_eq!(Owner::new(name), Err(AccountIdError), "{name:?}");
    }
    assert_eq!(EventKey::new("usage", "evt_1").expect("valid").as_str(), "usage#evt_1");
    assert_eq!(Owner::new("demo").expect("valid").account(Asset::CREDITS).to_string(), "demo/credits");
}

#[test]
fn an_api_key_is_known_by_its_hash_alone() {
    let row = CallerKey::api("hk_secret").to_string();
    assert!(row.starts_with("key#api#") && !row.contains("hk_secret"), "{row}");
}

#[test]
fn times_are_read_and_written() {
    let rows: &[(&str, Option<&str>)] = &[
        ("1970-01-01T00:00:00Z", Some("1970-01-01T00:00:00.000Z")),
        ("2024-02-29T23:59:59.9999Z", Some("2024-02-29T23:59:59.999Z")),
        ("2026-01-01T08:00:00+08:00", Some("2026-01-01T00:00:00.000Z")),
        ("2025-12-31t19:30:00.5-04:30", Some("2026-01-01T00:00:00.500Z")),
        ("9999-12-31T23:59:59Z", Some("9999-12-31T23:59:59.000Z")),
        ("2023-02-29T00:00:00Z", None),
        ("2026-13-01T00:00:00Z", None),
        ("2026-01-01T24:00:00Z", None),
        ("2026-01-01T00:00:60Z", None),
        ("2026-01-01", None),
        ("2026-01-01T00:00:00", None),
        ("2026-01-01T00:00:00.Z", None),
        ("2026-01-01T00:00:00+0800", None),
        ("2026-01-01T00:00:00Zjunk", None),
        ("1969-12-31T23:59:59Z", None),
        ("２026-01-01T00:00:00Z", None),
        ("", None),
    ];
    for (text, expected) in rows {
        let read = Timestamp::parse_rfc3339(text).ok().map(|time| time.to_string());
        assert_eq!(read.as_deref(), *expected, "{text:?}");
    }
    for (count, expected) in [
        (1_767_225_600, Some("2026-01-01T00:00:00.000Z")),
        (1_767_225_600_123, Some("2026-01-01T00:00:00.123Z")),
        (-1, None),
        (i64::MAX, None),
    ] {
        assert_eq!(Timestamp::from_unix(count).ok().map(|time| time.to_string()).as_deref(), expected, "{count}");
    }
}

#[test]
fn one_account_is_touched_once() {
    let account = |name: &str| Owner::new(name).expect("valid").account(Asset::CREDITS);
    let spend = |name: &str, units: u64, guard: Guard| {
        Effect::Move(Movement {
            key: MoneyKey::new("usage", &[&format!("{name}-{units}")]).expect("valid"),
            posting: Posting::from_customer(account(name), House::Usage, Amount::from_units(units)),
            guard,
            reverses: None,
        })
    };
    let effects = [
        spend("a", 3, Guard::WithinLine),
        spend("a", 4, Guard::Always),
        spend("b", 0, Guard::WithinLine),
        spend("c", 9, Guard::Always),
    ];
    let nets: Vec<_> = merged(&effects)
        .expect("small")
        .into_iter()
        .map(|(id, net)| (id.to_string(), net.change.units(), net.movements, net.required.map(Amount::units)))
        .collect();
    assert_eq!(
        nets,
        [
            ("a/credits".to_owned(), -7, 2, Some(7)),
            ("b/credits".to_owned(), 0, 1, None),
            ("c/credits".to_owned(), -9, 1, None)
        ]
    );
}

#[test]
fn an_older_fingerprint_still_matches() {
    let (old, new) = (Fingerprint::of(1, &[("a", "1")]), Fingerprint::of(2, &[("a", "1"), ("b", "2")]));
    let both = Fingerprints::new(new.clone(), vec![old.clone()]);
    assert!(both.contain(old.as_str()) && both.contain(new.as_str()));
    assert!(!both.contain(Fingerprint::of(1, &[("a", "2")]).as_str()));
}

proptest! {
    #[test]
    fn what_is_written_reads_back(units in 0_u64..=999_999_999_999_999_999) {
        let amount = Amount::from_units(units);
        prop_assert_eq!(Asset::CREDITS.parse(&Asset::CREDITS.format(amount)), Ok(amount));
    }

    #[test]
    fn no_text_makes_an_amount_panic(text in "\\PC{0,40}") {
        let _ = Asset::CREDITS.parse(&text);
    }

    #[test]
    fn digits_mean_what_they_say(integer in 0_u64..1_000_000_000_000, fraction in "[0-9]{1,6}") {
        let expected = u128::from(integer) * 1_000_000 + format!("{fraction:0<6}").parse::<u128>().expect("digits");
        prop_assert_eq!(Asset::CREDITS.parse(&format!("{integer}.{fraction}")).map(Amount::units), Ok(expected));
    }

    #[test]
    fn every_moment_reads_back_and_sorts_as_text(a in 0_i64..253_402_300_800_000, b in 0_i64..253_402_300_800_000) {
        let (a, b) = (Timestamp::from_unix_ms(a).expect("in range"), Timestamp::from_unix_ms(b).expect("in range"));
        prop_assert_eq!(Timestamp::parse_rfc3339(&a.to_string()), Ok(a));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
    }

    #[test]
    fn no_text_makes_a_time_panic(text in "\\PC{0,40}|[0-9TZ:.+-]{10,40}") {
        let _ = Timestamp::parse_rfc3339(&text);
    }

    #[test]
    fn fields_do_not_run_into_each_other(a in "[a-z]{1,8}", b in "[a-z]{1,8}") {
        let joined = format!("{a}{b}");
        prop_assert_ne!(Fingerprint::of(1, &[("f", &a), ("g", &b)]), Fingerprint::of(1, &[("f", &joined), ("g", "")]));
    }
}
