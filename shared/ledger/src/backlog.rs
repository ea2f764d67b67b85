//! What is left undone and comes due: events that were refused and may be cured, orders whose payment nobody has told us of, or
//! whose delivery has stopped.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::{CommitError, Delivery, EventKey, Lane, Lanes, Order, OrderNumber, Provider, Reason, Timestamp, Work};

/// A late order or a top-up has mostly arrived by then.
const FIRST_LOOK_SECONDS: u64 = 60;
const PAUSE_SECONDS_MAX: u64 = 24 * 60 * 60;
/// What cannot be read today is mostly read by the next release, or once a person has mended the row.
const PASSED_OVER_SECONDS_MIN: i64 = 5 * 60;
/// Each time is an alarm: often enough not to be forgotten, and soon enough after the release.
const PASSED_OVER_SECONDS_MAX: i64 = 60 * 60;
/// A claim on a payment that we have not heard of in three days, which is how long providers go on sending, is on none of ours.
const PAYMENT_WAITED_FOR_SECONDS: u64 = 3 * 24 * 60 * 60;

/// The books, to whoever goes through what is left undone. Both lists are read from sparse indexes, which may lag.
pub trait Backlog: Lanes {
    /// The refused events of a source that are due, the longest due first. Some may be cured by now.
    fn due(
        &self,
        source: &'static str,
        events_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send;

    /// How many of them there are. No more than so many are counted.
    fn all_due(
        &self,
        source: &'static str,
        counted_max: u32,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<u32, CommitError>> + Send;

    /// What is kept of one, as it stands now; `None` where it is not due any more. One that cannot be read is
    /// [`CommitError::Refused`].
    fn waiting(
        &self,
        receipt: &EventKey,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Waiting>, CommitError>> + Send;

    /// Nobody looks at it before then; at none, nobody but a person. Nothing is done where it has changed since it was read.
    fn put_off(
        &self,
        waiting: &Waiting,
        until: Option<Timestamp>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// The orders with which this is to be done by now, the longest due first. With some it may be done already.
    fn undone(
        &self,
        work: Work,
        orders_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send;

    /// The orders that this provider is to be asked about by now, the longest due first. With some it may be done already.
    fn unpaid(
        &self,
        provider: Provider,
        orders_max: u32,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<DueOrder>, CommitError>> + Send;

    /// With how many orders this is to be done at all, now or later. No more than so many are counted.
    fn left(
        &self,
        work: Work,
        counted_max: u32,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<u32, CommitError>> + Send;

    /// Nobody looks at it before then; at none, nobody but a person. Nothing is done where the order has changed since it was read.
    fn look_later(
        &self,
        order: &Order,
        until: Option<Timestamp>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Reschedules a row that cannot be handled, whatever is in it, after a pause that doubles each time. Nothing is done where it is
    /// no longer due as the index had it.
    fn pass_over(
        &self,
        queue: &Queue,
        row: &DueRow,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Which of these are in the journal, booked or refused. What was written a moment ago may not be among them.
    fn known(
        &self,
        receipts: &BTreeSet<EventKey>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<BTreeSet<EventKey>, CommitError>> + Send;

    /// Whether this run holds the sweep from now on until then, which no other run does meanwhile. A run that holds it may change until
    /// when, and so give it back.
    fn hold_sweep(
        &self,
        sweep: &'static str,
        until: Timestamp,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// Where a sweep that was cut short goes on. No more than a hint: without it, it begins anew.
    fn place(
        &self,
        sweep: &'static str,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<String>, CommitError>> + Send;

    fn keep_place(
        &self,
        sweep: &'static str,
        place: Option<&str>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}

impl<L: Backlog> Backlog for Arc<L> {
    fn due(
        &self,
        source: &'static str,
        events_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send {
        L::due(self, source, events_max, delivery)
    }

    fn all_due(
        &self,
        source: &'static str,
        counted_max: u32,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<u32, CommitError>> + Send {
        L::all_due(self, source, counted_max, delivery)
    }

    fn waiting(
        &self,
        receipt: &EventKey,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Waiting>, CommitError>> + Send {
        L::waiting(self, receipt, delivery)
    }

    fn put_off(
        &self,
        waiting: &Waiting,
        until: Option<Timestamp>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        L::put_off(self, waiting, until, delivery)
    }

    fn undone(
        &self,
        work: Work,
        orders_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send {
        L::undone(self, work, orders_max, delivery)
    }

    fn unpaid(
        &self,
        provider: Provider,
        orders_max: u32,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<DueOrder>, CommitError>> + Send {
        L::unpaid(self, provider, orders_max, delivery)
    }

    fn left(
        &self,
        work: Work,
        counted_max: u32,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<u32, CommitError>> + Send {
        L::left(self, work, counted_max, delivery)
    }

    fn look_later(
        &self,
        order: &Order,
        until: Option<Timestamp>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        L::look_later(self, order, until, delivery)
    }

    fn pass_over(
        &self,
        queue: &Queue,
        row: &DueRow,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        L::pass_over(self, queue, row, delivery)
    }

    fn known(
        &self,
        receipts: &BTreeSet<EventKey>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<BTreeSet<EventKey>, CommitError>> + Send {
        L::known(self, receipts, delivery)
    }

    fn hold_sweep(
        &self,
        sweep: &'static str,
        until: Timestamp,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send {
        L::hold_sweep(self, sweep, until, delivery)
    }

    fn place(
        &self,
        sweep: &'static str,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<String>, CommitError>> + Send {
        L::place(self, sweep, delivery)
    }

    fn keep_place(
        &self,
        sweep: &'static str,
        place: Option<&str>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        L::keep_place(self, sweep, place, delivery)
    }
}

/// The rows that wait under one word of a sparse index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queue {
    /// Refused events, by their source.
    Refused(&'static str),
    /// Refused events of a source in one of its lanes.
    Lane(&'static str, Lane),
    /// The lanes of a source.
    Lanes(&'static str),
    /// Orders with which something is still to do.
    Work(Work),
}

/// A row that is due, by what its index says of it: enough to reschedule a row that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueRow {
    pub id: String,
    /// As it is stored, whether or not it is a time.
    pub due_at: String,
}

/// An order that is due to be asked about, by what its index says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueOrder {
    pub row: DueRow,
    /// Empty where the row does not say it.
    pub owner: String,
    pub created_at: Option<Timestamp>,
}

impl DueOrder {
    pub fn due_at(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(&self.row.due_at).ok()
    }
}

/// An event that was refused, and what is kept of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub receipt: EventKey,
    pub first_received_at: Timestamp,
    pub due_at: Timestamp,
    /// The order that the row names. Other functions can write it: it says where to look, and proves nothing.
    pub order: Option<OrderNumber>,
    /// None once it has expired: then there is nothing to try again.
    pub body: Option<KeptBody>,
}

/// An event's last delivery, unopened. Other functions can write such rows: nothing in it is believed before it is verified.
#[derive(Clone, PartialEq, Eq)]
pub struct KeptBody {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    pub bytes: Vec<u8>,
    pub bytes_at: Timestamp,
}

impl Waiting {
    /// When to look at it again, if looking now came to nothing.
    pub fn next_look(&self, now: Timestamp) -> Timestamp {
        now.plus_seconds(pause_s(self.first_received_at, now))
    }
}

/// For how long a row is left alone that has been passed over so often before.
pub fn pass_over_pause_s(times: u32) -> i64 {
    let doubled = PASSED_OVER_SECONDS_MIN.saturating_mul(2_i64.saturating_pow(times));
    doubled.min(PASSED_OVER_SECONDS_MAX)
}

/// When an event that is refused for this reason is tried again; `None`: never, since nothing that is still to come could cure it.
pub fn next_look(reason: Reason, first_received_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let is_given_up = reason.is_of_claim() && now.seconds_apart(first_received_at) >= PAYMENT_WAITED_FOR_SECONDS;
    (reason.curable() && !is_given_up).then(|| now.plus_seconds(pause_s(first_received_at, now)))
}

/// As long as it has waited already, so that the pauses double; and at least once a day.
fn pause_s(first_received_at: Timestamp, now: Timestamp) -> i64 {
    let waited = now.seconds_apart(first_received_at).clamp(FIRST_LOOK_SECONDS, PAUSE_SECONDS_MAX);
    i64::try_from(waited).unwrap_or(i64::MAX)
}

impl fmt::Debug for KeptBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeptBody({} bytes)", self.bytes.len())
    }
}
