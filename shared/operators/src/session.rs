//! A session: what a browser has after a sign-in. And the record of the sign-in.

use ledger::Timestamp;

use crate::{OperatorName, TokenHash};

/// A console that is left open closes by itself.
const IDLE_SECONDS: i64 = 30 * 60;
/// A working day.
const SECONDS_MAX: i64 = 12 * 60 * 60;
/// A click within this time of the last one is not written: most clicks cost no write.
const NOTED_EVERY_SECONDS: u64 = 60;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub hash: TokenHash,
    pub operator: OperatorName,
    pub began_at: Timestamp,
    /// When a request was last noted.
    pub seen_at: Timestamp,
    /// When its operator signed out.
    pub ended_at: Option<Timestamp>,
    /// From where it began.
    pub address: String,
}

impl Session {
    pub fn new(hash: TokenHash, operator: OperatorName, address: String, now: Timestamp) -> Self {
        Self { hash, operator, began_at: now, seen_at: now, ended_at: None, address }
    }

    pub fn is_open(&self, now: Timestamp) -> bool {
        let idle = self.seen_at.plus_seconds(IDLE_SECONDS);
        self.ended_at.is_none() && now < idle && now < self.ends_at()
    }

    /// However busy it is.
    pub fn ends_at(&self) -> Timestamp {
        self.began_at.plus_seconds(SECONDS_MAX)
    }

    /// As it is to be written for a request at this time, if it is.
    pub fn noted(&self, now: Timestamp) -> Option<Self> {
        let is_due = now.seconds_apart(self.seen_at) >= NOTED_EVERY_SECONDS;
        is_due.then(|| Self { seen_at: now, ..self.clone() })
    }

    #[must_use]
    pub fn ended(&self, now: Timestamp) -> Self {
        Self { ended_at: Some(now), ..self.clone() }
    }
}

/// One sign-in of an operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignIn {
    pub operator: OperatorName,
    /// Counted from 1.
    pub number: u64,
    pub at: Timestamp,
    pub address: String,
}
