//! A function that nobody waits for: a schedule's, or a stream's.

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

/// What AWS is told of a run that failed. It counts as an error of the function, which is what alarms look at.
pub type WorkError = Box<dyn std::error::Error + Send + Sync>;

/// What a function is to the runtime that has no caller.
pub trait Worker: Send + Sync {
    /// How long one run may take, with room for what it has begun.
    const DONE_WITHIN: Duration;
    /// What comes of a run: AWS reads it where the caller is a stream, and people do.
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
        // Its type erased: what a worker awaits is more than a compiler likes to look through.
        Box::pin(async move {
            let invocation = Invocation::now(remaining(event.context.deadline).min(W::DONE_WITHIN));
            let report = worker.work(event.payload.get(), &invocation).await;
            report.inspect_err(|error| tracing::error!(error = %chain(error.as_ref()), "the run failed"))
        })
    };
    lambda_runtime::run(service_fn(work)).await
}

impl Invocation {
    /// For one of the many things that a run does: no longer than this from now, nor than the run.
    #[must_use]
    pub fn part(&self, patience: Duration) -> Self {
        let started = instant();
        Self { started, deadline: after(started, patience).min(self.deadline), ..self.clone() }
    }

    /// For what has to leave so much of the time to what follows it.
    #[must_use]
    pub fn but_for(&self, rest: Duration) -> Self {
        let deadline = self.deadline.0.checked_sub(rest).map_or(self.deadline, Deadline);
        Self { deadline, ..self.clone() }
    }

    /// Whether there is less time left than this.
    pub fn is_short_of(&self, patience: Duration) -> bool {
        self.deadline < after(instant(), patience)
    }
}

fn after(start: Instant, patience: Duration) -> Deadline {
    Deadline(start.checked_add(patience).unwrap_or(start))
}

/// By tokio's clock, which a test can stop.
#[expect(clippy::disallowed_methods, reason = "this is the edge: time enters here")]
fn instant() -> Instant {
    tokio::time::Instant::now().into_std()
}
