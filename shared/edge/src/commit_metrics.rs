//! Metrics of a commit: credits posted in and out, usage above a budget, and orders created, paid and flagged.

use ledger::{Asset, CommitError, Committed, Decision, Effect, Entry, Money, Refusal, Transition};

use crate::log::{COMMIT, PAID, REFUNDED};

/// Logs the metrics of a commit once. A repeat, or a commit without such changes, logs no line.
pub fn record_commit(source: &'static str, decision: &Decision, committed: &Result<Committed, CommitError>) {
    let metrics = match (decision, committed) {
        (Decision::Record(entry), Ok(Committed::Now(receipt))) => {
            CommitMetrics { over_budget: receipt.is_over_budget.into(), ..CommitMetrics::of_entry(entry) }
        }
        (Decision::Refuse(refusal), Err(CommitError::Rejected(_))) => CommitMetrics::of_refusal(refusal),
        _ => CommitMetrics::default(),
    };
    if metrics != CommitMetrics::default() {
        of_commit(source, &metrics);
    }
    if let (Decision::Record(entry), Ok(Committed::Now(_))) = (decision, committed) {
        for money in paid(entry) {
            tracing::info!(target: PAID, source, currency = money.currency.as_str(), paid_minor = minor(money));
        }
        for money in refunded(entry) {
            tracing::info!(target: REFUNDED, source, currency = money.currency.as_str(), refunded_minor = minor(money));
        }
    }
}

fn minor(money: Money) -> u64 {
    u64::try_from(money.amount.units()).unwrap_or(u64::MAX)
}

/// What the entry gives back of what orders were paid with. A refund that fails at the buyer's bank later is not added again.
fn refunded(entry: &Entry) -> impl Iterator<Item = Money> {
    entry.effects.iter().filter_map(|effect| {
        let Effect::Order { order, refunded, .. } = effect else { return None };
        (!refunded.is_zero()).then(|| Money { amount: *refunded, ..order.paid_money() })
    })
}

/// What the entry has orders, periods and second payments paid with. A refund is not subtracted.
fn paid(entry: &Entry) -> impl Iterator<Item = Money> {
    entry.effects.iter().filter_map(|effect| {
        if let Effect::Received(money) = effect {
            return Some(*money);
        }
        let Effect::Order { order, transition: Transition::Pay, .. } = effect else { return None };
        Some(order.paid_money())
    })
}

/// The metrics of one commit. Credits are in their smallest unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct CommitMetrics {
    nanocredits_in: u64,
    nanocredits_out: u64,
    /// Usage above a limit of its key's budget.
    over_budget: u64,
    orders: u64,
    orders_paid: u64,
    /// Orders flagged by a refusal. Every other flag raises an alarm of its own.
    orders_flagged: u64,
}

fn of_commit(source: &'static str, metrics: &CommitMetrics) {
    // A sum does not need its zeros, and each would be a field of every line.
    let some = |count: u64| (count > 0).then_some(count);
    tracing::info!(
        target: COMMIT,
        source,
        nanocredits_in = some(metrics.nanocredits_in),
        nanocredits_out = some(metrics.nanocredits_out),
        over_budget = some(metrics.over_budget),
        orders = some(metrics.orders),
        orders_paid = some(metrics.orders_paid),
        orders_flagged = some(metrics.orders_flagged)
    );
}

impl CommitMetrics {
    fn of_entry(entry: &Entry) -> Self {
        let mut metrics = Self::default();
        for effect in &entry.effects {
            match effect {
                Effect::Move(movement) if movement.posting.asset() == Asset::CREDITS => {
                    let change = movement.posting.change().units();
                    let units = u64::try_from(change.unsigned_abs()).unwrap_or(u64::MAX);
                    let total = if change < 0 { &mut metrics.nanocredits_out } else { &mut metrics.nanocredits_in };
                    *total = total.saturating_add(units);
                }
                Effect::Order { transition: Transition::Create, .. } => {
                    metrics.orders = metrics.orders.saturating_add(1);
                }
                Effect::Order { transition: Transition::Pay, .. } => {
                    metrics.orders_paid = metrics.orders_paid.saturating_add(1);
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
                | Effect::Rates(_)
                | Effect::Pauses(_)
                | Effect::Received(_)
                | Effect::Code(_)
                | Effect::SetBudget(_)
                | Effect::Key(_)
                | Effect::Member(_)
                | Effect::CountInBudget(_)
                | Effect::ServiceKey(_)
                | Effect::Repair(_) => {}
            }
        }
        metrics
    }

    fn of_refusal(refusal: &Refusal) -> Self {
        let flags = refusal.effects.iter().filter(|effect| matches!(effect, Effect::Order { .. })).count();
        Self { orders_flagged: u64::try_from(flags).unwrap_or(u64::MAX), ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
