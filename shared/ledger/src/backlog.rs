//! The retry queue: refused events that a retry may resolve, unpaid orders whose provider has to be queried, and
//! fulfilment that has stopped. The backoff of a refused event doubles each pause.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{
    CallContext, CommitError, EventKey, Expiring, Lane, Lanes, Order, OrderNumber, Provider, Reason, Source, Sweep,
    Timestamp, Work,
};

/// By then a late order or top-up has usually arrived.
const FIRST_RETRY_SECONDS: u64 = 60;
const BACKOFF_SECONDS_MAX: u64 = 24 * 60 * 60;
/// A row that cannot be read becomes readable with the next release, or when a person repairs it.
const UNREADABLE_BACKOFF_SECONDS_MIN: i64 = 5 * 60;
/// Each attempt raises an alarm: often enough not to be forgotten, and soon enough after the release.
const UNREADABLE_BACKOFF_SECONDS_MAX: i64 = 60 * 60;
/// The backfill brings a payment for thirty days, so that a refund or dispute is closed no earlier. One whose payment has
/// not arrived a day later belongs to none of our payments.
const ORPHAN_CLAIM_RETRY_SECONDS: u64 = 31 * 24 * 60 * 60;

/// The ledger as the sweeps see it. Both lists are read from sparse indexes, which may lag.
pub trait Backlog: Lanes + Expiring {
    /// The refused events of a source that are due, the longest due first. Some may have been resolved since the index
    /// was written.
    fn due(
        &self,
        source: Source,
        events_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send;

    /// The number of refused events of a source that are due, counted up to `counted_max`.
    fn count_refused_due(
        &self,
        source: Source,
        counted_max: u32,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<u32, CommitError>> + Send;

    /// The stored event as it is now; `None` if it is no longer due. [`CommitError::Refused`] if the row cannot be
    /// read.
    fn refused_event(
        &self,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<RefusedEvent>, CommitError>> + Send;

    /// Sets the next retry time; `None` means that only a person retries it. Does nothing if the row has changed since
    /// it was read.
    fn reschedule(
        &self,
        waiting: &RefusedEvent,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// The orders for which this work is due, the longest due first. For some the work may already be done.
    fn orders_due(
        &self,
        work: Work,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send;

    /// The unpaid orders of this provider that are due for a query, the longest due first. Some may be paid already.
    fn unpaid(
        &self,
        provider: Provider,
        orders_max: u32,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<DueOrder>, CommitError>> + Send;

    /// The number of orders for which this work is outstanding, due now or later, counted up to `counted_max`.
    fn count_open_orders(
        &self,
        work: Work,
        counted_max: u32,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<u32, CommitError>> + Send;

    /// Sets the next retry time of the order; `None` means that only a person retries it. Does nothing if the order has
    /// changed since it was read.
    fn reschedule_order(
        &self,
        order: &Order,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Reschedules a row that cannot be processed, whatever it contains, after a pause that doubles each time. Does
    /// nothing if the row's due time is no longer the one that the index had.
    fn reschedule_unreadable(
        &self,
        queue: &Queue,
        row: &DueRow,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Which of these events are in the journal, booked or refused, each with its fingerprint. Eventually consistent:
    /// very recent rows may be missing.
    fn already_journaled(
        &self,
        receipts: &BTreeSet<EventKey>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<BTreeMap<EventKey, String>, CommitError>> + Send;

    /// Takes the sweep's lease until `until`; `false` if another run holds it. The holder may change the time, and so
    /// release the lease.
    fn acquire_sweep(
        &self,
        sweep: Sweep,
        until: Timestamp,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// The cursor of a sweep that was interrupted. It is only a hint: without it the sweep starts over.
    fn sweep_cursor(
        &self,
        sweep: Sweep,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<String>, CommitError>> + Send;

    fn save_sweep_cursor(
        &self,
        sweep: Sweep,
        place: Option<&str>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// The rows under one value of a sparse index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queue {
    /// Refused events, by source.
    Refused(Source),
    /// Refused events in one lane of a source.
    Lane(Source, Lane),
    /// The lanes of a source.
    Lanes(Source),
    /// Orders with outstanding work.
    Work(Work),
}

/// A due row as its index has it: enough to reschedule a row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueRow {
    pub id: String,
    /// The stored text, even if it is not a valid time.
    pub due_at: String,
}

/// An order that is due for a query, as its index has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOrder {
    pub row: DueRow,
    /// Empty if the row has none.
    pub owner: String,
    pub created_at: Option<Timestamp>,
}

impl DueOrder {
    pub fn due_at(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(&self.row.due_at).ok()
    }
}

/// A refused event and its stored delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedEvent {
    pub receipt: EventKey,
    pub first_received_at: Timestamp,
    pub due_at: Timestamp,
    /// The order that the row names. Other functions can write this field, so it is only a hint where to look and
    /// proves nothing.
    pub order: Option<OrderNumber>,
    /// `None` once it has expired: the event cannot be retried any more.
    pub body: Option<KeptBody>,
}

/// The last delivery of an event, unparsed. Other functions can write such rows, so nothing in it counts before its
/// signature is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptBody {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
    pub bytes_at: Timestamp,
}

impl RefusedEvent {
    /// The next retry time after another failed attempt.
    pub fn next_retry_at(&self, now: Timestamp) -> Timestamp {
        now.plus_seconds(backoff_s(self.first_received_at, now))
    }
}

/// The backoff of a row that could not be read `times` times before.
pub fn unreadable_backoff_s(times: u32) -> i64 {
    let doubled = UNREADABLE_BACKOFF_SECONDS_MIN.saturating_mul(2_i64.saturating_pow(times));
    doubled.min(UNREADABLE_BACKOFF_SECONDS_MAX)
}

/// The next retry time of an event that is refused for this reason, after its backoff; `None` if no retry can resolve it.
pub fn next_retry_at(reason: Reason, first_received_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let is_expired = reason.is_of_reversal() && now.seconds_apart(first_received_at) >= ORPHAN_CLAIM_RETRY_SECONDS;
    (reason.is_retryable() && !is_expired).then(|| now.plus_seconds(backoff_s(first_received_at, now)))
}

/// The backoff of a refused event: the time that it has waited so far, so that each pause doubles; at most a day.
fn backoff_s(first_received_at: Timestamp, now: Timestamp) -> i64 {
    let waited = now.seconds_apart(first_received_at).clamp(FIRST_RETRY_SECONDS, BACKOFF_SECONDS_MAX);
    i64::try_from(waited).unwrap_or(i64::MAX)
}

impl fmt::Debug for KeptBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptBody({} bytes)", self.bytes.len())
    }
}
