//! The counters of calls at the ledger of a sandbox, with the same faults.

use ledger::{CallContext, CallCounts, CallRate, CommitError, KeyId};

use crate::port::{Books, PortLedger, call};

impl CallCounts for PortLedger {
    async fn count_call(&self, key: &KeyId, rate: CallRate, context: &CallContext<'_>) -> Result<bool, CommitError> {
        call!(self, context, CallCounts::count_call(key, rate))
    }
}
