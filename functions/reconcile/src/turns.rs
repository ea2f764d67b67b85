//! In which order a run asks about the orders that are due, and how fast.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ledger::{DueOrder, DueRow, FIRST_QUERY_AFTER_SECONDS, Provider};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// So many in a row without an answer, and the provider is not asked again before the next run.
const UNANSWERED_MAX: u32 = 10;

/// The sooner after an order was made a look is due, the sooner it is made: so first looks come first, since a buyer who has paid is
/// waiting. Of looks of one kind each owner has one in turn, so that no owner waits for all of another's orders.
pub(crate) fn in_turns(due: Vec<DueOrder>) -> Vec<DueRow> {
    let mut turns: BTreeMap<(u32, String), u32> = BTreeMap::new();
    let mut queue: Vec<((u32, u32), DueRow)> = Vec::with_capacity(due.len());
    for order in due {
        let round = round_of(&order);
        let turn = turns.entry((round, order.owner)).or_default();
        queue.push(((round, *turn), order.row));
        *turn = turn.saturating_add(1);
    }
    // Stable: within a turn the longest due comes first.
    queue.sort_by_key(|(place, _)| *place);
    queue.into_iter().map(|(_, row)| row).collect()
}

/// 0 of a first look, and one more each time its age doubles. A row that does not say it comes last.
fn round_of(order: &DueOrder) -> u32 {
    let (Some(due_at), Some(created_at)) = (order.due_at(), order.created_at) else {
        return u32::MAX;
    };
    let first_s = FIRST_QUERY_AFTER_SECONDS.unsigned_abs();
    let doubled = due_at.seconds_apart(created_at).checked_div(first_s).and_then(u64::checked_ilog2);
    doubled.unwrap_or_default()
}

/// How often a provider is asked at the most. One look is mostly one call, and its repeats and checkout's calls count towards the
/// provider's limit too.
pub(crate) fn pace(provider: Provider) -> Interval {
    let looks_per_second = match provider {
        // Half of Stripe's lowest limit: 20 searches a second. Each other endpoint takes 25, and so does a sandbox in all. WeChat
        // publishes no limit for queries, and answers FREQUENCY_LIMITED beyond it.
        Provider::Stripe | Provider::Wechat => 10,
        // A gateway publishes none, and is mostly one small server.
        Provider::Epay => 5,
    };
    let mut pace = interval(Duration::from_secs(1).checked_div(looks_per_second).unwrap_or_default());
    // After a pause it does not catch up.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// How many looks in a row a provider has left without an answer.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(AtomicU32);

impl Unanswered {
    pub(crate) fn learn(&self, is_answered: bool) {
        if is_answered {
            self.0.store(0, Ordering::Relaxed);
        } else {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn are_too_many(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= UNANSWERED_MAX
    }
}

#[cfg(test)]
mod tests;
