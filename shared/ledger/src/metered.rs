//! Metered costs: a JSON number, rounded half-even to the smallest unit. No float takes part.

use crate::amount::{INTEGER_DIGITS_MAX, is_digits, is_integer, units_of};
use crate::{Amount, AmountError};

/// The shortest text of a double takes 24 bytes, and its exact value rarely more than 80.
const TEXT_BYTES_MAX: usize = 128;
/// All exponents beyond this give the same result, since no text has enough digits to compensate.
const EXPONENT_MAX: i64 = 10_000;

/// The significant digits, the first of them not 0, and how many stand before the decimal point. The count is negative
/// if zeros follow the point, and exceeds the number of digits if zeros precede it.
struct Number {
    digits: Vec<u8>,
    before_point: i64,
}

impl Amount {
    /// Reads a metered cost by the rules of [`Asset::parse_metered`](crate::Asset::parse_metered), with `scale`
    /// decimals.
    pub fn parse_metered(text: &str, scale: u8) -> Result<Self, AmountError> {
        round(text, scale)
    }
}

fn round(text: &str, scale: u8) -> Result<Amount, AmountError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(AmountError::TooLong { bytes_max: TEXT_BYTES_MAX });
    }
    let Number { digits, before_point } = read(text)?;
    if digits.is_empty() {
        return Ok(Amount::ZERO);
    }
    // Checked first, so that the exponent cannot decide how much work follows.
    if before_point > signed(INTEGER_DIGITS_MAX) {
        return Err(AmountError::TooLarge);
    }
    let Ok(kept) = usize::try_from(before_point.saturating_add(i64::from(scale))) else {
        return Ok(Amount::ZERO);
    };
    let (whole, rest) = digits.split_at_checked(kept).unwrap_or((&digits, &[]));
    let zeros = std::iter::repeat_n(b'0', kept.saturating_sub(whole.len()));
    let down = units_of(whole.iter().copied().chain(zeros)).ok_or(AmountError::TooLarge)?;
    let units = if is_rounded_up(down, rest) { down.saturating_add(1) } else { down };
    // Rounding up may reach the first number with one digit more.
    let end = signed(INTEGER_DIGITS_MAX).saturating_add(i64::from(scale));
    let end = u32::try_from(end).ok().and_then(|digits| 10_u128.checked_pow(digits));
    let amount = end.filter(|end| units < *end).and_then(|_| Amount::from_wide(units));
    amount.ok_or(AmountError::TooLarge)
}

/// Half of a unit rounds to the even neighbour.
fn is_rounded_up(down: u128, rest: &[u8]) -> bool {
    let Some((first, others)) = rest.split_first() else {
        return false;
    };
    match first.cmp(&b'5') {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => others.iter().any(|digit| *digit != b'0') || !down.is_multiple_of(2),
    }
}

/// Follows the grammar of a JSON number.
fn read(text: &str) -> Result<Number, AmountError> {
    if text.starts_with('-') {
        return Err(AmountError::Negative);
    }
    let (number, exponent) = match text.split_once(['e', 'E']) {
        None => (text, 0),
        Some((number, exponent)) => (number, read_exponent(exponent).ok_or(AmountError::NotANumber)?),
    };
    let (integer, fraction) = match number.split_once('.') {
        None => (number, "0"),
        Some(parts) => parts,
    };
    if !is_integer(integer) || !is_digits(fraction) {
        return Err(AmountError::NotANumber);
    }
    let written = integer.len().saturating_add(fraction.len());
    let digits: Vec<u8> = integer.bytes().chain(fraction.bytes()).skip_while(|digit| *digit == b'0').collect();
    let zeros = written.saturating_sub(digits.len());
    let before_point = signed(integer.len()).saturating_sub(signed(zeros)).saturating_add(exponent);
    Ok(Number { digits, before_point })
}

fn read_exponent(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !is_digits(digits) {
        return None;
    }
    // Digits that do not fit an `i64` exceed the bound in any case.
    let size = digits.parse::<i64>().unwrap_or(EXPONENT_MAX).min(EXPONENT_MAX);
    Some(if is_negative { size.saturating_neg() } else { size })
}

/// Converts a length; none here exceeds [`TEXT_BYTES_MAX`].
fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
