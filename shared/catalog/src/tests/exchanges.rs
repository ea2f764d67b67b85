//! Currency exchange: exact, and rounded up.

use super::*;
use crate::exchange::Rate;

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
    fn exchanged_price_is_within_one_unit_of_exact(units in 0_u64..1_000_000_000_000, rate in "[0-9]\\.[0-9]{1,9}") {
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
