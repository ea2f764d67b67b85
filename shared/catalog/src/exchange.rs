//! Currency exchange: converts a price from one currency to another.

use ledger::{Amount, AmountError, Currency, Money};

const DECIMALS: u8 = 9;

/// The price of one unit of a currency in another, and its text in the catalog.
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

    /// Rounded up to the next unit, so that the shop never receives less than its price. `None` if the result does not
    /// fit.
    pub(crate) fn exchanged(&self, price: Money, to: Currency) -> Option<Money> {
        let ten_to = |scale: u8| 10_u128.checked_pow(u32::from(scale));
        let units = price.amount.units().checked_mul(self.units)?.checked_mul(ten_to(to.scale())?)?;
        let of_one = ten_to(price.currency.scale())?.checked_mul(ten_to(DECIMALS)?)?;
        let amount = Amount::from_wide(units.div_ceil(of_one))?;
        Some(Money { amount, currency: to })
    }
}
