//! The transactions of several events: what they spend, or that they are refused.

use std::collections::BTreeMap;

use ledger::{BudgetCount, CallContext, CallerKey, Lane, Refusal, Timestamp, merged};

use super::{Plan, Writing, lane_of};
use crate::account_row::AccountPlan;
use crate::budget_row::BudgetRead;
use crate::role::{PlanError, Role};
use crate::rows::Row;
use crate::spend::Spend;
use crate::{Tables, lane_row};

impl Plan {
    /// A row for each event, and one for each account and each budget, with the sum of what the events take.
    pub(crate) fn spends(
        tables: &Tables,
        spends: &[Spend<'_>],
        budgets: &BTreeMap<CallerKey, BudgetRead>,
        context: &CallContext<'_>,
        now: Timestamp,
    ) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        for Spend { entry, movement, .. } in spends {
            let mut row = Row::processed(&entry.header, context, now);
            row.posting(movement);
            plan.push(Role::Receipt, row.update(&tables.journal, entry.header.receipt.as_str())?);
        }
        let Some(first) = spends.first() else { return Ok(plan) };
        let writing = Writing { tables, header: &first.entry.header, context, now };
        let movements = || spends.iter().map(|spend| spend.movement);
        for (account, net) in merged(movements(), &[]).ok_or(PlanError::Overflow)? {
            let movements = movements().filter(|movement| *movement.posting.account() == account).collect();
            let of_account = AccountPlan { movements, ..AccountPlan::default() };
            plan.account(&writing, account, &net, of_account, None)?;
        }
        for count in counts(spends).ok_or(PlanError::Overflow)?.into_values() {
            plan.count_in_budget(tables, &count, budgets.get(&count.key), context)?;
        }
        Ok(plan)
    }

    /// A row for each refusal and one for each lane, and the body of all once.
    pub(crate) fn refuse_together(
        tables: &Tables,
        refusals: &[&Refusal],
        context: &CallContext<'_>,
    ) -> Result<Self, PlanError> {
        let mut plan = Self::default();
        let mut lanes: BTreeMap<(&'static str, &Lane), u32> = BTreeMap::new();
        for refusal in refusals {
            let row = refused_row(refusal, context, |source, lane| {
                let refused = lanes.entry((source, lane)).or_default();
                *refused = refused.saturating_add(1);
            });
            plan.push(Role::Receipt, row.update(&tables.journal, refusal.header.receipt.as_str())?);
        }
        for ((source, lane), refused) in lanes {
            let row = lane_row::count_refusals(source, refused, context);
            plan.push(Role::Lane, row.update(&tables.journal, &lane_row::id(source, lane))?);
        }
        if let Some(first) = refusals.iter().find(|refusal| !context.is_replay_of(&refusal.header.receipt)) {
            plan.body(tables, first.header.receipt.as_str(), false, context)?;
        }
        Ok(plan)
    }
}

/// The row of a refused event, which waits in its source's queue or in a lane.
pub(super) fn refused_row<'r>(
    refusal: &'r Refusal,
    context: &CallContext<'_>,
    mut into_lane: impl FnMut(&'static str, &'r Lane),
) -> Row {
    let mut row = Row::failed(&refusal.header, refusal.reason.as_str(), context);
    // Only a webhook delivery can be retried. A person's refused command has already returned its error.
    let due_at = ledger::next_retry_at(refusal.reason, context.first_received_at, context.received_at);
    let due_at = due_at.filter(|_| context.body.is_some());
    let source = refusal.header.writer.as_str();
    match (due_at, lane_of(refusal)) {
        (Some(_), Some((lane, owed))) => {
            lane_row::enqueue(&mut row, source, lane, owed, context.first_received_at);
            into_lane(source, lane);
        }
        (due_at, _) => row.schedule_retry(source, due_at),
    }
    if !context.is_replay_of(&refusal.header.receipt) {
        row.kept_in(context);
    }
    row
}

/// What the events count in each budget. All of one key are in the same windows, under the same limits.
pub(crate) fn counts(spends: &[Spend<'_>]) -> Option<BTreeMap<CallerKey, BudgetCount>> {
    let mut counts: BTreeMap<CallerKey, BudgetCount> = BTreeMap::new();
    for count in spends.iter().filter_map(|spend| spend.count) {
        if let Some(all) = counts.get_mut(&count.key) {
            all.change = all.change.checked_add(count.change)?;
        } else {
            counts.insert(count.key.clone(), count.clone());
        }
    }
    Some(counts)
}
