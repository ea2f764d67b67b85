//! Sign-ins that fail, counted by name and by address: after some, each further one locks both for twice as long.

use std::net::IpAddr;

use ledger::Timestamp;

use crate::TokenHash;

/// Mistyped passwords that lock nothing.
const FREE: u32 = 5;
const FIRST_LOCK_SECONDS: i64 = 60;
/// Longer ones would let a stranger who knows a name keep its operator out.
const LOCK_SECONDS_MAX: i64 = 15 * 60;
/// After a day without an attempt, a series is forgotten.
const SERIES_SECONDS: u64 = 24 * 60 * 60;

/// What attempts are counted by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Counted {
    /// As it was typed, whether it is an operator's or not. As a hash, since people type passwords into the wrong field.
    Name(TokenHash),
    /// Of IPv6 the first 64 bits: one machine has all of them.
    Address(String),
}

impl Counted {
    pub fn name(typed: &str) -> Self {
        Self::Name(TokenHash::of(typed))
    }

    pub fn address(address: Option<IpAddr>) -> Self {
        Self::Address(match address {
            None => "unknown".to_owned(),
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, ..] = address.segments();
                format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
            }
        })
    }

    /// The text of its row.
    pub fn word(&self) -> String {
        match self {
            Self::Name(hash) => format!("name#{hash}"),
            Self::Address(address) => format!("address#{address}"),
        }
    }
}

/// The attempts of one series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    pub count: u32,
    pub last_at: Option<Timestamp>,
}

impl Attempts {
    /// Until when no attempt is tried.
    pub fn locked_until(&self) -> Option<Timestamp> {
        let beyond = self.count.checked_sub(FREE)?;
        let seconds = 2_i64.saturating_pow(beyond).saturating_mul(FIRST_LOCK_SECONDS).min(LOCK_SECONDS_MAX);
        Some(self.last_at?.plus_seconds(seconds))
    }

    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until().is_some_and(|until| now < until)
    }

    /// With one more, which is counted before it is tried: a hundred at once are not one.
    #[must_use]
    pub fn one_more(&self, now: Timestamp) -> Self {
        let goes_on = self.last_at.is_some_and(|last| now.seconds_apart(last) < SERIES_SECONDS);
        let count = if goes_on { self.count.saturating_add(1) } else { 1 };
        Self { count, last_at: Some(now) }
    }

    /// When its row may be removed.
    pub fn removed_at(&self) -> Option<Timestamp> {
        Some(self.last_at?.plus_seconds(SERIES_SECONDS.try_into().unwrap_or(i64::MAX)))
    }
}
