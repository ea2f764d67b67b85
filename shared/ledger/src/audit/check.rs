//! How far the check of the books has come, and what it has found. It is one row, so that a run goes on where the last one stopped.

use std::collections::BTreeSet;

use super::{Census, Counted, Difference, Gone, Place, Subject};
use crate::Timestamp;

/// One pass over all accounts a day, from beginning to beginning. Where that is not enough for it, the next begins when it ends.
const PASS_SECONDS: u64 = 24 * 60 * 60;
/// A look at what differs is one of its own if it is so long after the last. A run comes every five minutes, and may be early.
const LOOK_SECONDS: u64 = 4 * 60;
/// So many equal looks in a row are drift: no index lags for so long, and nobody who writes needs as long.
const LOOKS_OF_DRIFT: u32 = 3;
/// Drift does not go by itself. It is looked at to see when somebody has mended it. And what has not settled by then is written all the
/// time: each look reads all its lines.
const DRIFT_LOOK_SECONDS: u64 = 60 * 60;
/// An account of which no look could say anything for so long is an alarm.
const UNSETTLED_SECONDS: u64 = 24 * 60 * 60;
/// They are one row, of which DynamoDB bills every kilobyte. Where there are more, those that are known are enough to call somebody,
/// and the others are found again when these are mended.
const OPEN_MAX: usize = 100;
/// In the same row: accounts that no look has caught between two writes.
const MOVING_MAX: usize = 20;

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Check {
    /// How often it has been written; nothing is written over a version that was not read.
    pub version: u64,
    /// Of the pass that is under way, or of the last one.
    pub began_at: Option<Timestamp>,
    /// Of the last pass; none while one is under way.
    pub ended_at: Option<Timestamp>,
    /// The last account that the pass has come to.
    pub after: Option<String>,
    /// An account with more lines than a run has time for.
    pub counting: Option<Counting>,
    pub open: Vec<Open>,
    pub moving: Vec<Moving>,
    pub census: Census,
}

/// An account that was written during each look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    pub account: String,
    pub since: Timestamp,
    pub looked_at: Timestamp,
}

/// How far the lines of an account are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counting {
    pub account: String,
    pub counted: Counted,
    /// Of these the lines that the last look at this account may have seen.
    pub earlier: Option<Seen>,
    pub last: Place,
}

/// The lines of an account that were booked by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    pub until: Timestamp,
    pub counted: Counted,
}

/// The lines that a look at an account has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Look {
    /// Those that the look before it may have seen.
    pub earlier: Option<Seen>,
    pub seen: Option<Seen>,
}

/// A difference that was found and is not gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub difference: Difference,
    /// How often it was found in a row, being the same.
    pub looks: u32,
    /// Since when its place differs, by whatever numbers.
    pub since: Timestamp,
    pub looked_at: Timestamp,
    /// Of an account, the lines that the last look has seen.
    pub seen: Option<Seen>,
}

impl Check {
    /// Whether there is anything to do.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        let is_between = !self.is_under_way() && !self.is_due(now) && self.counting.is_none();
        is_between && self.subjects_due(now).is_empty() && !self.census.is_due(now)
    }

    pub fn is_under_way(&self) -> bool {
        self.began_at.is_some() && self.ended_at.is_none()
    }

    /// Whether another pass is to begin.
    pub fn is_due(&self, now: Timestamp) -> bool {
        !self.is_under_way() && self.began_at.is_none_or(|began_at| now.seconds_apart(began_at) >= PASS_SECONDS)
    }

    pub fn begin(&mut self, now: Timestamp) {
        (self.began_at, self.ended_at, self.after) = (Some(now), None, None);
        self.census.begin();
    }

    pub fn end(&mut self, now: Timestamp) {
        (self.ended_at, self.after) = (Some(now), None);
        self.census.end(self.began_at.unwrap_or(now), now);
    }

    /// The pass has come to an account, whose first line was booked then.
    pub fn opened(&mut self, first: Timestamp) {
        if let Some(began_at) = self.began_at {
            self.census.opened(first, began_at);
        }
    }

    /// How many accounts are gone that an earlier pass has counted, if that is to be said now.
    pub fn gone(&mut self, now: Timestamp) -> Option<Gone> {
        self.census.said(now)
    }

    /// What is to be looked at again by itself.
    pub fn subjects_due(&self, now: Timestamp) -> BTreeSet<Subject> {
        let open = self.open.iter().filter(|open| open.is_due(now)).map(|open| open.difference.subject());
        let moving = self.moving.iter().filter(|moving| now.seconds_apart(moving.looked_at) >= DRIFT_LOOK_SECONDS);
        open.chain(moving.map(|moving| Subject::Account(moving.account.clone()))).collect()
    }

    /// The lines that differed before, of this subject.
    pub fn lines_of(&self, subject: &Subject) -> BTreeSet<String> {
        let of_subject = self.open.iter().filter(|open| open.difference.subject() == *subject);
        of_subject.filter_map(|open| open.difference.line.clone()).collect()
    }

    /// Up to when the last look at an account has seen its lines, if anything of it is open.
    pub fn seen_until(&self, account: &str) -> Option<Timestamp> {
        let of_account =
            self.open.iter().filter(|open| open.difference.order.is_none() && open.difference.account == account);
        of_account.filter_map(|open| Some(open.seen?.until)).max()
    }

    /// Whether an account differs from its lines, as far as the last look can say.
    pub fn differs(&self, account: &str) -> bool {
        self.open.iter().any(|open| open.difference.order.is_none() && open.difference.account == account)
    }

    /// Somebody has looked at all of a subject, and found this. What was open of it and is not found is gone. Returns what a person
    /// must hear of, for the caller to say.
    pub fn looked(&mut self, at: &Subject, found: Vec<Difference>, look: Look, now: Timestamp) -> Vec<Open> {
        if let Subject::Account(account) = at {
            self.moving.retain(|moving| moving.account != *account);
        }
        let (known, others): (Vec<Open>, Vec<Open>) =
            self.open.drain(..).partition(|open| open.difference.subject() == *at);
        self.open = others;
        let mut alarms = Vec::new();
        for difference in found {
            let known = known.iter().find(|open| open.difference.is_at_place_of(&difference));
            let open = Open::after(known, difference, look, now);
            let is_new_look = known.is_some_and(|known| known.looked_at != open.looked_at);
            alarms.extend((is_new_look && open.is_alarm(now)).then(|| open.clone()));
            if self.open.len() < OPEN_MAX {
                self.open.push(open);
            }
        }
        alarms
    }

    /// An account was written during the whole look at it. Returns since when no look has caught it, once that is an alarm.
    pub fn moved(&mut self, account: &str, now: Timestamp) -> Option<Timestamp> {
        let Some(moving) = self.moving.iter_mut().find(|moving| moving.account == account) else {
            if self.moving.len() < MOVING_MAX {
                self.moving.push(Moving { account: account.to_owned(), since: now, looked_at: now });
            }
            return None;
        };
        let is_new_look = now.seconds_apart(moving.looked_at) >= LOOK_SECONDS;
        if is_new_look {
            moving.looked_at = now;
        }
        (is_new_look && is_unsettled(moving.since, now)).then_some(moving.since)
    }

    /// How many places no look could be sure of yet, and since when the oldest of them.
    pub fn unsettled(&self) -> (usize, Option<Timestamp>) {
        let open = self.open.iter().filter(|open| !open.is_drift()).map(|open| open.since);
        let since: Vec<Timestamp> = open.chain(self.moving.iter().map(|moving| moving.since)).collect();
        (since.len(), since.into_iter().min())
    }
}

impl Open {
    /// What is open after a look, given what was open at its place.
    fn after(known: Option<&Self>, difference: Difference, look: Look, now: Timestamp) -> Self {
        let Some(known) = known else {
            return Self { difference, looks: 1, since: now, looked_at: now, seen: look.seen };
        };
        let is_same = known.difference.is_same(&difference);
        if !known.is_due(now) && is_same {
            // Too soon after the last look to be another one.
            return Self { difference, ..known.clone() };
        }
        let looks = if !is_same {
            1
        } else if known.is_confirmed_by(look) {
            known.looks.saturating_add(1)
        } else {
            known.looks
        };
        Self { difference, looks, since: known.since, looked_at: now, seen: look.seen }
    }

    /// No line has come into the index since that the last look should have seen: then that look did not read an index that lags, and
    /// what it found was so.
    fn is_confirmed_by(&self, look: Look) -> bool {
        match (self.seen, look.earlier) {
            (Some(seen), Some(earlier)) => seen == earlier,
            _ => true,
        }
    }

    pub fn is_drift(&self) -> bool {
        self.looks >= LOOKS_OF_DRIFT
    }

    fn is_alarm(&self, now: Timestamp) -> bool {
        self.is_drift() || is_unsettled(self.since, now)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let is_old = self.is_drift() || now.seconds_apart(self.since) >= DRIFT_LOOK_SECONDS;
        now.seconds_apart(self.looked_at) >= if is_old { DRIFT_LOOK_SECONDS } else { LOOK_SECONDS }
    }
}

fn is_unsettled(since: Timestamp, now: Timestamp) -> bool {
    now.seconds_apart(since) >= UNSETTLED_SECONDS
}
