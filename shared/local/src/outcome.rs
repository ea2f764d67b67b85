//! The outcome header of a reply: the local stack adds the outcome that the function logged, for `send`. A deployed stack sends none,
//! since providers read the status alone.

use std::cell::RefCell;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// Its value is the outcome and reason of the log line: `booked`, or `refused order_unknown`.
pub const HEADER: &str = "hookledger-outcome";

/// The target of the line that a function logs for each request.
const EVENT: &str = "hookledger::event";

tokio::task_local! {
    /// The outcome of the request that this task serves.
    static OUTCOME: RefCell<Option<Line>>;
}

#[derive(Debug, Default)]
struct Line {
    outcome: String,
    reason: Option<String>,
}

/// The reply, and the outcome that the function logged for it.
pub(crate) async fn with_outcome<T>(reply: impl Future<Output = T>) -> (T, Option<String>) {
    OUTCOME
        .scope(RefCell::default(), async {
            let reply = reply.await;
            (reply, OUTCOME.with(RefCell::take).map(|line| line.to_string()))
        })
        .await
}

/// The layer that reads the log lines, independent of the log level.
pub(crate) fn watch<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    Watch.with_filter(Targets::new().with_target(EVENT, Level::INFO))
}

struct Watch;

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        // Fails outside of a request, and may: a sweep logs such lines too.
        let _ = OUTCOME.try_with(|outcome| *outcome.borrow_mut() = Some(line));
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "outcome" => value.clone_into(&mut self.outcome),
            "reason" => self.reason = Some(value.to_owned()),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            Some(reason) => write!(f, "{} {reason}", self.outcome),
            None => f.write_str(&self.outcome),
        }
    }
}
