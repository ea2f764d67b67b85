//! What is not accepted yet, in a place that outlives the process.

pub(crate) mod dynamo;
pub(crate) mod file;

use ledger::Timestamp;
use thiserror::Error;

use crate::Event;

/// An event that waits for its next round of attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub event: Event,
    /// How many rounds have failed.
    pub rounds: u32,
}

#[derive(Debug, Error)]
pub enum OutboxError {
    /// Two events cannot share an id: the receiver would take the second one for a repeat.
    #[error("another event waits under the id {0:?}")]
    Conflict(String),
    #[error("another process has opened the outbox {0}")]
    InUse(String),
    #[error("the outbox could not be read or written: {0}")]
    Unavailable(String),
}

/// A place for events that wait. What [`put`](Self::put) has returned for is durable.
pub trait Outbox: Send + Sync + 'static {
    /// Keeps the event until it is removed. No process takes it before `due_at`. The same event again changes nothing.
    fn put(&self, event: &Event, due_at: Timestamp) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// Up to `limit` events that are due, the ones that have waited longest first. No other process takes them
    /// before `until`.
    fn take(
        &self,
        now: Timestamp,
        until: Timestamp,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<Waiting>, OutboxError>> + Send;

    /// For the next round, after this many have failed.
    fn postpone(
        &self,
        id: &str,
        due_at: Timestamp,
        rounds: u32,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// It was accepted.
    fn remove(&self, id: &str) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// It was refused, and is kept for a person: no further round would change that.
    fn set_aside(&self, id: &str, why: &str) -> impl Future<Output = Result<(), OutboxError>> + Send;
}
