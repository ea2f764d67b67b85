//! The breakers of upstreams at the ledger of a sandbox, with the same faults.

use std::collections::BTreeMap;

use ledger::{Breaker, BreakerName, Breakers, CallContext, CommitError};

use crate::port::{Books, PortLedger, call};

impl Breakers for PortLedger {
    async fn breakers(
        &self,
        names: &[BreakerName],
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<BreakerName, Breaker>, CommitError> {
        call!(self, context, Breakers::breakers(names))
    }

    async fn try_upstream(
        &self,
        name: &BreakerName,
        read: &Breaker,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        call!(self, context, Breakers::try_upstream(name, read))
    }

    async fn count_failure(&self, name: &BreakerName, context: &CallContext<'_>) -> Result<Breaker, CommitError> {
        call!(self, context, Breakers::count_failure(name))
    }

    async fn close_breaker(&self, name: &BreakerName, context: &CallContext<'_>) -> Result<(), CommitError> {
        call!(self, context, Breakers::close_breaker(name))
    }
}
