//! Exact amounts: integers in an asset's smallest unit, read from decimal text and never from a float.

use std::fmt;

use thiserror::Error;

/// Twelve integer digits, and the eighteen decimals of the finest token: more than any single payment, and a hundred
/// million of the largest still fit in the 38 digits that DynamoDB adds exactly.
pub(crate) const INTEGER_DIGITS_MAX: usize = 12;
/// One more than the largest number of units.
const UNITS_END: u128 = 10_u128.pow(30);

/// Reads decimal text as a count of smallest units, `scale` decimals to the whole unit.
pub(crate) fn parse(text: &str, scale: u8) -> Result<Amount, AmountError> {
    let (integer, fraction) = match text.split_once('.') {
        None => (text, None),
        Some((integer, fraction)) => (integer, Some(fraction)),
    };
    if text.starts_with('-') {
        return Err(AmountError::Negative);
    }
    if !is_integer(integer) || !fraction.is_none_or(is_digits) {
        return Err(AmountError::NotADecimal);
    }
    if integer.len() > INTEGER_DIGITS_MAX {
        return Err(AmountError::TooLarge);
    }
    let fraction = fraction.unwrap_or_default();
    let missing =
        usize::from(scale).checked_sub(fraction.len()).ok_or(AmountError::TooPrecise { decimals_max: scale })?;
    let digits = integer.bytes().chain(fraction.bytes()).chain(std::iter::repeat_n(b'0', missing));
    units_of(digits).and_then(Amount::from_wide).ok_or(AmountError::TooLarge)
}

pub(crate) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Rejects a leading zero: some parsers read such a number as octal.
pub(crate) fn is_integer(text: &str) -> bool {
    is_digits(text) && (text.len() == 1 || !text.starts_with('0'))
}

/// Reads ASCII digits; `None` if the number does not fit a `u128`.
pub(crate) fn units_of(digits: impl IntoIterator<Item = u8>) -> Option<u128> {
    digits
        .into_iter()
        .try_fold(0_u128, |units, digit| units.checked_mul(10)?.checked_add(u128::from(digit.checked_sub(b'0')?)))
}

pub(crate) fn decimal(units: u128, scale: u8) -> String {
    let scale = usize::from(scale);
    let digits = format!("{units:0>width$}", width = scale.saturating_add(1));
    let (integer, fraction) = digits.split_at(digits.len().saturating_sub(scale));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { integer.to_owned() } else { format!("{integer}.{fraction}") }
}

/// An amount of an asset in its smallest unit. Never negative: the posting carries the direction.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Amount(u128);

impl Amount {
    pub const ZERO: Self = Self(0);
    /// The decimals of the finest unit.
    pub const SCALE_MAX: u8 = 18;

    /// Reads decimal text by the rules of [`Asset::parse`](crate::Asset::parse), with `scale` decimals.
    pub fn parse(text: &str, scale: u8) -> Result<Self, AmountError> {
        parse(text, scale)
    }

    /// From a count of smallest units, the form in which Stripe and WeChat send amounts.
    pub fn from_units(units: u64) -> Self {
        Self(u128::from(units))
    }

    pub const fn units(self) -> u128 {
        self.0
    }

    /// From a count of smallest units; `None` if it exceeds the largest amount.
    pub fn from_wide(units: u128) -> Option<Self> {
        (units < UNITS_END).then_some(Self(units))
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::from_wide)
    }

    pub fn checked_mul(self, times: u64) -> Option<Self> {
        self.0.checked_mul(u128::from(times)).and_then(Self::from_wide)
    }

    /// Subtracts, and stops at zero.
    #[must_use]
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// `self × part / whole` in whole units, rounded down. `None` if `whole` is zero or the result does not fit.
    pub fn share(self, part: Self, whole: Self) -> Option<Self> {
        let (times, rest) = (self.0.checked_div(whole.0)?, self.0.checked_rem(whole.0)?);
        // In two steps, so that the product of two large numbers fits.
        let of_rest = rest.checked_mul(part.0)?.checked_div(whole.0)?;
        times.checked_mul(part.0)?.checked_add(of_rest).and_then(Self::from_wide)
    }

    /// The shortest decimal text, with `scale` decimals to the whole unit.
    pub fn decimal(self, scale: u8) -> String {
        decimal(self.0, scale)
    }

    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// The amount that a negative change withdraws; `None` if the change is zero or positive.
    pub fn owed(change: Balance) -> Option<Self> {
        (change.0 < 0).then(|| Self(change.0.unsigned_abs()))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}u", self.0)
    }
}

/// The balance of an account in smallest units, negative if the account owes; also the change that a posting makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Balance(i128);

impl Balance {
    pub const ZERO: Self = Self(0);

    pub const fn from_units(units: i128) -> Self {
        Self(units)
    }

    pub const fn units(self) -> i128 {
        self.0
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub fn checked_neg(self) -> Option<Self> {
        self.0.checked_neg().map(Self)
    }
}

impl From<Amount> for Balance {
    fn from(amount: Amount) -> Self {
        // An `Amount` has at most 30 digits or came from a u64; an i128 holds 38.
        Self(i128::try_from(amount.0).unwrap_or(i128::MAX))
    }
}

/// Why a text is not a valid amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AmountError {
    #[error("must not be negative")]
    Negative,
    #[error("must be a plain decimal number")]
    NotADecimal,
    #[error("must be a number")]
    NotANumber,
    #[error("must be written in at most {bytes_max} bytes")]
    TooLong { bytes_max: usize },
    #[error("must have at most {decimals_max} decimals")]
    TooPrecise { decimals_max: u8 },
    #[error("is too large")]
    TooLarge,
}
