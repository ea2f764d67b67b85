//! The progress and the findings of the audit, in one row, so that a run continues where the last one stopped.

use std::collections::BTreeSet;

use super::{AccountSides, Census, Difference, LinePosition, LineTotals, MissingAccounts, Subject, TrialBalance};
use crate::Timestamp;

/// One pass over all accounts a day, measured from start to start. A pass that takes longer is followed by the next one
/// at once. Two runs less than a day, so that passes begin a little earlier each day and skip none.
const PASS_SECONDS: u64 = (24 * 60 - 10) * 60;
/// The minimum time between two independent checks of one difference. Runs are scheduled every five minutes and may be
/// early.
const RECHECK_SECONDS: u64 = 4 * 60;
/// This many equal checks in a row are drift: no index lags that long, and no write takes that long.
const CHECKS_FOR_DRIFT: u32 = 3;
/// Drift does not end by itself; it is checked again to see whether a person has repaired it. An unsettled account that
/// is older than this is written all the time, and each check reads all of its lines.
const DRIFT_RECHECK_SECONDS: u64 = 60 * 60;
/// An account that no check could settle for this long raises an alarm.
const UNSETTLED_SECONDS: u64 = 24 * 60 * 60;
/// All differences share one row, of which DynamoDB bills every kilobyte. With more than these, the known ones are
/// enough for an alarm. Of the others only the place is kept, and compared again once there is room.
const OPEN_MAX: usize = 100;
/// With so many places, the row takes no more batches of written rows, whose stream keeps them.
const UNLISTED_FULL: usize = 1_000;
/// A batch that began before has room. What a pass finds beyond this, the next pass finds again.
const UNLISTED_MAX: usize = 2_000;
/// In the same row: accounts that were written during every check.
const MOVING_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AuditProgress {
    /// The number of writes, for optimistic locking: a write succeeds only over the version that was read.
    pub version: u64,
    /// The start of the current pass, or of the last one.
    pub began_at: Option<Timestamp>,
    /// The end of the last pass; `None` during a pass.
    pub ended_at: Option<Timestamp>,
    /// The cursor: the last account that the pass has reached.
    pub after: Option<String>,
    /// An account with more lines than one run has time for.
    pub counting: Option<CountProgress>,
    pub open: Vec<Open>,
    /// Places that differ and that `open` has no room for.
    pub unlisted: BTreeSet<Subject>,
    pub unsettled_accounts: Vec<UnsettledAccount>,
    pub census: Census,
    /// The trial balance that the pass adds up.
    pub day: Option<TrialBalance>,
}

/// An account that was written during every check of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsettledAccount {
    pub account: String,
    pub since: Timestamp,
    pub checked_at: Timestamp,
}

/// The progress of counting the lines of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountProgress {
    pub account: String,
    pub counted: LineTotals,
    /// The part of these lines that the previous check of this account may have seen.
    pub earlier: Option<LinesSeen>,
    pub last: LinePosition,
    /// The other sides of these lines, if the pass itself counts them.
    pub sides: Option<AccountSides>,
}

/// The lines of an account that were booked by `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinesSeen {
    pub until: Timestamp,
    pub counted: LineTotals,
}

/// The lines of an account that one check has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Observation {
    /// The lines that the previous check may have seen.
    pub earlier: Option<LinesSeen>,
    pub seen: Option<LinesSeen>,
}

/// A difference that was found and is still open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub difference: Difference,
    /// The number of consecutive checks with the same result.
    pub equal_checks: u32,
    /// When its place began to differ, by whatever amounts.
    pub since: Timestamp,
    pub checked_at: Timestamp,
    /// The lines that the last check has seen; only for an account.
    pub seen: Option<LinesSeen>,
}

impl AuditProgress {
    /// Whether a run has nothing to do.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        let is_between = !self.is_under_way() && !self.is_due(now) && self.counting.is_none();
        is_between && self.subjects_due(now).is_empty() && !self.census.is_due(now)
    }

    pub fn is_under_way(&self) -> bool {
        self.began_at.is_some() && self.ended_at.is_none()
    }

    /// Whether a new pass is due.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.is_under_way() && self.began_at.is_none_or(|began_at| now.seconds_apart(began_at) >= PASS_SECONDS)
    }

    pub fn begin(&mut self, now: Timestamp) {
        (self.began_at, self.ended_at, self.after) = (Some(now), None, None);
        self.census.begin();
        self.day = Some(TrialBalance::before(now));
    }

    /// Returns the trial balance of the day that the pass closes.
    pub fn end(&mut self, now: Timestamp) -> Option<TrialBalance> {
        (self.ended_at, self.after) = (Some(now), None);
        self.census.end(self.began_at.unwrap_or(now), now);
        self.day.take()
    }

    /// The pass has reached an account; `first` is the time of its first line.
    pub fn opened(&mut self, first: Timestamp) {
        if let Some(began_at) = self.began_at {
            self.census.opened(first, began_at);
        }
    }

    /// The missing accounts that an earlier pass has counted, if a report of them is due now.
    pub fn gone(&mut self, now: Timestamp) -> Option<MissingAccounts> {
        self.census.take_due_report(now)
    }

    /// The accounts, orders and lines that are due for another check.
    pub fn subjects_due(&self, now: Timestamp) -> BTreeSet<Subject> {
        let open = self.open.iter().filter(|open| open.is_due(now)).map(|open| open.difference.subject());
        let unsettled_accounts = self
            .unsettled_accounts
            .iter()
            .filter(|unsettled_accounts| now.seconds_apart(unsettled_accounts.checked_at) >= DRIFT_RECHECK_SECONDS);
        let unlisted = self.unlisted.iter().take(OPEN_MAX.saturating_sub(self.open.len())).cloned();
        open.chain(unsettled_accounts.map(|unsettled_accounts| Subject::Account(unsettled_accounts.account.clone())))
            .chain(unlisted)
            .collect()
    }

    /// The lines of this subject that differed before.
    pub fn lines_of(&self, subject: &Subject) -> BTreeSet<String> {
        let of_subject = self.open.iter().filter(|open| open.difference.subject() == *subject);
        of_subject.filter_map(|open| open.difference.line.clone()).collect()
    }

    /// The time up to which the last check of an account has seen its lines, if a difference of it is open.
    pub fn seen_until(&self, account: &str) -> Option<Timestamp> {
        let of_account =
            self.open.iter().filter(|open| open.difference.order.is_none() && open.difference.account == account);
        of_account.filter_map(|open| Some(open.seen?.until)).max()
    }

    /// Whether an account differs from its lines, as of the last check.
    pub fn differs(&self, account: &str) -> bool {
        self.open.iter().any(|open| open.difference.order.is_none() && open.difference.account == account)
    }

    /// Records a complete check of a subject and its differences. An open difference that was not found again is
    /// closed. Returns the differences that need an alarm; the caller raises it.
    pub fn record_check(
        &mut self,
        at: &Subject,
        found: Vec<Difference>,
        look: Observation,
        now: Timestamp,
    ) -> Vec<Open> {
        if let Subject::Account(account) = at {
            self.unsettled_accounts.retain(|unsettled_accounts| unsettled_accounts.account != *account);
        }
        let (known, others): (Vec<Open>, Vec<Open>) =
            self.open.drain(..).partition(|open| open.difference.subject() == *at);
        self.open = others;
        self.unlisted.remove(at);
        let mut alarms = Vec::new();
        for difference in found {
            let known = known.iter().find(|open| open.difference.is_at_place_of(&difference));
            let open = Open::after(known, difference, look, now);
            let is_new_check = known.is_some_and(|known| known.checked_at != open.checked_at);
            alarms.extend((is_new_check && open.is_alarm(now)).then(|| open.clone()));
            if self.open.len() < OPEN_MAX {
                self.open.push(open);
            } else if self.unlisted.len() < UNLISTED_MAX {
                self.unlisted.insert(at.clone());
            }
        }
        alarms
    }

    /// A person has repaired something, and these places were compared again: `left` is all that still differs there. A
    /// finding that is no longer true ends, unless its subject differs in another way and has no finding of that. Returns
    /// what has ended.
    pub fn end_findings(&mut self, compared: &BTreeSet<Subject>, left: &[Difference]) -> Vec<Difference> {
        let differs = |found: &Difference| left.iter().any(|left| left.is_at_place_of(found));
        let known = self.open.iter().map(|open| &open.difference).filter(|found| differs(found));
        let known: BTreeSet<Subject> = known.map(Difference::subject).collect();
        let is_left = |found: &Difference| {
            let subject = found.subject();
            differs(found) || (!known.contains(&subject) && left.iter().any(|left| left.subject() == subject))
        };
        let is_ended = |open: &Open| compared.contains(&open.difference.subject()) && !is_left(&open.difference);
        let (ended, open): (Vec<Open>, Vec<Open>) = self.open.drain(..).partition(is_ended);
        self.open = open;
        let is_settled = |subject: &Subject| {
            compared.contains(subject) && !left.iter().any(|difference| difference.subject() == *subject)
        };
        self.unlisted.retain(|subject| !is_settled(subject));
        let is_compared = |account: &str| compared.contains(&Subject::Account(account.to_owned()));
        self.unsettled_accounts.retain(|unsettled_accounts| !is_compared(&unsettled_accounts.account));
        // A run that had no time to finish may have counted its lines as they were before the repair.
        let agrees =
            |account: &str| !left.iter().any(|difference| difference.subject() == Subject::Account(account.to_owned()));
        let counted = self.counting.take_if(|counting| is_compared(&counting.account) && agrees(&counting.account));
        // Without this account there is no trial balance.
        self.day.take_if(|_| counted.is_some_and(|counted| counted.sides.is_some()));
        ended.into_iter().map(|open| open.difference).collect()
    }

    /// It may have no room for what a look has found.
    pub fn is_full(&self) -> bool {
        self.open.len() >= OPEN_MAX
    }

    /// It has no room for the places of another batch either.
    pub fn takes_no_batch(&self) -> bool {
        self.unlisted.len() >= UNLISTED_FULL
    }

    /// Records that an account was written during the whole check. Returns since when no check has settled it, once
    /// that needs an alarm.
    pub fn moved(&mut self, account: &str, now: Timestamp) -> Option<Timestamp> {
        let Some(unsettled_accounts) =
            self.unsettled_accounts.iter_mut().find(|unsettled_accounts| unsettled_accounts.account == account)
        else {
            if self.unsettled_accounts.len() < MOVING_MAX {
                self.unsettled_accounts.push(UnsettledAccount {
                    account: account.to_owned(),
                    since: now,
                    checked_at: now,
                });
            }
            return None;
        };
        let is_new_check = now.seconds_apart(unsettled_accounts.checked_at) >= RECHECK_SECONDS;
        if is_new_check {
            unsettled_accounts.checked_at = now;
        }
        (is_new_check && is_unsettled(unsettled_accounts.since, now)).then_some(unsettled_accounts.since)
    }

    /// The number of places that no check has settled yet, and since when the oldest is open.
    pub fn unsettled(&self) -> (usize, Option<Timestamp>) {
        let open = self.open.iter().filter(|open| !open.is_drift()).map(|open| open.since);
        let since: Vec<Timestamp> =
            open.chain(self.unsettled_accounts.iter().map(|unsettled_accounts| unsettled_accounts.since)).collect();
        (since.len(), since.into_iter().min())
    }
}

impl Open {
    /// The open difference after a check, given the open one at its place.
    fn after(known: Option<&Self>, difference: Difference, look: Observation, now: Timestamp) -> Self {
        let Some(known) = known else {
            return Self { difference, equal_checks: 1, since: now, checked_at: now, seen: look.seen };
        };
        let is_same = known.difference.is_same(&difference);
        if !known.is_due(now) && is_same {
            // Too soon after the last check to count as another one.
            return Self { difference, ..known.clone() };
        }
        let equal_checks = if !is_same {
            1
        } else if known.is_confirmed_by(look) {
            known.equal_checks.saturating_add(1)
        } else {
            known.equal_checks
        };
        Self { difference, equal_checks, since: known.since, checked_at: now, seen: look.seen }
    }

    /// Whether the index still has exactly the lines that the previous check saw. A line that arrived late would mean
    /// that the previous check read a lagging index, and that its finding may be wrong.
    fn is_confirmed_by(&self, look: Observation) -> bool {
        match (self.seen, look.earlier) {
            (Some(seen), Some(earlier)) => seen == earlier,
            _ => true,
        }
    }

    pub fn is_drift(&self) -> bool {
        self.equal_checks >= CHECKS_FOR_DRIFT
    }

    fn is_alarm(&self, now: Timestamp) -> bool {
        self.is_drift() || is_unsettled(self.since, now)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let is_old = self.is_drift() || now.seconds_apart(self.since) >= DRIFT_RECHECK_SECONDS;
        now.seconds_apart(self.checked_at) >= if is_old { DRIFT_RECHECK_SECONDS } else { RECHECK_SECONDS }
    }
}

fn is_unsettled(since: Timestamp, now: Timestamp) -> bool {
    now.seconds_apart(since) >= UNSETTLED_SECONDS
}
