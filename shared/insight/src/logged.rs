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
    pub which: LoggedWhich,
    pub lines_max: usize,
}

/// Of which outcomes. The log picks them, so that none is missed behind many others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoggedWhich {
    All,
    Booked,
    /// Those whose sender was turned away, or whose event is kept and not booked.
    Failed,
}

/// The port to the log lines.
pub trait LogLines: Send + Sync {
    type Error: Error + Send + Sync + 'static;

    /// The newest lines of sources of webhooks. The log is bounded, and may lag by some seconds.
    fn logged(&self, query: &LogQuery) -> impl Future<Output = Result<Vec<LoggedEvent>, Self::Error>> + Send;
}
