//! What a price in one currency is in another.

use ledger::{Amount, AmountError, Currency, Money};

const DECIMALS: u8 = 9;

/// How many whole units of one currency one of another is, and as which text the catalog says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rate {
    text: String,
    /// In billionths.
    units: u128,
}

impl Rate {
    pub(crate) fn parse(text: &str) -> Result<Self, AmountError> {
        let units = Amount::parse(text, DECIMALS)?.units();
        Ok(Self { text: text.to_owned(), units })
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.units == 0
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Rounded up to the next unit, so that the shop is never paid less than its price. `None` where it cannot be counted.
    pub(crate) fn exchanged(&self, price: Money, to: Currency) -> Option<Money> {
        let ten_to = |scale: u8| 10_u128.checked_pow(u32::from(scale));
        let units = price.amount.units().checked_mul(self.units)?.checked_mul(ten_to(to.scale())?)?;
        let of_one = ten_to(price.currency.scale())?.checked_mul(ten_to(DECIMALS)?)?;
        let amount = Amount::from_wide(units.div_ceil(of_one))?;
        Some(Money { amount, currency: to })
    }
}
