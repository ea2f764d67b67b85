//! The transactions of holds.

use ledger::{AccountId, Balance, CallContext, Hold, HoldChange, Movement, Net, Timestamp};

use super::Plan;
use crate::account_row::{self, AccountPlan};
use crate::role::{PlanError, Role};
use crate::rows::Row;
use crate::{Tables, hold_row};

impl Plan {
    /// The hold, and what it sets aside of what is available.
    pub(crate) fn open_hold(
        tables: &Tables,
        hold: &Hold,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        plan.push(Role::Hold, hold_row::open(hold, context).update(&tables.holds, hold.id.as_str())?);
        let net = Net { required: Some(hold.amount), held: Balance::from(hold.amount), ..Net::default() };
        plan.account_of_hold(tables, &hold.account, &net, None, now)?;
        Ok(plan)
    }

    /// The hold over the state that was read, the account, and the usage event if it is charged.
    pub(crate) fn close_hold(
        tables: &Tables,
        change: &HoldChange,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let (hold, net) = (&change.before, change.net());
        let mut plan = Self::default();
        if let Some((entry, movement)) = change.entry.as_ref().zip(change.movement()) {
            let mut row = Row::charged(&entry.header, &hold_row::lane_of(hold), context, now);
            row.posting(movement);
            plan.push(Role::Receipt, row.update(&tables.journal, entry.header.receipt.as_str())?);
        }
        plan.push(Role::Hold, hold_row::close(change, context).update(&tables.holds, hold.id.as_str())?);
        if net != Net::default() {
            plan.account_of_hold(tables, &hold.account, &net, change.movement(), now)?;
        }
        Ok(plan)
    }

    /// No lot is read: what is held counts as spent, and an expiry that is due comes first.
    fn account_of_hold(
        &mut self,
        tables: &Tables,
        account: &AccountId,
        net: &Net,
        movement: Option<&Movement>,
        now: Timestamp,
    ) -> Result<(), PlanError> {
        let of_account = AccountPlan { movements: movement.into_iter().collect(), ..AccountPlan::default() };
        let (id, guards) = (account.to_string(), of_account.guards(net, now));
        let row = account_row::update(&id, &of_account, net, &guards)?;
        self.push(Role::Account(account.clone(), guards), row.update(&tables.accounts, &id)?);
        Ok(())
    }
}
