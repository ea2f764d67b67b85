//! The counters of calls at the ledger of a sandbox, with the same faults.

use std::collections::BTreeMap;

use ledger::{CallContext, CallCounts, CallRate, CommitError, KeyId, KeyUse};

use crate::port::{Books, PortLedger, call};

impl CallCounts for PortLedger {
    async fn count_call(&self, key: &KeyId, rate: CallRate, context: &CallContext<'_>) -> Result<bool, CommitError> {
        call!(self, context, CallCounts::count_call(key, rate))
    }

    /// The worlds have no use for it.
    fn note_use(&self, _: &KeyId, _: &CallContext<'_>) {}

    async fn last_used(
        &self,
        keys: &[KeyId],
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<KeyId, KeyUse>, CommitError> {
        call!(self, context, CallCounts::last_used(keys))
    }
}
