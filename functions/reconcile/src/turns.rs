//! Fairness and rate limits of payment queries: first queries first, owners in turn, and a pause between calls.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use ledger::{DueOrder, DueRow, FIRST_QUERY_AFTER_SECONDS, Provider};
use tokio::time::{Interval, MissedTickBehavior, interval};

/// After so many consecutive queries without a reply, the provider is not queried again in this run.
const UNANSWERED_MAX: u32 = 10;

/// Orders queries by the age of the order at its due time: first queries come first, because a buyer may have just
/// paid. Within one age, owners take turns, so that no owner waits for all orders of another.
pub(crate) fn in_turns(due: Vec<DueOrder>) -> Vec<DueRow> {
    let mut turns: BTreeMap<(u32, String), u32> = BTreeMap::new();
    let mut queue: Vec<((u32, u32), DueRow)> = Vec::with_capacity(due.len());
    for order in due {
        let round = round_of(&order);
        let turn = turns.entry((round, order.owner)).or_default();
        queue.push(((round, *turn), order.row));
        *turn = turn.saturating_add(1);
    }
    // A stable sort: within a turn the longest due order comes first.
    queue.sort_by_key(|(place, _)| *place);
    queue.into_iter().map(|(_, row)| row).collect()
}

/// 0 for a first query, plus 1 each time the age doubles. A row without a creation time comes last.
fn round_of(order: &DueOrder) -> u32 {
    let (Some(due_at), Some(created_at)) = (order.due_at(), order.created_at) else {
        return u32::MAX;
    };
    let first_s = FIRST_QUERY_AFTER_SECONDS.unsigned_abs();
    let doubled = due_at.seconds_apart(created_at).checked_div(first_s).and_then(u64::checked_ilog2);
    doubled.unwrap_or_default()
}

/// The rate limit of queries. A query is usually one call; its retries and checkout's calls count towards the
/// provider's limit, too.
pub(crate) fn pace(provider: Provider) -> Interval {
    let queries_per_second = match provider {
        // Half of Stripe's lowest limit of 20 searches a second; other endpoints allow 25, as does a sandbox in total.
        // WeChat Pay publishes no limit, and replies FREQUENCY_LIMITED beyond it.
        Provider::Stripe | Provider::Wechat => 10,
        // A gateway publishes no limit, and is usually one small server.
        Provider::Epay => 5,
    };
    let mut pace = interval(Duration::from_secs(1).checked_div(queries_per_second).unwrap_or_default());
    // After a delay it does not catch up with a burst.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

/// The number of consecutive queries without a reply.
#[derive(Debug, Default)]
pub(crate) struct Unanswered(AtomicU32);

impl Unanswered {
    pub(crate) fn record(&self, is_answered: bool) {
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
