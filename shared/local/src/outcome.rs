//! What became of a request: the local stack says it in a header beside the answer, for `send`. Providers read the status alone, so a
//! deployed stack says no more.

use std::cell::RefCell;
use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// `booked`, or `refused order_unknown`: the words of the log.
pub const HEADER: &str = "hookledger-outcome";

/// The target of the line that a function logs for each request.
const EVENT: &str = "hookledger::event";

tokio::task_local! {
    /// Of the request that this task answers.
    static OUTCOME: RefCell<Option<Line>>;
}

#[derive(Debug, Default)]
struct Line {
    outcome: String,
    reason: Option<String>,
}

/// The answer, and what the function has logged while it made it.
pub(crate) async fn with_outcome<T>(answer: impl Future<Output = T>) -> (T, Option<String>) {
    OUTCOME
        .scope(RefCell::default(), async {
            let answer = answer.await;
            (answer, OUTCOME.with(RefCell::take).map(|line| line.to_string()))
        })
        .await
}

/// The layer that sees the lines, whatever the log shows of them.
pub(crate) fn watch<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    Watch.with_filter(Targets::new().with_target(EVENT, Level::INFO))
}

struct Watch;

impl<S: Subscriber> Layer<S> for Watch {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        // Outside of a request nothing is kept: a sweep logs such lines too.
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
