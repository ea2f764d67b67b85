//! Breakers in memory.

use std::collections::BTreeMap;

use ledger::{Breaker, BreakerName, Breakers, CallContext, CommitError};

use crate::{MemoryLedger, instant};

impl Breakers for MemoryLedger {
    async fn breakers(
        &self,
        names: &[BreakerName],
        _: &CallContext<'_>,
    ) -> Result<BTreeMap<BreakerName, Breaker>, CommitError> {
        let state = self.0.lock().unwrap();
        let of = |name: &BreakerName| state.breakers.get(name).copied().unwrap_or_default();
        Ok(names.iter().map(|name| (name.clone(), of(name))).collect())
    }

    async fn try_upstream(
        &self,
        name: &BreakerName,
        read: &Breaker,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let mut state = self.0.lock().unwrap();
        let breaker = state.breakers.entry(name.clone()).or_default();
        let is_as_read = breaker.failed_at == read.failed_at;
        if is_as_read {
            breaker.failed_at = Some(context.received_at);
        }
        Ok(is_as_read)
    }

    async fn count_failure(&self, name: &BreakerName, context: &CallContext<'_>) -> Result<Breaker, CommitError> {
        let mut state = self.0.lock().unwrap();
        let breaker = state.breakers.entry(name.clone()).or_default();
        *breaker = breaker.after_failure(context.time_at(instant()));
        Ok(*breaker)
    }

    async fn close_breaker(&self, name: &BreakerName, _: &CallContext<'_>) -> Result<(), CommitError> {
        self.0.lock().unwrap().breakers.insert(name.clone(), Breaker::default());
        Ok(())
    }
}
