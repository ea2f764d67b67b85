//! The rows of keys: whose they are, their budgets and what they have spent; and the referrers of owners.

use std::borrow::Cow;
use std::collections::BTreeSet;

use aws_sdk_dynamodb::error::BuildError;
use ledger::{BudgetChange, BudgetCount, CallContext, CallerKey, Fact, JournalHeader, KeyChange, Owner, Window};

use super::{Known, Plan};
use crate::budget_row::{self, BudgetRead};
use crate::role::Role;
use crate::rows::{self, ROW_FORMAT, Row, number, text};
use crate::{Tables, names, owner_key_row};

/// The fact that marks usage above a budget, with the windows whose limits it exceeds.
pub(crate) const OVER_BUDGET: &str = "over_budget";

impl Known {
    /// The limits that the entry exceeds, in the words of its mark.
    fn exceeded(&self) -> Option<String> {
        let windows: BTreeSet<Window> = self.budgets.values().flat_map(|read| read.exceeded.iter().copied()).collect();
        (!windows.is_empty()).then(|| windows.into_iter().map(Window::as_str).collect::<Vec<_>>().join(" "))
    }

    /// The mark is no part of the fingerprint: a repeat has none.
    pub(super) fn marked<'h>(&self, header: &'h JournalHeader) -> Cow<'h, JournalHeader> {
        let Some(exceeded) = self.exceeded() else { return Cow::Borrowed(header) };
        let mut marked = header.clone();
        marked.facts.push((OVER_BUDGET, Fact::Text(exceeded)));
        Cow::Owned(marked)
    }

    /// The keys whose row of what they have spent cannot be read.
    pub(crate) fn uncounted(&self) -> impl Iterator<Item = &CallerKey> {
        self.budgets.values().filter(|read| read.spent.is_none()).map(|read| &read.key)
    }

    pub(crate) fn is_over_budget(&self) -> bool {
        self.budgets.values().any(|read| !read.exceeded.is_empty())
    }
}

impl Plan {
    pub(super) fn bind(
        &mut self,
        tables: &Tables,
        key: &CallerKey,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let item = key_row(owner, context).update(&tables.accounts, &key.to_string())?;
        self.push(Role::Key, item);
        Ok(())
    }

    pub(super) fn owner_key(
        &mut self,
        tables: &Tables,
        change: &KeyChange,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let (role, row) = match change {
            KeyChange::Make { owner, settings, until, .. } => {
                let mut row = key_row(owner, context);
                owner_key_row::set_first(&mut row, settings, *until);
                (Role::Key, row)
            }
            KeyChange::Set { owner, from, to, .. } => {
                (Role::OwnersKey(owner.clone()), owner_key_row::set(owner, from, to, context))
            }
            KeyChange::End { owner, at, .. } => {
                (Role::OwnersKey(owner.clone()), owner_key_row::end(owner, *at, context))
            }
            KeyChange::Unname { owner, .. } => (Role::OwnersKey(owner.clone()), owner_key_row::unname(owner, context)),
        };
        self.push(role, row.update(&tables.accounts, &change.key().to_string())?);
        Ok(())
    }

    pub(super) fn set_budget(
        &mut self,
        tables: &Tables,
        change: &BudgetChange,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let item = budget_row::set(change, context).update(&tables.accounts, &change.key.to_string())?;
        self.push(Role::SetBudget(change.owner.clone()), item);
        Ok(())
    }

    /// The row of what a key has spent.
    pub(super) fn count_in_budget(
        &mut self,
        tables: &Tables,
        count: &BudgetCount,
        read: Option<&BudgetRead>,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        if let Some(row) = budget_row::count(count, read, context) {
            let item = row.update(&tables.accounts, &count.key.budget_id())?;
            self.push(Role::Budget(Box::new(count.clone())), item);
        }
        Ok(())
    }

    pub(super) fn refer(
        &mut self,
        tables: &Tables,
        owner: &Owner,
        from: Option<&Owner>,
        to: Option<&Owner>,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let item = referrer_row(from, to, context).update(&tables.accounts, &rows::referrer(owner))?;
        self.push(Role::Referrer, item);
        Ok(())
    }
}

/// The row keeps its budget if the same owner's key is bound again.
fn key_row(owner: &Owner, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    let (absent, form) = (row.absent(), row.known_form());
    let (name, expected) = (row.name(names::OWNER), row.value(text(owner)));
    row.conditions.push(format!("({absent} OR ({name} = {expected} AND {form}))"));
    row.set(names::FORMAT, number(&ROW_FORMAT));
    row.set(names::OWNER, text(owner));
    row.set(names::KEY_OWNER, text(owner));
    row.set(names::RECEIVED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

fn referrer_row(from: Option<&Owner>, to: Option<&Owner>, context: &CallContext<'_>) -> Row {
    let mut row = Row::with_form();
    row.set_or_remove(names::OWNER, to.map(text));
    row.set(names::UPDATED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    let owner = row.name(names::OWNER);
    let condition = match from {
        None => format!("attribute_not_exists({owner})"),
        Some(from) => format!("{owner} = {}", row.value(text(from))),
    };
    row.conditions.push(condition);
    row.require_known_form();
    row
}
