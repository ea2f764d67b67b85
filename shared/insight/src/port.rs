//! The port to the journal as it is stored. Each call is a bounded number of point reads and index queries, never a scan.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Audit, Backlog, Budgets, CallContext, Codes, CommitError, EventKey, Holds, KeptBody, Keys, Ledger, Source,
    Statements, UnreadableRow,
};

use crate::EventRow;

/// The rows of the journal, beside the ledger's port.
pub trait Events: Ledger {
    /// Those of these rows that exist, as they are now. A row that cannot be read hides no other one.
    fn events(
        &self,
        keys: &BTreeSet<EventKey>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<BTreeMap<EventKey, Result<EventRow, UnreadableRow>>, CommitError>> + Send;

    /// The refused events of a source that wait for their retry, due or not, the earliest due first. Not those in lanes.
    /// From an index that may lag by some seconds.
    fn waiting(
        &self,
        source: Source,
        rows_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<EventKey>, CommitError>> + Send;

    /// The last delivery of an event, if it is still kept.
    fn delivery(
        &self,
        row: &EventRow,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<KeptBody>, CommitError>> + Send;

    /// Makes a refused event due now, also one that is in no queue any more. `false` if its row has changed since it was
    /// read: a retry or a delivery was faster.
    fn retry_now(
        &self,
        row: &EventRow,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;
}

/// Everything that a question may read.
pub trait Readable: Events + Audit + Backlog + Budgets + Codes + Holds + Keys + Statements {}

impl<L: Events + Audit + Backlog + Budgets + Codes + Holds + Keys + Statements> Readable for L {}
