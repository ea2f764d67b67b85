//! The transactions of holds.

use ledger::{AccountId, Balance, CallContext, Hold, HoldChange, Net, Timestamp};

use super::Plan;
use crate::account_row::{self, AccountPlan};
use crate::budget_row::BudgetRead;
use crate::open_calls::OpenCall;
use crate::role::{PlanError, Role};
use crate::rows::Row;
use crate::{Tables, hold_row};

impl Plan {
    /// The hold, what it sets aside of what is available, and what it counts in the budget of its key.
    pub(crate) fn open_hold(
        tables: &Tables,
        hold: &Hold,
        budget: Option<&BudgetRead>,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        plan.push(Role::Hold, hold_row::open(hold, context).update(&tables.holds, hold.id.as_str())?);
        let net = Net { required: Some(hold.amount), held: Balance::from(hold.amount), ..Net::default() };
        let of_account = AccountPlan { begins: OpenCall::of(hold), ..AccountPlan::default() };
        plan.account_of_hold(tables, &hold.account, &net, &of_account, now)?;
        if let Some(of_hold) = &hold.budget {
            plan.count_in_budget(tables, &of_hold.opening(hold.amount), budget, context)?;
        }
        Ok(plan)
    }

    /// The hold as a released one, if it has no row. No account has set anything aside for it.
    pub(crate) fn withdraw_hold(
        tables: &Tables,
        hold: &Hold,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        let row = hold_row::withdrawn(hold, now, context);
        plan.push(Role::Hold, row.update(&tables.holds, hold.id.as_str())?);
        Ok(plan)
    }

    /// The hold over the state that was read, the account, and the usage event if it is charged.
    pub(crate) fn close_hold(
        tables: &Tables,
        change: &HoldChange,
        budget: Option<&BudgetRead>,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let (hold, net) = (&change.before, change.net());
        let mut plan = Self::default();
        if let Some((entry, movement)) = change.entry.as_ref().zip(change.movement()) {
            let keys = hold.key.iter().chain(&change.reported_key);
            let mut row = Row::charged(&entry.header, &hold_row::lane_of(hold), keys, context, now);
            row.posting(movement);
            plan.push(Role::Receipt, row.update(&tables.journal, entry.header.receipt.as_str())?);
        }
        plan.push(Role::Hold, hold_row::close(change, context).update(&tables.holds, hold.id.as_str())?);
        if net != Net::default() {
            let (movements, ends) = (change.movement().into_iter().collect(), OpenCall::of(hold));
            let of_account = AccountPlan { movements, ends: ends.filter(|_| hold.is_open()), ..AccountPlan::default() };
            plan.account_of_hold(tables, &hold.account, &net, &of_account, now)?;
        }
        if let Some(count) = change.budget_count() {
            plan.count_in_budget(tables, &count, budget, context)?;
        }
        Ok(plan)
    }

    /// No lot is read: what is held counts as spent, and an expiry that is due comes first.
    fn account_of_hold(
        &mut self,
        tables: &Tables,
        account: &AccountId,
        net: &Net,
        of_account: &AccountPlan<'_>,
        now: Timestamp,
    ) -> Result<(), PlanError> {
        let (id, guards) = (account.to_string(), of_account.guards(net, now));
        let row = account_row::update(&id, of_account, net, &guards)?;
        self.push(Role::Account(account.clone(), guards), row.update(&tables.accounts, &id)?);
        Ok(())
    }
}
