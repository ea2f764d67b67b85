//! The terms of a lot, which decide when it is spent and when it expires.

use thiserror::Error;

use crate::{Timestamp, amount};

/// The priority of undated credits, and of a grant that names none.
pub const PRIORITY_DEFAULT: u8 = 5;
/// Few priorities, so that lots of one priority can be merged.
pub const PRIORITY_MAX: u8 = 9;
/// Ten years.
pub const GRANT_DAYS_MAX: u16 = 3_653;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Free credits are spent before paid ones of the same priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LotKind {
    Free,
    Paid,
}

impl LotKind {
    pub const ALL: [Self; 2] = [Self::Free, Self::Paid];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Paid => "paid",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LotTerms {
    /// Smaller ones are spent first.
    pub priority: u8,
    pub kind: LotKind,
    /// The end of a day, UTC. `None` never expires.
    pub expires_at: Option<Timestamp>,
}

impl LotTerms {
    pub const fn undated(kind: LotKind) -> Self {
        Self { priority: PRIORITY_DEFAULT, kind, expires_at: None }
    }

    /// From a number of days or the last day, UTC: `90d`, `2027-03-31`.
    pub fn read(text: &str, priority: u8, kind: LotKind, now: Timestamp) -> Result<Self, GrantTermsError> {
        let days = GrantTerms::parse_days(text);
        if let Ok(terms) = days.and_then(|days| GrantTerms::new(days, priority, kind)) {
            return Ok(terms.from(now));
        }
        let last = Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z")).map_err(|_| GrantTermsError::DaysOrDate)?;
        let latest = GrantTerms::new(GRANT_DAYS_MAX, priority, kind)?.from(now).expires_at;
        let expires_at = end_of_day(last.plus_seconds(1));
        if expires_at <= now {
            return Err(GrantTermsError::Past);
        }
        if Some(expires_at) > latest {
            return Err(GrantTermsError::TooLate);
        }
        Ok(Self { priority, kind, expires_at: Some(expires_at) })
    }

    /// The order in which lots are spent. Of two equal ones the older comes first.
    pub(super) fn burn_order(self) -> (u8, LotKind, bool, Option<Timestamp>) {
        (self.priority, self.kind, self.expires_at.is_none(), self.expires_at)
    }

    pub(super) fn is_over(self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|expires_at| expires_at <= now)
    }

    /// Moved by the time for which the credits were taken, and on to the end of that day.
    pub(super) fn moved_by(self, seconds: u64) -> Self {
        let moved = |at: Timestamp| end_of_day(at.plus_seconds(i64::try_from(seconds).unwrap_or(i64::MAX)));
        Self { expires_at: self.expires_at.map(moved), ..self }
    }
}

/// The terms on which a product grants credits that expire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantTerms {
    pub days: u16,
    pub priority: u8,
    pub kind: LotKind,
}

impl GrantTerms {
    pub const fn new(days: u16, priority: u8, kind: LotKind) -> Result<Self, GrantTermsError> {
        if days == 0 || days > GRANT_DAYS_MAX {
            return Err(GrantTermsError::Days);
        }
        if priority > PRIORITY_MAX {
            return Err(GrantTermsError::Priority);
        }
        Ok(Self { days, priority, kind })
    }

    /// Reads `90d`.
    pub fn parse_days(text: &str) -> Result<u16, GrantTermsError> {
        let digits = text.strip_suffix('d').filter(|digits| amount::is_integer(digits));
        let days = digits.and_then(|digits| digits.parse().ok()).ok_or(GrantTermsError::Days)?;
        if (1..=GRANT_DAYS_MAX).contains(&days) { Ok(days) } else { Err(GrantTermsError::Days) }
    }

    /// The terms of a lot that is granted now: it lasts to the end of its last day.
    pub fn from(self, now: Timestamp) -> LotTerms {
        let seconds = i64::from(self.days).saturating_mul(DAY_MS).div_euclid(1_000);
        let expires_at = Some(end_of_day(now.plus_seconds(seconds)));
        LotTerms { priority: self.priority, kind: self.kind, expires_at }
    }
}

/// The midnight that ends this day, UTC. A midnight ends the day before it.
fn end_of_day(at: Timestamp) -> Timestamp {
    let days = at.unix_ms().saturating_add(DAY_MS).saturating_sub(1).div_euclid(DAY_MS);
    Timestamp::from_unix_ms(days.saturating_mul(DAY_MS)).unwrap_or(at)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GrantTermsError {
    #[error("must be a number of days from 1d to {GRANT_DAYS_MAX}d, as 90d")]
    Days,
    #[error("must be a priority from 0 to {PRIORITY_MAX}")]
    Priority,
    #[error("must be a number of days from 1d to {GRANT_DAYS_MAX}d, or a date, as 90d or 2027-03-31")]
    DaysOrDate,
    #[error("is past: name today or a later day")]
    Past,
    #[error("is more than ten years away: name an earlier day")]
    TooLate,
}
