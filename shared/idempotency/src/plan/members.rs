//! The rows of keys that join a team or leave it, or are revoked, and of their owners' members.

use aws_sdk_dynamodb::error::BuildError;
use ledger::{BudgetChange, CallContext, CallerKey, Draws, MemberChange, Members, Membership, Owner, membership};

use super::Plan;
use crate::role::Role;
use crate::rows::{Row, text};
use crate::{Tables, budget_row, member_row, names};

impl Plan {
    pub(super) fn member(
        &mut self,
        tables: &Tables,
        change: &MemberChange,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let row = key_row(change, context);
        self.push(Role::Member, row.update(&tables.accounts, &change.key.to_string())?);
        self.members(tables, &change.key, &change.owner, change.membership(), context)
    }

    /// A period that lasts ends with the key.
    pub(super) fn revoke(
        &mut self,
        tables: &Tables,
        key: &CallerKey,
        owner: &Owner,
        draws: &Draws,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let ended = draws.left(context.received_at);
        let row = revoked_row(owner, draws, &ended, context);
        self.push(Role::OwnersKey(owner.clone()), row.update(&tables.accounts, &key.to_string())?);
        self.members(tables, key, owner, membership(draws, &ended), context)
    }

    /// The rows of both owners' members.
    fn members(
        &mut self,
        tables: &Tables,
        key: &CallerKey,
        owner: &Owner,
        membership: Membership<'_>,
        context: &CallContext<'_>,
    ) -> Result<(), BuildError> {
        let (team, row): (_, fn(&_, _, &_) -> Row) = match membership {
            Membership::Joins(team) => (team, member_row::join),
            Membership::Leaves(team) => (team, member_row::leave),
            Membership::Stays => return Ok(()),
        };
        for (side, of) in [(owner, member_row::Of::Owner), (team, member_row::Of::Team)] {
            let item = row(key, of, context).update(&tables.accounts, &Members::row_of(side))?;
            self.push(Role::Member, item);
        }
        Ok(())
    }
}

/// The row stays without the attribute that resolves the key to its owner, so that a new key of the same name is
/// refused.
fn revoked_row(owner: &Owner, draws: &Draws, ended: &Draws, context: &CallContext<'_>) -> Row {
    let mut row = Row::default();
    let (name, expected_owner) = (row.name(names::OWNER), row.value(text(owner)));
    row.conditions.push(format!("{name} = {expected_owner}"));
    row.require_known_form();
    member_row::over(&mut row, draws, ended);
    row.remove(names::OWNER);
    row.set(names::REVOKED_AT, text(&context.received_at));
    row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
    row
}

/// The periods and the budget, on the key's row over those that were read.
fn key_row(change: &MemberChange, context: &CallContext<'_>) -> Row {
    let MemberChange { key, owner, from, to, budget } = change;
    let mut row = if let Some((from, to)) = budget {
        let change = BudgetChange { key: key.clone(), owner: owner.clone(), from: *from, to: *to };
        budget_row::set(&change, context)
    } else {
        let mut row = Row::default();
        row.require(names::OWNER, Some(text(owner)));
        row.require_known_form();
        row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
        row
    };
    member_row::over(&mut row, from, to);
    row
}
