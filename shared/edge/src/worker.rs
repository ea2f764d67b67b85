//! Functions that a schedule or a stream invokes: no caller waits for a reply.

use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use lambda_http::lambda_runtime;
use lambda_http::{Error, LambdaEvent, service_fn};
use ledger::Deadline;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::Invocation;
use crate::log::chain;
use crate::run::remaining;
use crate::stdout::write_waiting;

/// The error of a failed run. AWS counts it in the function's `Errors` metric, which alarms watch.
pub type WorkError = Box<dyn std::error::Error + Send + Sync>;

/// A function without a waiting caller, as the runtime sees it.
pub trait Worker: Send + Sync {
    /// The time limit of one run, with a margin for work already begun.
    const DONE_WITHIN: Duration;
    /// The result of a run. A stream's event source mapping reads it, and so do people.
    type Report: Serialize + Send;

    fn work(
        &self,
        event: &str,
        invocation: &Invocation,
    ) -> impl Future<Output = Result<Self::Report, WorkError>> + Send;
}

/// Serves invocations for as long as the sandbox lives.
pub async fn run_worker<W: Worker>(worker: W) -> Result<(), Error> {
    let worker = &worker;
    let work = |event: LambdaEvent<Box<RawValue>>| -> BoxFuture<'_, Result<W::Report, WorkError>> {
        // Boxed, since the type of a worker's whole future slows compilation down.
        Box::pin(async move {
            let invocation = Invocation::now(remaining(event.context.deadline).min(W::DONE_WITHIN));
            let report = worker.work(event.payload.get(), &invocation).await;
            let report = report.inspect_err(|error| tracing::error!(error = %chain(error.as_ref()), "the run failed"));
            write_waiting();
            report
        })
    };
    lambda_runtime::run(service_fn(work)).await
}

impl Invocation {
    /// A copy for one part of a run, with a deadline this far from now, but no later than the run's.
    #[must_use]
    pub fn part(&self, patience: Duration) -> Self {
        let started = instant();
        Self { started, deadline: after(started, patience).min(self.deadline), ..self.clone() }
    }

    /// A copy with an earlier deadline, which reserves `rest` for the steps that follow.
    #[must_use]
    pub fn but_for(&self, rest: Duration) -> Self {
        let deadline = self.deadline.0.checked_sub(rest).map_or(self.deadline, Deadline);
        Self { deadline, ..self.clone() }
    }

    /// Whether less time than this is left.
    pub fn is_short_of(&self, patience: Duration) -> bool {
        self.deadline < after(instant(), patience)
    }
}

fn after(start: Instant, patience: Duration) -> Deadline {
    Deadline(start.checked_add(patience).unwrap_or(start))
}

/// The time of tokio's clock, which a test can pause.
#[expect(clippy::disallowed_methods, reason = "this is the edge: time enters here")]
fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}
