//! Money outside the ledger: a currency, and an amount in its smallest unit.

use std::fmt;

use thiserror::Error;

use crate::amount::parse;
use crate::{Amount, AmountError};

/// The currencies without a smaller unit, as card networks count them.
const WITHOUT_DECIMALS: [&str; 15] =
    ["BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF"];
const WITH_THREE_DECIMALS: [&str; 5] = ["BHD", "JOD", "KWD", "OMR", "TND"];

/// Senders pad to four decimals at most in practice; a program writes no amount with more than this.
const PADDING_MAX: usize = 16;

/// An ISO 4217 code in upper case. Senders write either case.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

impl Currency {
    pub const CNY: Self = Self(*b"CNY");
    pub const MNT: Self = Self(*b"MNT");

    pub fn parse(code: &str) -> Result<Self, CurrencyError> {
        let letters: [u8; 3] = code.as_bytes().try_into().map_err(|_| CurrencyError)?;
        if !letters.iter().all(u8::is_ascii_alphabetic) {
            return Err(CurrencyError);
        }
        Ok(Self(letters.map(|letter| letter.to_ascii_uppercase())))
    }

    pub fn as_str(&self) -> &str {
        // `Currency::parse` accepts only three ASCII letters.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The decimals of the smallest unit.
    pub fn scale(self) -> u8 {
        match self.as_str() {
            code if WITHOUT_DECIMALS.contains(&code) => 0,
            code if WITH_THREE_DECIMALS.contains(&code) => 3,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An amount of a currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Money {
    pub amount: Amount,
    pub currency: Currency,
}

impl Money {
    /// Reads `19.99` in the currency's whole units.
    pub fn parse(text: &str, currency: Currency) -> Result<Self, AmountError> {
        parse(text, currency.scale()).map(|amount| Self { amount, currency })
    }

    /// The same, but accepts more decimals than the currency has if they are all zeros: `1.0000`.
    pub fn parse_padded(text: &str, currency: Currency) -> Result<Self, AmountError> {
        let scale = usize::from(currency.scale());
        let padded = text.split_once('.').and_then(|(integer, fraction)| {
            let (kept, more) = fraction.split_at_checked(scale)?;
            let is_padding = (1..=PADDING_MAX).contains(&more.len()) && more.bytes().all(|digit| digit == b'0');
            let point = if scale == 0 { "" } else { "." };
            is_padding.then(|| format!("{integer}{point}{kept}"))
        });
        Self::parse(padded.as_deref().unwrap_or(text), currency)
    }

    /// The shortest decimal number, without the currency.
    pub fn decimal(&self) -> String {
        self.amount.decimal(self.currency.scale())
    }

    /// All of the currency's decimals, as prices are written: `5.00`.
    pub fn priced(&self) -> String {
        let (text, scale) = (self.decimal(), usize::from(self.currency.scale()));
        let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
        if scale == 0 { whole.to_owned() } else { format!("{whole}.{fraction:0<scale$}") }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.decimal(), self.currency)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("must be a currency of three letters")]
pub struct CurrencyError;
