//! Assets: credits, the tokens of a catalog, access to reports, and referral commissions.

use std::fmt;

use thiserror::Error;

use crate::amount::{decimal, parse};
use crate::{Amount, AmountError, Balance, Currency};

const WORD_CHARS_MAX: usize = 32;
const CREDITS: &str = "credits";
const REPORT: &str = "report-";
const COMMISSION: &str = "commission-";

/// The asset of an account. No two assets share a code, because account names contain it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Asset {
    /// Prepaid or postpaid credits that a customer spends on usage.
    Credits,
    Token {
        code: Word,
        scale: u8,
    },
    /// Access to a report: a balance of one or more grants it.
    Report(Word),
    /// Referral commissions, in the currency of the buyer's payment.
    Commission(Currency),
}

impl Asset {
    pub const CREDITS: Self = Self::Credits;
    const CREDITS_SCALE: u8 = 9;

    /// `None` if the code belongs to another asset, or if the units are finer than an amount holds.
    pub fn token(code: Word, scale: u8) -> Option<Self> {
        let is_free = Self::named(code.as_str()).is_none() && scale <= Amount::SCALE_MAX;
        is_free.then_some(Self::Token { code, scale })
    }

    /// The decimals of the smallest unit.
    pub fn scale(self) -> u8 {
        match self {
            Self::Credits => Self::CREDITS_SCALE,
            Self::Token { scale, .. } => scale,
            Self::Report(_) => 0,
            Self::Commission(currency) => currency.scale(),
        }
    }

    /// The asset with this code, tokens excepted: a token's code does not contain its scale, which only the catalog
    /// has.
    pub fn named(code: &str) -> Option<Self> {
        if code == CREDITS {
            return Some(Self::Credits);
        }
        if let Some(report) = code.strip_prefix(REPORT) {
            return Word::new(report).ok().map(Self::Report);
        }
        let currency = code.strip_prefix(COMMISSION).filter(|code| code.bytes().all(|b| b.is_ascii_lowercase()))?;
        Currency::parse(currency).ok().map(Self::Commission)
    }

    /// Reads `15`, `0.00234` or `1.5`: no sign, exponent, separator or leading zero, and no digit beyond the smallest
    /// unit.
    pub fn parse(self, text: &str) -> Result<Amount, AmountError> {
        parse(text, self.scale())
    }

    /// Reads a cost that a program has metered, with an exponent and any number of decimals (`0.0000015`, `1e-05`), and
    /// rounds it half-even to the smallest unit. A cost of half a unit or less is 0. Prices and manual postings are
    /// never rounded.
    pub fn parse_metered(self, text: &str) -> Result<Amount, AmountError> {
        Amount::parse_metered(text, self.scale())
    }

    /// The shortest decimal text that [`Asset::parse`] reads back as the same amount.
    pub fn format(self, amount: Amount) -> String {
        decimal(amount.units(), self.scale())
    }

    /// The same for a balance, which may be negative.
    pub fn format_balance(self, balance: Balance) -> String {
        let sign = if balance.units() < 0 { "-" } else { "" };
        format!("{sign}{}", decimal(balance.units().unsigned_abs(), self.scale()))
    }
}

/// The asset's code: `credits`, `POSX`, `report-full`, `commission-usd`.
impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credits => f.write_str(CREDITS),
            Self::Token { code, .. } => write!(f, "{code}"),
            Self::Report(name) => write!(f, "{REPORT}{name}"),
            Self::Commission(currency) => write!(f, "{COMMISSION}{}", currency.as_str().to_ascii_lowercase()),
        }
    }
}

/// A short name from the catalog, stored inline, so that an asset is `Copy` like the amount beside it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Word([u8; WORD_CHARS_MAX]);

impl Word {
    pub fn new(text: &str) -> Result<Self, WordError> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let mut bytes = [0; WORD_CHARS_MAX];
        let place = bytes.get_mut(..text.len()).ok_or(WordError)?;
        if text.is_empty() || !text.bytes().all(allowed) {
            return Err(WordError);
        }
        place.copy_from_slice(text.as_bytes());
        Ok(Self(bytes))
    }

    pub fn as_str(&self) -> &str {
        let word = self.0.split(|byte| *byte == 0).next().unwrap_or_default();
        // `Word::new` accepts only ASCII.
        std::str::from_utf8(word).unwrap_or_default()
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be 1 to {WORD_CHARS_MAX} letters, digits or - _")]
pub struct WordError;
