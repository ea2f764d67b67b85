//! The newest deliveries, booked ones too, from the log lines: an index of every use would cost a unit for each.

use std::error::Error;

use ledger::Timestamp;

/// What a function has logged of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedEvent {
    pub at: Timestamp,
    pub source: String,
    /// The id in the event, if it was read.
    pub event: Option<String>,
    pub outcome: String,
    pub reason: Option<String>,
}

/// Which lines, the newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQuery {
    pub since: Timestamp,
    pub source: Option<String>,
    /// Only those that were booked.
    pub is_booked: bool,
    pub lines_max: usize,
}

/// The port to the log lines.
pub trait LogLines: Send + Sync {
    type Error: Error + Send + Sync + 'static;

    /// The newest lines of sources of webhooks. The log is bounded, and may lag by some seconds.
    fn logged(&self, query: &LogQuery) -> impl Future<Output = Result<Vec<LoggedEvent>, Self::Error>> + Send;
}
