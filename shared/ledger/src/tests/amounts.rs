//! Amounts: reading, writing, shares and bounds.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]

use super::*;

#[test]
fn amounts_are_read_exactly_or_refused() {
    use AmountError::{Negative, NotADecimal, TooLarge, TooPrecise};
    const TOO_PRECISE: AmountError = TooPrecise { decimals_max: 9 };
    let rows: &[(&str, Result<u128, AmountError>)] = &[
        ("15", Ok(15_000_000_000)),
        ("0.00234", Ok(2_340_000)),
        ("1.5", Ok(1_500_000_000)),
        ("0", Ok(0)),
        ("0.0", Ok(0)),
        ("0.000000001", Ok(1)),
        ("1.500000000", Ok(1_500_000_000)),
        ("999999999999.999999999", Ok(999_999_999_999_999_999_999)),
        ("1000000000000", Err(TooLarge)),
        ("9223372036854775808", Err(TooLarge)),
        ("0.0000000001", Err(TOO_PRECISE)),
        ("1.5000000000", Err(TOO_PRECISE)),
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
fn text_is_read_at_any_scale_that_fits() {
    use AmountError::{TooLarge, TooPrecise};
    let rows = [
        ("10", 0, Ok(10)),
        ("0.00204", 9, Ok(2_040_000)),
        ("10", Amount::SCALE_MAX, Ok(10_000_000_000_000_000_000)),
        ("999999999999.999999999999999999", Amount::SCALE_MAX, Ok(10_u128.pow(30) - 1)),
        ("0.0000000000000000001", Amount::SCALE_MAX, Err(TooPrecise { decimals_max: 18 })),
        ("999999999999", 19, Err(TooLarge)),
        ("1", 38, Err(TooLarge)),
        ("1", u8::MAX, Err(TooLarge)),
    ];
    for (text, scale, expected) in rows {
        assert_eq!(Amount::parse(text, scale).map(Amount::units), expected, "{text} at {scale}");
    }
}

#[test]
fn negative_balance_is_written_with_a_sign() {
    let rows = [(0, "0"), (1, "0.000000001"), (-1, "-0.000000001"), (1_500_000_000, "1.5"), (-15_000_000_000, "-15")];
    for (units, text) in rows {
        assert_eq!(Asset::CREDITS.format_balance(Balance::from_units(units)), text);
    }
}

#[test]
fn share_is_rounded_down_and_never_wraps() {
    const END: u128 = 10_u128.pow(30);
    let rows = [
        (100, 1, 3, Some(33)),
        (100, 2, 3, Some(66)),
        (100, 3, 3, Some(100)),
        (100, 0, 3, Some(0)),
        (0, 1, 3, Some(0)),
        (7, 1, 10, Some(0)),
        (100, 1, 0, None),
        (0, 0, 0, None),
        (END - 1, 1, 1, Some(END - 1)),
        (END - 1, END - 1, END - 1, Some(END - 1)),
        (END - 1, u128::from(u64::MAX) - 1, u128::from(u64::MAX), Some(999_999_999_999_999_999_945_789_891_374)),
        (END - 1, 2, 1, None),
        (END - 2, END - 2, END - 1, None),
    ];
    let amount = |units: u128| Amount::from_wide(units).expect("within bounds");
    for (whole, part, of, expected) in rows {
        let share = amount(whole).share(amount(part), amount(of)).map(Amount::units);
        assert_eq!(share, expected, "{whole} × {part} / {of}");
    }
}

#[test]
fn arithmetic_stops_at_the_largest_amount() {
    const LAST: u128 = 10_u128.pow(30) - 1;
    let amount = |units: u128| Amount::from_wide(units).expect("within bounds");
    assert_eq!(Amount::from_wide(LAST + 1), None);
    assert_eq!(Amount::from_wide(u128::MAX), None);
    for (one, other, sum, rest) in
        [(1, 2, Some(3), 0), (2, 1, Some(3), 1), (LAST, 0, Some(LAST), LAST), (LAST, 1, None, LAST - 1)]
    {
        assert_eq!(amount(one).checked_add(amount(other)).map(Amount::units), sum, "{one} + {other}");
        assert_eq!(amount(one).saturating_sub(amount(other)).units(), rest, "{one} - {other}");
    }
    for (one, times, product) in
        [(2, 3, Some(6)), (LAST, 0, Some(0)), (LAST, 1, Some(LAST)), (LAST, 2, None), (LAST, u64::MAX, None)]
    {
        assert_eq!(amount(one).checked_mul(times).map(Amount::units), product, "{one} × {times}");
    }
}

proptest! {
    #[test]
    fn written_amount_reads_back(units in 0_u64..=999_999_999_999_999_999) {
        let amount = Amount::from_units(units);
        prop_assert_eq!(Asset::CREDITS.parse(&Asset::CREDITS.format(amount)), Ok(amount));
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,40}") {
        let _ = Asset::CREDITS.parse(&text);
    }

    #[test]
    fn digits_give_their_decimal_value(integer in 0_u64..1_000_000_000_000, fraction in "[0-9]{1,9}") {
        let expected = u128::from(integer) * 1_000_000_000 + format!("{fraction:0<9}").parse::<u128>().expect("digits");
        prop_assert_eq!(Asset::CREDITS.parse(&format!("{integer}.{fraction}")).map(Amount::units), Ok(expected));
    }

    #[test]
    fn share_is_within_one_unit_of_exact(amount: u64, part: u64, whole in 1_u64..) {
        let part = part.min(whole);
        let share = Amount::from_units(amount).share(Amount::from_units(part), Amount::from_units(whole));
        let share = share.expect("no more than the whole").units();
        let exact = u128::from(amount) * u128::from(part);
        prop_assert!(share * u128::from(whole) <= exact);
        prop_assert!(exact - share * u128::from(whole) < u128::from(whole));
    }
}
