//! The capacity of each partition key: a rate, and what a pause left unused.

use std::collections::HashMap;
use std::time::Instant;

use super::rules::Rules;
use super::tables::Partition;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Read,
    Write,
}

#[derive(Debug)]
pub(super) struct Capacity {
    rules: Rules,
    used: HashMap<(Partition, Kind), Used>,
    /// Partitions that have recovered are removed when there are this many.
    prune_at: usize,
}

/// In thousandths of half units, which are whole numbers at every rate and time.
#[derive(Debug, Clone, Copy)]
struct Used {
    amount: u64,
    at: Instant,
}

const PRUNE_AT_MIN: usize = 1_024;

impl Capacity {
    pub(super) fn new(rules: Rules) -> Self {
        Self { rules, used: HashMap::new(), prune_at: PRUNE_AT_MIN }
    }

    /// Like DynamoDB, the store learns a call's size by carrying it out: a call is admitted while anything is left.
    pub(super) fn is_exhausted(&self, partition: &Partition, kind: Kind, now: Instant) -> bool {
        let used = self.used.get(&(partition.clone(), kind));
        used.is_some_and(|used| self.after_recovery(*used, kind, now) >= self.per_ms(kind) * 1_000 * self.burst())
    }

    pub(super) fn charge(&mut self, partition: Partition, kind: Kind, half_units: u64, now: Instant) {
        let key = (partition, kind);
        let left = self.used.get(&key).map_or(0, |used| self.after_recovery(*used, kind, now));
        self.used.insert(key, Used { amount: left + half_units * 1_000, at: now });
        if self.used.len() >= self.prune_at {
            let mut used = std::mem::take(&mut self.used);
            used.retain(|(_, kind), used| self.after_recovery(*used, *kind, now) > 0);
            self.prune_at = (used.len() * 2).max(PRUNE_AT_MIN);
            self.used = used;
        }
    }

    fn after_recovery(&self, used: Used, kind: Kind, now: Instant) -> u64 {
        let elapsed_ms = u64::try_from(now.saturating_duration_since(used.at).as_millis()).unwrap();
        used.amount.saturating_sub(elapsed_ms * self.per_ms(kind))
    }

    fn per_ms(&self, kind: Kind) -> u64 {
        2 * u64::from(match kind {
            Kind::Read => self.rules.read_units_per_second,
            Kind::Write => self.rules.write_units_per_second,
        })
    }

    fn burst(&self) -> u64 {
        u64::from(self.rules.burst_seconds.max(1))
    }
}
