//! Counters of calls in memory.

use ledger::{CallContext, CallCounts, CallMinute, CallRate, CommitError, KeyId};

use crate::MemoryLedger;

impl CallCounts for MemoryLedger {
    async fn count_call(&self, key: &KeyId, rate: CallRate, context: &CallContext<'_>) -> Result<bool, CommitError> {
        let mut state = self.0.lock().unwrap();
        let calls = state.calls.entry((key.clone(), CallMinute::of(context.received_at))).or_default();
        let is_within = *calls < rate.calls_a_minute();
        *calls = calls.saturating_add(u32::from(is_within));
        Ok(is_within)
    }
}
