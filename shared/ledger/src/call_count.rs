//! The calls of keys with a rate, counted by the minute of the clock.

use std::collections::BTreeMap;

use crate::{CallContext, CallRate, CommitError, KeyId, Timestamp};

const MINUTE_SECONDS: i64 = 60;

/// A minute since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CallMinute(i64);

impl CallMinute {
    pub fn of(at: Timestamp) -> Self {
        Self(at.unix_s().div_euclid(MINUTE_SECONDS))
    }

    pub const fn number(self) -> i64 {
        self.0
    }

    /// In seconds since 1970.
    pub const fn end_s(self) -> i64 {
        self.0.saturating_add(1).saturating_mul(MINUTE_SECONDS)
    }

    /// How long a caller waits for the next minute: 1 to 60.
    pub fn seconds_left(self, at: Timestamp) -> i64 {
        self.end_s().saturating_sub(at.unix_s())
    }
}

/// When a key was last used, by day in UTC, and on how many days it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// `2026-01-31`
    pub day: String,
    pub days: u64,
}

impl KeyUse {
    pub fn day_of(at: Timestamp) -> String {
        at.to_string().chars().take("2026-01-31".len()).collect()
    }
}

/// The port to the counters of calls, beside the ledger's.
pub trait CallCounts: Send + Sync {
    /// Counts a call of the key in its minute, unless as many as the rate allows are counted there. Returns whether it was
    /// counted. It is written once and soon: a counter that cannot be written is an error, and no reason to wait.
    fn count_call(
        &self,
        key: &KeyId,
        rate: CallRate,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// Notes that the key is used on this day. It is written beside the call and at most once by each process and day; a
    /// failure is logged, and changes nothing.
    fn note_use(&self, key: &KeyId, context: &CallContext<'_>);

    /// The last day of each of these keys that was ever used.
    fn last_used(
        &self,
        keys: &[KeyId],
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<BTreeMap<KeyId, KeyUse>, CommitError>> + Send;
}
