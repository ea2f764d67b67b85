//! Whether every account is still there. A pass begins from the accounts and would never miss one; but no account ever goes, and the first
//! line of none ever changes: of those that were opened before a moment, no later pass may count fewer.

use crate::Timestamp;

/// An account that is opened while a pass reads the others may or may not be among them.
const MARGIN_SECONDS: i64 = 60 * 60;
/// As often as drift.
const SAID_EVERY_SECONDS: u64 = 60 * 60;
/// By then whoever could put them back has heard of it, and what is there counts from then on.
const GIVEN_UP_SECONDS: u64 = 7 * 24 * 60 * 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// What a whole pass has counted.
    pub last: Option<Opened>,
    /// Of the pass that is under way: those that the last one must have counted, and those that the next one must.
    pub again: u64,
    pub next: u64,
    pub gone: Option<Gone>,
}

/// So many accounts had a line before this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    pub until: Timestamp,
    pub accounts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    pub accounts: u64,
    pub since: Timestamp,
    pub said_at: Timestamp,
}

impl Census {
    pub(super) fn begin(&mut self) {
        (self.again, self.next) = (0, 0);
    }

    /// An account of the pass that began then, and when its first line was booked.
    pub(super) fn opened(&mut self, first: Timestamp, began_at: Timestamp) {
        self.again = self.again.saturating_add(u64::from(self.last.is_some_and(|last| first < last.until)));
        self.next = self.next.saturating_add(u64::from(first < until(began_at)));
    }

    pub(super) fn end(&mut self, began_at: Timestamp, now: Timestamp) {
        let gone = self.last.map_or(0, |last| last.accounts.saturating_sub(self.again));
        let since = self.gone.map_or(now, |gone| gone.since);
        if gone == 0 || now.seconds_apart(since) >= GIVEN_UP_SECONDS {
            self.gone = None;
            self.last = Some(Opened { until: until(began_at), accounts: self.next });
        } else {
            // To be said at once.
            let said_at = self.gone.map_or(Timestamp::EPOCH, |gone| gone.said_at);
            self.gone = Some(Gone { accounts: gone, since, said_at });
        }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.gone.is_some_and(|gone| now.seconds_apart(gone.said_at) >= SAID_EVERY_SECONDS)
    }

    /// How many accounts are gone, if that is to be said now.
    pub(super) fn said(&mut self, now: Timestamp) -> Option<Gone> {
        let is_due = self.is_due(now);
        let gone = self.gone.as_mut().filter(|_| is_due)?;
        gone.said_at = now;
        Some(*gone)
    }
}

fn until(began_at: Timestamp) -> Timestamp {
    began_at.plus_seconds(MARGIN_SECONDS.saturating_neg())
}
