//! Metered costs: rounding agrees with an arbitrary-precision library.

use std::str::FromStr as _;

use bigdecimal::{BigDecimal, RoundingMode};

use super::*;

fn metered(text: &str) -> Result<u128, AmountError> {
    Asset::CREDITS.parse_metered(text).map(Amount::units)
}

#[test]
fn cost_is_rounded_half_even_or_refused() {
    use AmountError::{Negative, NotANumber, TooLarge, TooLong};
    let too_long = Err(TooLong { bytes_max: 128 });
    let (long, longer) = (format!("0.{}1", "0".repeat(125)), format!("0.{}1", "0".repeat(126)));
    let rows: &[(&str, Result<u128, AmountError>)] = &[
        ("15", Ok(15_000_000_000)),
        ("0.00234", Ok(2_340_000)),
        ("0", Ok(0)),
        ("0.0", Ok(0)),
        ("0.000000001", Ok(1)),
        ("0.0000015", Ok(1_500)),
        ("1e-05", Ok(10_000)),
        ("7.5e-07", Ok(750)),
        ("1E+2", Ok(100_000_000_000)),
        ("1e2", Ok(100_000_000_000)),
        ("12.5e-1", Ok(1_250_000_000)),
        ("0.001e3", Ok(1_000_000_000)),
        ("0e0", Ok(0)),
        ("0e999999999", Ok(0)),
        ("0.000e99999999999999999999", Ok(0)),
        // The exact value of the double 0.1.
        ("0.1000000000000000055511151231257827021181583404541015625", Ok(100_000_000)),
        // Half of a unit rounds to the even neighbour.
        ("0.0000000005", Ok(0)),
        ("5e-10", Ok(0)),
        ("0.00000000050", Ok(0)),
        ("0.0000000005000000000000000000001", Ok(1)),
        ("0.0000000015", Ok(2)),
        ("0.0000000025", Ok(2)),
        ("0.0000000035", Ok(4)),
        ("0.0000000004999999999999999999999", Ok(0)),
        ("0.0000000006", Ok(1)),
        ("0.00000000005", Ok(0)),
        ("9e-10", Ok(1)),
        ("9e-11", Ok(0)),
        // At most twelve digits before the point, as for every amount.
        ("999999999999.999999999", Ok(999_999_999_999_999_999_999)),
        ("999999999999.9999999994", Ok(999_999_999_999_999_999_999)),
        ("999999999999.9999999995", Err(TooLarge)),
        ("9.99999999999e11", Ok(999_999_999_999_000_000_000)),
        ("0.000000000001e24", Err(TooLarge)),
        ("0.0000000000001e24", Ok(100_000_000_000_000_000_000)),
        ("1000000000000", Err(TooLarge)),
        ("1e12", Err(TooLarge)),
        // A huge exponent causes no work in proportion.
        ("1e999999999", Err(TooLarge)),
        ("1e9223372036854775808", Err(TooLarge)),
        ("1e99999999999999999999999999999999999999999999999999", Err(TooLarge)),
        ("1e-999999999", Ok(0)),
        ("1e-9223372036854775809", Ok(0)),
        ("999999999999e-99999999999999999999999999999999999999", Ok(0)),
        (&long, Ok(0)),
        (&longer, too_long),
        ("-1", Err(Negative)),
        ("-0", Err(Negative)),
        ("-1e-99", Err(Negative)),
        ("NaN", Err(NotANumber)),
        ("Infinity", Err(NotANumber)),
        ("", Err(NotANumber)),
        ("e5", Err(NotANumber)),
        (".5", Err(NotANumber)),
        ("5.", Err(NotANumber)),
        ("5.e1", Err(NotANumber)),
        ("1e", Err(NotANumber)),
        ("1e+", Err(NotANumber)),
        ("1e+-5", Err(NotANumber)),
        ("1e-+5", Err(NotANumber)),
        ("1e1.5", Err(NotANumber)),
        ("1e1e1", Err(NotANumber)),
        ("1e 5", Err(NotANumber)),
        ("+1", Err(NotANumber)),
        ("01", Err(NotANumber)),
        ("00", Err(NotANumber)),
        ("00.5e1", Err(NotANumber)),
        (" 1", Err(NotANumber)),
        ("1 ", Err(NotANumber)),
        ("1,000", Err(NotANumber)),
        ("1_000", Err(NotANumber)),
        ("0x10", Err(NotANumber)),
        ("1.2.3", Err(NotANumber)),
        ("１", Err(NotANumber)),
        ("1e１", Err(NotANumber)),
        ("true", Err(NotANumber)),
    ];
    for (text, expected) in rows {
        assert_eq!(metered(text), *expected, "{text:?}");
    }
}

#[test]
fn cost_is_rounded_to_the_scale_of_its_asset() {
    let rows = [("1.5", 0, 2), ("2.5", 0, 2), ("2.51", 0, 3), ("1.005", 2, 100), ("1.015", 2, 102), ("1e-18", 18, 1)];
    for (text, scale, expected) in rows {
        assert_eq!(Amount::parse_metered(text, scale).map(Amount::units), Ok(expected), "{text} at {scale}");
    }
}

/// The expected result from a library with unbounded integers and its own rounding.
fn oracle(text: &str) -> Result<u128, AmountError> {
    let number = BigDecimal::from_str(text).expect("a number");
    let rounded = number.with_scale_round(9, RoundingMode::HalfEven);
    let end = BigDecimal::from(1_000_000_000_000_u64);
    if rounded >= end {
        return Err(AmountError::TooLarge);
    }
    let (units, scale) = rounded.into_bigint_and_scale();
    assert_eq!(scale, 9);
    Ok(u128::try_from(units).expect("not negative"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn any_cost_matches_big_decimal_rounding(
        integer in "0|[1-9][0-9]{0,13}", fraction in "(\\.[0-9]{1,30})?", exponent in "([eE][+-]?0{0,2}[0-9]{1,2})?",
    ) {
        let text = format!("{integer}{fraction}{exponent}");
        prop_assert_eq!(metered(&text), oracle(&text), "{}", text);
    }

    #[test]
    fn cost_near_half_a_unit_matches_big_decimal(
        units in "[0-9]{9}", rest in "[0459]{1,3}0{0,20}[01]?", shift in -40_i32..40,
    ) {
        // The same number with its point in another place.
        let text = format!("7.{units}{rest}e{shift}");
        prop_assert_eq!(metered(&text), oracle(&text), "{}", text);
        let text = format!("0.{units}{rest}");
        prop_assert_eq!(metered(&text), oracle(&text), "{}", text);
    }

    #[test]
    fn exact_amount_is_metered_unchanged(integer in 0_u64..1_000_000_000_000, fraction in "[0-9]{1,9}") {
        let text = format!("{integer}.{fraction}");
        prop_assert_eq!(Asset::CREDITS.parse_metered(&text), Asset::CREDITS.parse(&text));
    }

    #[test]
    fn arbitrary_text_does_not_panic(text in "\\PC{0,40}|[-+0-9.eE]{0,200}", scale in 0_u8..=u8::MAX) {
        let _ = Amount::parse_metered(&text, scale);
    }
}
