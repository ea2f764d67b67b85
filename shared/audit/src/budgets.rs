//! The audit of what keys have spent, and the decision that writes such a row by the uses of the month.

use std::collections::BTreeSet;

use ledger::{
    Audit, Balance, BoundKey, CallerKey, CommitError, Decision, EventKey, Members, StoredSpent, Subject, Windows,
    Writer,
};

use crate::auditor::{Auditor, RunState};
use crate::repair::{RepairFailure, Signature, decision};

impl<L: Audit> Auditor<'_, L> {
    pub(crate) fn compare_budget(&mut self, stored: &StoredSpent) {
        let found = stored.difference(self.run.now).into_iter().collect();
        self.record_check(&Subject::Account(stored.key.budget_id()), found);
    }

    /// An account, what a key has spent, or the members of an owner: all are rows of one table.
    pub(crate) async fn check_account(&mut self, account: &str) -> Result<RunState, CommitError> {
        if let Some(owner) = Members::owner_of(account) {
            return self.compare_members(&owner, BTreeSet::new()).await.map(|()| RunState::Continues);
        }
        let Some(key) = CallerKey::of_budget_id(account) else {
            return self.count(account, None, self.statement(account)).await;
        };
        self.check_budget(&key).await.map(|()| RunState::Continues)
    }

    /// A row that is gone has no difference.
    async fn check_budget(&mut self, key: &CallerKey) -> Result<(), CommitError> {
        match self.ledger.stored_spent(key, &self.call()).await? {
            Some(stored) => self.compare_budget(&stored),
            None => self.record_check(&Subject::Account(key.budget_id()), Vec::new()),
        }
        Ok(())
    }
}

/// What is known of a key whose budget is repaired.
#[derive(Debug)]
pub struct BudgetFound<'f> {
    pub key: &'f CallerKey,
    pub bound: &'f BoundKey,
    pub stored: Option<StoredSpent>,
    /// The day and the month that run in its zone.
    pub now: Windows,
    pub uses: Vec<(Windows, Balance)>,
}

/// The decision that writes what the key has spent in the day and the month that run.
pub fn budget_repair(found: BudgetFound<'_>, by: &Signature) -> Result<Decision, RepairFailure> {
    let BudgetFound { key, bound, stored, now, uses } = found;
    let receipt = EventKey::new(Writer::Repair, &by.id)?;
    let effects = StoredSpent::by_uses(stored, key, &now, uses)?;
    let parameters = vec![("owner", bound.owner.to_string()), ("key", key.short_id())];
    Ok(decision(receipt, "budget", &parameters, by, None, effects))
}
