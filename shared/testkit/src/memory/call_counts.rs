//! Counters of calls in memory.

use std::collections::BTreeMap;

use ledger::{CallContext, CallCounts, CallMinute, CallRate, CommitError, KeyId, KeyUse};

use crate::MemoryLedger;

impl CallCounts for MemoryLedger {
    async fn count_call(&self, key: &KeyId, rate: CallRate, context: &CallContext<'_>) -> Result<bool, CommitError> {
        let mut state = self.0.lock().unwrap();
        let calls = state.calls.entry((key.clone(), CallMinute::of(context.received_at))).or_default();
        let is_within = *calls < rate.calls_a_minute();
        *calls = calls.saturating_add(u32::from(is_within));
        Ok(is_within)
    }

    fn note_use(&self, key: &KeyId, context: &CallContext<'_>) {
        let (mut state, day) = (self.0.lock().unwrap(), KeyUse::day_of(context.received_at));
        let used = state.uses.entry(key.clone()).or_insert_with(|| KeyUse { day: String::new(), days: 0 });
        if used.day < day {
            *used = KeyUse { day, days: used.days.saturating_add(1) };
        }
    }

    async fn last_used(&self, keys: &[KeyId], _: &CallContext<'_>) -> Result<BTreeMap<KeyId, KeyUse>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(keys.iter().filter_map(|key| Some((key.clone(), state.uses.get(key)?.clone()))).collect())
    }
}
