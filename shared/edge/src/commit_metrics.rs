//! What a commit has changed, for the graphs and for who is called: credits, and orders.

use ledger::{Asset, CommitError, Committed, Decision, Effect, Entry, Refusal, Transition};

use crate::log::{self, CommitMetrics};

/// A line about it, once for each commit that was made now. What was repeated or moved nothing leaves none.
pub fn record_commit(source: &'static str, decision: &Decision, committed: &Result<Committed, CommitError>) {
    let moved = match (decision, committed) {
        (Decision::Record(entry), Ok(Committed::Now(_))) => CommitMetrics::of_entry(entry),
        (Decision::Refuse(refusal), Err(CommitError::Rejected(_))) => CommitMetrics::of_refusal(refusal),
        _ => CommitMetrics::default(),
    };
    if moved != CommitMetrics::default() {
        log::of_moved(source, &moved);
    }
}

impl CommitMetrics {
    fn of_entry(entry: &Entry) -> Self {
        let mut moved = Self::default();
        for effect in &entry.effects {
            match effect {
                Effect::Move(movement) if movement.posting.asset() == Asset::CREDITS => {
                    let change = movement.posting.change().units();
                    let units = u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX);
                    let way = if change < 0 { &mut moved.nanocredits_out } else { &mut moved.nanocredits_in };
                    *way = way.saturating_add(units);
                }
                Effect::Order { transition: Transition::Create, .. } => moved.orders = moved.orders.saturating_add(1),
                Effect::Order { transition: Transition::Pay, .. } => {
                    moved.orders_paid = moved.orders_paid.saturating_add(1);
                }
                Effect::Move(_)
                | Effect::Order { .. }
                | Effect::Bind { .. }
                | Effect::Revoke { .. }
                | Effect::Refer { .. }
                | Effect::Overdraft { .. }
                | Effect::Point { .. }
                | Effect::Subscription(_)
                | Effect::Wait { .. }
                | Effect::TakePlace { .. }
                | Effect::Repair(_) => {}
            }
        }
        moved
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        let flags = refusal.effects.iter().filter(|effect| matches!(effect, Effect::Order { .. })).count();
        Self { orders_flagged: u64::try_from(flags).unwrap_or(u64::MAX), ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
