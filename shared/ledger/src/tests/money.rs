//! Currencies, and amounts of them.

use super::*;

/// A text, a currency, and the units with their written form.
type Row = (&'static str, &'static str, Result<(u64, &'static str), AmountError>);

#[test]
fn money_is_read_and_written_at_the_scale_of_its_currency() {
    use AmountError::{Negative, NotADecimal, TooLarge, TooPrecise};
    let rows: &[Row] = &[
        ("19.99", "USD", Ok((1_999, "19.99 USD"))),
        ("19.9", "USD", Ok((1_990, "19.9 USD"))),
        ("19.00", "usd", Ok((1_900, "19 USD"))),
        ("0.01", "uSd", Ok((1, "0.01 USD"))),
        ("0", "CNY", Ok((0, "0 CNY"))),
        ("5000", "MNT", Ok((500_000, "5000 MNT"))),
        ("500", "JPY", Ok((500, "500 JPY"))),
        ("500", "krw", Ok((500, "500 KRW"))),
        ("1.234", "KWD", Ok((1_234, "1.234 KWD"))),
        ("1.2", "TND", Ok((1_200, "1.2 TND"))),
        ("999999999999.99", "USD", Ok((99_999_999_999_999, "999999999999.99 USD"))),
        ("500.0", "JPY", Err(TooPrecise { decimals_max: 0 })),
        ("19.990", "USD", Err(TooPrecise { decimals_max: 2 })),
        ("1.2345", "KWD", Err(TooPrecise { decimals_max: 3 })),
        ("-1", "USD", Err(Negative)),
        ("$1", "USD", Err(NotADecimal)),
        ("1000000000000", "USD", Err(TooLarge)),
    ];
    for (text, code, expected) in rows {
        let money = Money::parse(text, Currency::parse(code).expect("valid"));
        let written = money.map(|money| (money.amount.units(), money.to_string()));
        let expected = expected.map(|(units, written)| (u128::from(units), written.to_owned()));
        assert_eq!(written, expected, "{text} {code}");
    }
}

/// The formats in which gateways write the paid amount, and malformed ones.
#[test]
fn padded_yuan_are_read_to_the_fen() {
    use AmountError::{Negative, NotADecimal, TooLarge, TooPrecise};
    const FINE: AmountError = TooPrecise { decimals_max: 2 };
    let rows: [(&str, Result<u64, AmountError>); 42] = [
        ("1", Ok(100)),
        ("1.0", Ok(100)),
        ("1.00", Ok(100)),
        ("1.000", Ok(100)),
        ("1.0000", Ok(100)),
        ("1.0000000000000000", Ok(100)),
        ("0.01", Ok(1)),
        ("0.0100", Ok(1)),
        ("0.1", Ok(10)),
        ("1.5", Ok(150)),
        ("1.5000", Ok(150)),
        ("19.99", Ok(1_999)),
        ("19.990", Ok(1_999)),
        ("100000", Ok(10_000_000)),
        ("100.0000", Ok(10_000)),
        ("1234567.89", Ok(123_456_789)),
        ("0", Ok(0)),
        ("0.000", Ok(0)),
        ("999999999999.9900", Ok(99_999_999_999_999)),
        ("1.001", Err(FINE)),
        ("1.0010", Err(FINE)),
        ("1.999", Err(FINE)),
        ("19.9900001", Err(FINE)),
        ("0.009", Err(FINE)),
        ("1.0000000000000000000", Err(FINE)),
        ("-1", Err(Negative)),
        ("-1.0000", Err(Negative)),
        ("-0", Err(Negative)),
        ("+1", Err(NotADecimal)),
        ("", Err(NotADecimal)),
        (".", Err(NotADecimal)),
        ("1.", Err(NotADecimal)),
        (".5", Err(NotADecimal)),
        (".000", Err(NotADecimal)),
        ("01", Err(NotADecimal)),
        ("1e2", Err(NotADecimal)),
        ("1,000", Err(NotADecimal)),
        (" 1", Err(NotADecimal)),
        ("1.00.00", Err(NotADecimal)),
        ("１", Err(NotADecimal)),
        ("1.00０", Err(NotADecimal)),
        ("1000000000000", Err(TooLarge)),
    ];
    for (text, expected) in rows {
        let units = Money::parse_padded(text, Currency::CNY).map(|money| money.amount.units());
        assert_eq!(units, expected.map(u128::from), "{text:?}");
    }
    let yen = Money::parse_padded("500.00", Currency::parse("JPY").expect("valid")).map(|money| money.amount.units());
    assert_eq!(yen, Ok(500));
}

#[test]
fn price_has_all_decimals_of_its_currency() {
    let rows = [
        ("5", "USD", "5.00"),
        ("19.9", "USD", "19.90"),
        ("9.99", "CNY", "9.99"),
        ("0", "EUR", "0.00"),
        ("500", "JPY", "500"),
        ("1.2", "KWD", "1.200"),
    ];
    for (text, code, priced) in rows {
        let money = Money::parse(text, Currency::parse(code).expect("valid")).expect("valid");
        assert_eq!(money.priced(), priced, "{text} {code}");
    }
}

#[test]
fn currency_needs_three_letters() {
    for code in ["", "U", "US", "USDT", "US1", "U D", "USÐ", "ÜS", "人", "US\0"] {
        assert_eq!(Currency::parse(code), Err(CurrencyError), "{code:?}");
    }
    assert_eq!(Currency::parse("cny"), Ok(Currency::CNY));
    assert_eq!(format!("{:?}", Currency::CNY), "CNY");
}

proptest! {
    #[test]
    fn written_money_reads_back(units in 0_u64..=999_999_999_999, code in "[A-Za-z]{3}") {
        let money = Money { amount: Amount::from_units(units), currency: Currency::parse(&code).expect("letters") };
        prop_assert_eq!(Money::parse(&money.decimal(), money.currency), Ok(money));
    }
}
