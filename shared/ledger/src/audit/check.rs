//! How far the check of the books has come, and what it has found. It is one row, so that a run goes on where the last one stopped.

use std::collections::BTreeSet;

use super::{Counted, Difference, Place, Subject};
use crate::Timestamp;

/// One pass over all accounts a day, from beginning to beginning. Where that is not enough for it, the next begins when it ends.
const PASS_SECONDS: u64 = 24 * 60 * 60;
/// A look at what differs is one of its own if it is so long after the last. A run comes every five minutes, and may be early.
const LOOK_SECONDS: u64 = 4 * 60;
/// So many equal looks in a row are drift: no index lags for so long, and nobody who writes needs as long.
const LOOKS_OF_DRIFT: u32 = 3;
/// Drift does not go by itself. It is looked at to see when somebody has mended it.
const DRIFT_LOOK_SECONDS: u64 = 60 * 60;
/// They are one row, of which DynamoDB bills every kilobyte. Where there are more, those that are known are enough to call somebody,
/// and the others are found again when these are mended.
const OPEN_MAX: usize = 100;

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
}

/// How far the lines of an account are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counting {
    pub account: String,
    pub counted: Counted,
    pub last: Place,
}

/// A difference that was found and is not gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub difference: Difference,
    /// How often it was found in a row.
    pub looks: u32,
    pub since: Timestamp,
    pub looked_at: Timestamp,
}

impl Check {
    /// Whether there is anything to do.
    pub fn is_idle(&self, now: Timestamp) -> bool {
        !self.is_under_way() && !self.is_due(now) && self.counting.is_none() && self.subjects_due(now).is_empty()
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
    }

    pub fn end(&mut self, now: Timestamp) {
        (self.ended_at, self.after) = (Some(now), None);
    }

    /// What is to be looked at again by itself.
    pub fn subjects_due(&self, now: Timestamp) -> BTreeSet<Subject> {
        self.open.iter().filter(|open| open.is_due(now)).map(|open| open.difference.subject()).collect()
    }

    /// The lines that differed before, of this subject.
    pub fn lines_of(&self, subject: &Subject) -> BTreeSet<String> {
        let of_subject = self.open.iter().filter(|open| open.difference.subject() == *subject);
        of_subject.filter_map(|open| open.difference.line.clone()).collect()
    }

    /// Somebody has looked at all of a subject, and found this. What was open of it and is not found is gone. Returns what is drift,
    /// for the caller to say.
    pub fn looked(&mut self, at: &Subject, found: Vec<Difference>, now: Timestamp) -> Vec<Open> {
        let (known, others): (Vec<Open>, Vec<Open>) =
            self.open.drain(..).partition(|open| open.difference.subject() == *at);
        self.open = others;
        let mut drift = Vec::new();
        for difference in found {
            let known = known.iter().find(|open| open.difference == difference).cloned();
            let is_due = known.as_ref().is_some_and(|open| open.is_due(now));
            let mut open = known.unwrap_or(Open { difference, looks: 1, since: now, looked_at: now });
            if is_due {
                open.looks = open.looks.saturating_add(1);
                open.looked_at = now;
                drift.extend(open.is_drift().then(|| open.clone()));
            }
            if self.open.len() < OPEN_MAX {
                self.open.push(open);
            }
        }
        drift
    }
}

impl Open {
    pub fn is_drift(&self) -> bool {
        self.looks >= LOOKS_OF_DRIFT
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let pause_s = if self.is_drift() { DRIFT_LOOK_SECONDS } else { LOOK_SECONDS };
        now.seconds_apart(self.looked_at) >= pause_s
    }
}
