//! What is known of a deployment beside its books: series of metrics, alarms and dead letters. CloudWatch has it on AWS,
//! and the stack's own files on one machine.

use std::error::Error;
use std::fmt::Debug;

use futures_util::future::{BoxFuture, ready};
use insight::{Series, SeriesQuery};
use ledger::Timestamp;

/// It cannot be read now; the log has the reason, and a page says so in its place.
pub type MonitorError = Box<dyn Error + Send + Sync>;

/// An alarm that rings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ringing {
    /// Without the stage: `dead-letters`.
    pub name: String,
    pub since: Option<Timestamp>,
}

/// The dead letters of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetters {
    pub queue: String,
    pub count: u64,
    pub oldest_s: Option<u64>,
}

/// The port. A deployment has one; `None` is what does not exist there.
pub trait Monitor: Send + Sync + Debug {
    fn series<'m>(&'m self, query: &'m SeriesQuery) -> BoxFuture<'m, Result<Option<Vec<Series>>, MonitorError>>;

    /// The alarms that ring, the longest first.
    fn alarms(&self, now: Timestamp) -> BoxFuture<'_, Result<Option<Vec<Ringing>>, MonitorError>>;

    /// Of each queue of dead letters, also an empty one.
    fn dead_letters(&self, now: Timestamp) -> BoxFuture<'_, Result<Option<Vec<DeadLetters>>, MonitorError>>;
}

/// Nothing but the books.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unmonitored;

impl Monitor for Unmonitored {
    fn series<'m>(&'m self, _: &'m SeriesQuery) -> BoxFuture<'m, Result<Option<Vec<Series>>, MonitorError>> {
        Box::pin(ready(Ok(None)))
    }

    fn alarms(&self, _: Timestamp) -> BoxFuture<'_, Result<Option<Vec<Ringing>>, MonitorError>> {
        Box::pin(ready(Ok(None)))
    }

    fn dead_letters(&self, _: Timestamp) -> BoxFuture<'_, Result<Option<Vec<DeadLetters>>, MonitorError>> {
        Box::pin(ready(Ok(None)))
    }
}

/// The page shows the rest.
pub(crate) fn unread(error: &MonitorError) {
    tracing::warn!(error = %edge::chain(error.as_ref()), "the monitor cannot be read");
}
