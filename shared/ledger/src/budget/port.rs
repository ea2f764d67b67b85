//! The port to the keys of owners and their budgets, beside the ledger's.

use super::{Budget, BudgetUnreadable, Spent};
use crate::{CallContext, CallerKey, CommitError, Ledger, Owner};

/// A key with a budget, and what it has spent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyBudget {
    pub key: CallerKey,
    pub budget: Result<Budget, BudgetUnreadable>,
    /// `None` if its row cannot be read.
    pub spent: Option<Spent>,
}

pub trait Budgets: Ledger {
    /// The owner's live key with this short id, from an index that may lag. `None` if there is none, or more than one.
    fn key_named(
        &self,
        owner: &Owner,
        short_id: &str,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<CallerKey>, CommitError>> + Send;

    /// The budgets of an owner's live keys. The index that lists the keys may lag; what they have spent does not.
    fn budgets(
        &self,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<KeyBudget>, CommitError>> + Send;
}
