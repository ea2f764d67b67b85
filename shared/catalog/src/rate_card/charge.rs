//! The calculation: what each kind costs in dollars, and their sum in credits.

use ledger::{Amount, AmountError};

use super::{Consumption, Kind, ModelPrice};

/// Of prices in dollars.
pub(super) const USD_DECIMALS: u8 = 9;
/// Of a sum in dollars: a price has nine, and is for a million tokens.
const SUM_DECIMALS: u8 = 15;
const TOKENS_PRICED: u64 = 1_000_000;
const MILLISECONDS: u64 = 1_000;
/// Of `credits_per_usd`.
pub(super) const RATE_DECIMALS: u8 = 6;
/// From dollars in millionths of billionths, times credits in millionths, times basis points, to billionths of credits:
/// 15 + 6 + 4 − 9 digits.
const SCALE: u128 = 10_u128.pow(16);

/// A cost in dollars, as a sender reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usd(Amount);

impl Usd {
    /// From its decimal digits, rounded to fifteen decimals, half to even: senders compute costs in floats, whose noise
    /// stands behind them.
    pub fn parse_metered(text: &str) -> Result<Self, AmountError> {
        Amount::parse_metered(text, SUM_DECIMALS).map(Self)
    }

    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    pub fn decimal(self) -> String {
        self.0.decimal(SUM_DECIMALS)
    }

    pub(super) fn in_credits(self, credits_per_usd: Amount, factor: u32) -> Option<Amount> {
        in_credits(self.0, credits_per_usd, factor)
    }
}

/// The part of a price that one kind makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    pub kind: Kind,
    /// Tokens, images, milliseconds, or one request.
    pub quantity: u64,
    /// Dollars, in billionths.
    price: Amount,
    /// The quantity that the price is for.
    pub per: u64,
    /// Dollars, with fifteen decimals.
    usd: Amount,
}

/// A use and its price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced<'c> {
    pub row: &'c ModelPrice,
    /// Of what was used; empty if that is nothing.
    pub charges: Vec<Charge>,
    /// Before the markup, with fifteen decimals.
    usd: Amount,
    /// In credits.
    pub cost: Amount,
}

impl ModelPrice {
    pub(super) fn priced(&self, consumption: &Consumption, credits_per_usd: Amount) -> Option<Priced<'_>> {
        let charges = self.charges(consumption)?;
        let usd = charges.iter().try_fold(Amount::ZERO, |sum, charge| sum.checked_add(charge.usd))?;
        let cost = in_credits(usd, credits_per_usd, self.factor)?;
        Some(Priced { row: self, charges, usd, cost })
    }

    /// A kind that has no price of its own costs what its whole costs. `None` if that has none either.
    fn charges(&self, used: &Consumption) -> Option<Vec<Charge>> {
        let prices = &self.prices;
        let tokens = [
            (Kind::Input, used.input, prices.input),
            (Kind::CachedInput, used.cached_input, prices.cached_input.or(prices.input)),
            (Kind::CacheWrite, used.cache_write, prices.cache_write.or(prices.input)),
            (Kind::Output, used.output, prices.output),
            (Kind::Reasoning, used.reasoning, prices.reasoning.or(prices.output)),
        ];
        let tokens = tokens.map(|(kind, quantity, price)| (kind, quantity, price, TOKENS_PRICED));
        let others = [
            (Kind::Request, u64::from(prices.request.is_some()), prices.request, 1),
            (Kind::Image, used.images, prices.image, 1),
            (Kind::Second, used.milliseconds, prices.second, MILLISECONDS),
        ];
        let used = tokens.into_iter().chain(others).filter(|(_, quantity, ..)| *quantity > 0);
        used.map(|(kind, quantity, price, per)| Charge::new(kind, quantity, price?, per)).collect()
    }
}

impl Charge {
    fn new(kind: Kind, quantity: u64, price: Amount, per: u64) -> Option<Self> {
        // `per` divides a million.
        let usd = price.checked_mul(TOKENS_PRICED.checked_div(per)?)?.checked_mul(quantity)?;
        Some(Self { kind, quantity, price, per, usd })
    }

    /// Dollars for `per` of it.
    pub fn price(&self) -> String {
        self.price.decimal(USD_DECIMALS)
    }

    /// Dollars for all of it.
    pub fn usd(&self) -> String {
        self.usd.decimal(SUM_DECIMALS)
    }
}

impl Priced<'_> {
    /// The sum in dollars, before the markup.
    pub fn usd(&self) -> String {
        self.usd.decimal(SUM_DECIMALS)
    }
}

/// One price in credits.
pub(super) fn price_in_credits(price: Amount, credits_per_usd: Amount, factor: u32) -> Option<Amount> {
    in_credits(price.checked_mul(TOKENS_PRICED)?, credits_per_usd, factor)
}

/// `usd × credits_per_usd × factor`, rounded up, so that no use is cheaper than its price. In two steps, so that the
/// product of two large numbers fits.
fn in_credits(usd: Amount, credits_per_usd: Amount, factor: u32) -> Option<Amount> {
    let times = credits_per_usd.units().checked_mul(u128::from(factor))?;
    let (whole, rest) = (usd.units().checked_div(SCALE)?, usd.units().checked_rem(SCALE)?);
    let of_rest = rest.checked_mul(times)?.div_ceil(SCALE);
    whole.checked_mul(times)?.checked_add(of_rest).and_then(Amount::from_wide)
}
