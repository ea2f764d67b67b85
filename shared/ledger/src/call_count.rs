//! The calls of keys with a rate, counted by the minute of the clock.

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
}
