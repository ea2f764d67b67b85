//! Timestamps in milliseconds since 1970, UTC, read and written as RFC 3339. This crate never reads a clock.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

const MS_PER_SECOND: i64 = 1_000;
const MS_PER_DAY: i64 = 86_400_000;
/// The first moment of the year 10000, which does not fit the fixed-width text.
const END_MS: i64 = 253_402_300_800_000;
/// A larger count is in milliseconds: as seconds it would lie after the year 5138.
const SECONDS_MAX: i64 = 100_000_000_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    pub const EPOCH: Self = Self(0);

    pub fn from_unix_ms(ms: i64) -> Result<Self, TimestampError> {
        if (0..END_MS).contains(&ms) { Ok(Self(ms)) } else { Err(TimestampError) }
    }

    /// From a sender that may count seconds or milliseconds.
    pub fn from_unix(count: i64) -> Result<Self, TimestampError> {
        let ms = if count > SECONDS_MAX { Some(count) } else { count.checked_mul(MS_PER_SECOND) };
        Self::from_unix_ms(ms.ok_or(TimestampError)?)
    }

    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    pub fn unix_s(self) -> i64 {
        self.0.div_euclid(MS_PER_SECOND)
    }

    /// Saturates at the ends of the valid range.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        let ms = seconds.saturating_mul(MS_PER_SECOND).saturating_add(self.0);
        Self(ms.clamp(0, END_MS.saturating_sub(1)))
    }

    /// Likewise, rounded down to the millisecond.
    #[must_use]
    pub fn plus(self, time: Duration) -> Self {
        let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX).saturating_add(self.0);
        Self(ms.clamp(0, END_MS.saturating_sub(1)))
    }

    pub fn seconds_apart(self, other: Self) -> u64 {
        self.0.abs_diff(other.0).div_euclid(MS_PER_SECOND.unsigned_abs())
    }

    /// Reads `2026-01-01T00:00:00Z`, with or without a fraction, and with an offset like `+08:00` in place of `Z`.
    pub fn parse_rfc3339(text: &str) -> Result<Self, TimestampError> {
        rfc3339_ms(text).ok_or(TimestampError).and_then(Self::from_unix_ms)
    }
}

/// Fixed width, so that texts sort in order of time: the journal's index relies on it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MS_PER_DAY));
        let ms = self.0.rem_euclid(MS_PER_DAY);
        let (second, ms) = (ms.div_euclid(MS_PER_SECOND), ms.rem_euclid(MS_PER_SECOND));
        let (hour, minute, second) =
            (second.div_euclid(3600), second.div_euclid(60).rem_euclid(60), second.rem_euclid(60));
        // Each row and log line has several: `write!` with widths takes ten times the instructions.
        let mut text = *b"0000-00-00T00:00:00.000Z";
        let parts = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, hour),
            (14..16, minute),
            (17..19, second),
            (20..23, ms),
        ];
        for (at, number) in parts {
            write_digits(text.get_mut(at).unwrap_or_default(), number);
        }
        f.write_str(str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// Writes the number over these digits, from the last.
fn write_digits(digits: &mut [u8], number: i64) {
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0'.saturating_add(u8::try_from(rest.rem_euclid(10)).unwrap_or_default());
        rest = rest.div_euclid(10);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is not a time between 1970 and 9999")]
pub struct TimestampError;

fn rfc3339_ms(text: &str) -> Option<i64> {
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = text.get(from..to)?;
        if digits.bytes().all(|b| b.is_ascii_digit()) { digits.parse().ok() } else { None }
    };
    let literal = |at: usize, allowed: &[u8]| text.as_bytes().get(at).filter(|byte| allowed.contains(byte)).copied();
    literal(4, b"-")?;
    literal(7, b"-")?;
    literal(10, b"Tt ")?;
    literal(13, b":")?;
    literal(16, b":")?;
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let days = days_from_civil(year, month, day);
    let in_range = hour < 24 && minute < 60 && second < 60;
    if !in_range || civil_from_days(days) != (year, month, day) {
        return None;
    }
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => rest.split_at(rest.bytes().take_while(u8::is_ascii_digit).count()),
    };
    if rest.starts_with('.') && (fraction.is_empty() || fraction.len() > 9) {
        return None;
    }
    let ms: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    let offset_minutes = match zone {
        "Z" | "z" => 0,
        _ => {
            let at = text.len().checked_sub(zone.len())?;
            let sign = literal(at, b"+-")?;
            literal(at.checked_add(3)?, b":")?;
            let (hours, minutes) =
                (number(at.checked_add(1)?, at.checked_add(3)?)?, number(at.checked_add(4)?, at.checked_add(6)?)?);
            if zone.len() != 6 || hours > 23 || minutes > 59 {
                return None;
            }
            let offset = hours.checked_mul(60)?.checked_add(minutes)?;
            if sign == b'-' { offset.checked_neg()? } else { offset }
        }
    };
    let minutes =
        days.checked_mul(24)?.checked_add(hour)?.checked_mul(60)?.checked_add(minute)?.checked_sub(offset_minutes)?;
    minutes.checked_mul(60)?.checked_add(second)?.checked_mul(MS_PER_SECOND)?.checked_add(ms)
}

/// Converts a date of the proleptic Gregorian calendar to days since 1970-01-01, and back. It counts in eras of 400
/// years that start in March, so that the leap day is the last of its year.
#[expect(clippy::arithmetic_side_effects, reason = "years have four digits here")]
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2).div_euclid(5) + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era.div_euclid(4) - year_of_era.div_euclid(100) + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[expect(clippy::arithmetic_side_effects, reason = "days lie between 1970 and 9999 here")]
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era.div_euclid(1_460) + day_of_era.div_euclid(36_524)
        - day_of_era.div_euclid(146_096))
    .div_euclid(365);
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era.div_euclid(4) - year_of_era.div_euclid(100));
    let month_from_march = (5 * day_of_year + 2).div_euclid(153);
    let day = day_of_year - (153 * month_from_march + 2).div_euclid(5) + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
