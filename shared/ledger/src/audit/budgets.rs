//! The audit of the rows of what keys have spent. No row is compared with the journal: a budget decides what may be spent,
//! and not what anyone owns.

use super::{Difference, DifferenceKind, Suspect};
use crate::{Balance, CallerKey, Spent, Timestamp};

/// The row of what a key has spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSpent {
    pub key: CallerKey,
    /// `None` if it cannot be read.
    pub spent: Option<Spent>,
    /// The sum of all windows, if that can be read.
    pub total: Option<Balance>,
    /// The attempt that wrote it last.
    pub written_by: Option<String>,
    pub is_of_later_form: bool,
}

impl StoredSpent {
    /// Whether it cannot be read, has a sum below nothing, or a day that has not begun.
    pub fn difference(&self, now: Timestamp) -> Option<Difference> {
        let is_wrong = self.spent.as_ref().is_none_or(|spent| spent.is_negative() || spent.is_ahead_of(now));
        is_wrong.then(|| Difference {
            difference_kind: DifferenceKind::Budget,
            suspect: if self.is_of_later_form { Suspect::LaterForm } else { Suspect::Budget },
            account: self.key.budget_id(),
            order: None,
            line: None,
            // A row in use has other sums each time, and is the same difference.
            recorded: Balance::ZERO,
            found: Balance::ZERO,
            missing: 0,
        })
    }
}
