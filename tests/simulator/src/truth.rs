//! What an actor knows to be true: what was sent, paid and acknowledged. It never comes from the code under test.

use std::collections::{BTreeMap, BTreeSet};

/// What one journal key must or may have posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    pub account: String,
    /// The possible changes, in the smallest unit: events that share an id differ in their amount.
    pub any_of: BTreeSet<i128>,
    /// It was acknowledged, or the books have taken it over: it must be there.
    pub is_due: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Truth {
    /// Every posting that may exist, by its journal key.
    pub postings: BTreeMap<String, Expected>,
    /// What people posted by hand, by account.
    pub by_hand: BTreeMap<String, i128>,
    /// Accounts that nothing may overdraw.
    pub solvent: BTreeSet<String>,
    /// Contradictions that the actor has seen itself, such as two acknowledged events with one id.
    pub broken: Vec<String>,
}

impl Truth {
    /// Joins what two actors know. Their keys and accounts differ.
    pub(crate) fn join(&mut self, other: Self) {
        self.postings.extend(other.postings);
        self.solvent.extend(other.solvent);
        self.broken.extend(other.broken);
        for (account, sum) in other.by_hand {
            *self.by_hand.entry(account).or_default() += sum;
        }
    }
}
