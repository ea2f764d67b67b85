//! Exchange rates: each is dated by when it comes into force, and can be revoked. An order keeps the rate that it was
//! made at.

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::{Amount, AmountError, Currency, EventKey, Money, Timestamp};

const DECIMALS: u8 = 9;
/// With this many, the row of a pair has 12 KB. The journal has those that are dropped.
const KEPT_MAX: usize = 100;
/// A rate further ahead is a mistyped year.
const AHEAD_SECONDS_MAX: u64 = 366 * 24 * 60 * 60;

/// The currency of a price, and the one in which it is charged: `MNT/CNY`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CurrencyPair {
    from: Currency,
    to: Currency,
}

impl CurrencyPair {
    /// `None` for a currency and itself.
    pub fn new(from: Currency, to: Currency) -> Option<Self> {
        (from != to).then_some(Self { from, to })
    }

    /// Reads `MNT/CNY`. Only upper case, so that a pair has one spelling.
    pub fn parse(text: &str) -> Result<Self, CurrencyPairError> {
        let (from, to) = text.split_once('/').ok_or(CurrencyPairError)?;
        let code = |code: &str| Currency::parse(code).ok().filter(|currency| currency.as_str() == code);
        let (from, to) = code(from).zip(code(to)).ok_or(CurrencyPairError)?;
        Self::new(from, to).ok_or(CurrencyPairError)
    }

    pub const fn from(self) -> Currency {
        self.from
    }

    pub const fn to(self) -> Currency {
        self.to
    }
}

impl fmt::Display for CurrencyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.from, self.to)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be two different currencies in upper case, as MNT/CNY")]
pub struct CurrencyPairError;

/// The price of one unit of a currency in another, with its text: an order shows what was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    text: String,
    /// In billionths, above zero.
    units: u128,
}

impl Rate {
    pub fn parse(text: &str) -> Result<Self, RateTextError> {
        let units = Amount::parse(text, DECIMALS)?.units();
        if units == 0 { Err(RateTextError::Zero) } else { Ok(Self { text: text.to_owned(), units }) }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Rounded up to the next unit, so that the shop never receives less than its price. `None` if the result does not
    /// fit.
    pub fn exchanged(&self, price: Money, to: Currency) -> Option<Money> {
        let ten_to = |scale: u8| 10_u128.checked_pow(u32::from(scale));
        let units = price.amount.units().checked_mul(self.units)?.checked_mul(ten_to(to.scale())?)?;
        let of_one = ten_to(price.currency.scale())?.checked_mul(ten_to(DECIMALS)?)?;
        let amount = Amount::from_wide(units.div_ceil(of_one))?;
        Some(Money { amount, currency: to })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RateTextError {
    #[error(transparent)]
    Amount(#[from] AmountError),
    #[error("must not be 0")]
    Zero,
}

/// A rate, and the change that set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatedRate {
    pub rate: Rate,
    pub set_by: EventKey,
    pub revoked_at: Option<Timestamp>,
}

/// The rates of a pair by the moment from which each is in force, until the next one is. A moment has one rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rates {
    pub pair: CurrencyPair,
    pub by_start: BTreeMap<Timestamp, DatedRate>,
    /// The version of the stored row, 0 without one. A changed value has the version that it is to be written as.
    pub version: u64,
}

impl Rates {
    pub const fn none(pair: CurrencyPair) -> Self {
        Self { pair, by_start: BTreeMap::new(), version: 0 }
    }

    /// The newest rate that has begun and is not revoked.
    pub fn in_force(&self, at: Timestamp) -> Option<&Rate> {
        self.by_start.get(&self.start_in_force(at)?).map(|dated| &dated.rate)
    }

    /// Since when it is in force.
    pub fn start_in_force(&self, at: Timestamp) -> Option<Timestamp> {
        let mut begun = self.by_start.range(..=at).rev();
        begun.find(|(_, dated)| dated.revoked_at.is_none()).map(|(start, _)| *start)
    }

    /// Adds a rate. One that is revoked makes room for another of the same moment.
    pub fn set(&self, rate: Rate, from: Timestamp, now: Timestamp, set_by: EventKey) -> Result<Self, RateError> {
        if from < now {
            return Err(RateError::Past);
        }
        if from.seconds_apart(now) > AHEAD_SECONDS_MAX {
            return Err(RateError::TooFarAhead);
        }
        if let Some(known) = self.by_start.get(&from).filter(|known| known.revoked_at.is_none()) {
            return Err(RateError::Taken { from, rate: known.rate.clone() });
        }
        let mut after = self.next();
        after.by_start.insert(from, DatedRate { rate, set_by, revoked_at: None });
        after.drop_oldest(now)?;
        Ok(after)
    }

    /// Revokes the rate of this moment. From now on the rate before it is in force.
    pub fn revoke(&self, from: Timestamp, now: Timestamp) -> Result<Self, RateError> {
        let mut after = self.next();
        let dated = after.by_start.get_mut(&from).filter(|dated| dated.revoked_at.is_none());
        dated.ok_or(RateError::NotSet(from))?.revoked_at = Some(now);
        Ok(after)
    }

    fn next(&self) -> Self {
        Self { version: self.version.saturating_add(1), ..self.clone() }
    }

    /// Keeps the row small: drops the first that is revoked or has ended, and never one that is in force or ahead.
    fn drop_oldest(&mut self, now: Timestamp) -> Result<(), RateError> {
        while self.by_start.len() > KEPT_MAX {
            let in_force = self.start_in_force(now);
            let has_ended = |start| in_force.is_some_and(|in_force| start < in_force);
            let mut rates = self.by_start.iter().map(|(start, dated)| (*start, dated.revoked_at.is_some()));
            let (oldest, _) =
                rates.find(|(start, is_revoked)| *is_revoked || has_ended(*start)).ok_or(RateError::TooMany)?;
            self.by_start.remove(&oldest);
        }
        Ok(())
    }
}

/// Why a rate cannot be set or revoked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RateError {
    #[error("a rate cannot begin in the past: leave out --from to put it into force now")]
    Past,
    #[error("a rate cannot begin more than a year ahead: check --from")]
    TooFarAhead,
    #[error("{rate} is the rate from {from} already: revoke it first, or give another --from")]
    Taken { from: Timestamp, rate: Rate },
    #[error("no rate begins at {0}, or it is revoked: `rate list` has the rates")]
    NotSet(Timestamp),
    #[error("{KEPT_MAX} rates are set ahead, which is the limit: revoke some first")]
    TooMany,
}
