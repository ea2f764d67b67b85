//! The account census: finds accounts that were deleted. A pass reads the accounts that exist and would never miss one.
//! But no account is ever removed and its first line never changes: so no later pass may count fewer accounts that were
//! opened before a given time.

use crate::Timestamp;

/// A pass may or may not see an account that is opened while it runs, so the counts leave out the newest accounts.
const MARGIN_SECONDS: i64 = 60 * 60;
/// As often as drift is reported.
const REPORT_INTERVAL_SECONDS: u64 = 60 * 60;
/// By then an alarm has been raised every hour for a week. The accounts that exist then become the new baseline.
const NEW_BASELINE_SECONDS: u64 = 7 * 24 * 60 * 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Census {
    /// The baseline: the count of the last complete pass.
    pub last: Option<AccountsOpened>,
    /// Counts of the current pass: the accounts that the baseline must have counted, and the accounts for the next
    /// baseline.
    pub again: u64,
    pub next: u64,
    pub gone: Option<MissingAccounts>,
}

/// The number of accounts whose first line was booked before `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountsOpened {
    pub until: Timestamp,
    pub accounts: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingAccounts {
    pub accounts: u64,
    pub since: Timestamp,
    pub reported_at: Timestamp,
}

impl Census {
    pub(super) fn begin(&mut self) {
        (self.again, self.next) = (0, 0);
    }

    /// Counts an account of the pass that began at `began_at`; `first` is the time of its first line.
    pub(super) fn opened(&mut self, first: Timestamp, began_at: Timestamp) {
        self.again = self.again.saturating_add(u64::from(self.last.is_some_and(|last| first < last.until)));
        self.next = self.next.saturating_add(u64::from(first < until(began_at)));
    }

    pub(super) fn end(&mut self, began_at: Timestamp, now: Timestamp) {
        let gone = self.last.map_or(0, |last| last.accounts.saturating_sub(self.again));
        let since = self.gone.map_or(now, |gone| gone.since);
        if gone == 0 || now.seconds_apart(since) >= NEW_BASELINE_SECONDS {
            self.gone = None;
            self.last = Some(AccountsOpened { until: until(began_at), accounts: self.next });
        } else {
            // The epoch, so that it is reported at once.
            let reported_at = self.gone.map_or(Timestamp::EPOCH, |gone| gone.reported_at);
            self.gone = Some(MissingAccounts { accounts: gone, since, reported_at });
        }
    }

    pub(super) fn is_due(&self, now: Timestamp) -> bool {
        self.gone.is_some_and(|gone| now.seconds_apart(gone.reported_at) >= REPORT_INTERVAL_SECONDS)
    }

    /// The missing accounts, if a report of them is due now.
    pub(super) fn take_due_report(&mut self, now: Timestamp) -> Option<MissingAccounts> {
        let is_due = self.is_due(now);
        let gone = self.gone.as_mut().filter(|_| is_due)?;
        gone.reported_at = now;
        Some(*gone)
    }
}

fn until(began_at: Timestamp) -> Timestamp {
    began_at.plus_seconds(MARGIN_SECONDS.saturating_neg())
}
