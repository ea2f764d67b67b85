//! The local scheduler, in place of EventBridge Scheduler: calls each scheduled function of the template at its rate.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, join_all};

/// Takes a schedule's input and returns the report of the run, or its error.
pub(crate) type Work = Arc<dyn Fn(String) -> BoxFuture<'static, Result<String, String>> + Send + Sync>;

/// A function with its rate and its input.
pub(crate) struct ScheduledFunction {
    pub(crate) name: String,
    pub(crate) every: Duration,
    pub(crate) input: String,
    pub(crate) work: Work,
}

/// Runs as long as the stack. Each function runs at once first, for the work that came due while the stack was down.
pub(crate) async fn tick(scheduled: &[ScheduledFunction]) {
    join_all(scheduled.iter().map(ScheduledFunction::repeat)).await;
}

impl ScheduledFunction {
    async fn repeat(&self) {
        let mut interval = tokio::time::interval(self.every);
        // After a run that takes longer than its rate, the next one does not start early.
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            interval.tick().await;
            match (self.work)(self.input.clone()).await {
                Ok(report) => {
                    tracing::info!(target: "hookledger::detail", function = self.name, input = self.input, report, "ran");
                }
                Err(error) => tracing::warn!(function = self.name, input = self.input, error, "failed"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_is_called_at_its_rate_after_a_failure_too() {
        let calls = Arc::new(Mutex::new(Vec::new()));
        let scheduled = [("a", 60, true), ("b", 90, false)].map(|(name, seconds, succeeds)| {
            let calls = Arc::clone(&calls);
            let work: Work = Arc::new(move |input| {
                calls.lock().expect("a lock").push(input);
                Box::pin(async move { if succeeds { Ok(String::new()) } else { Err("broken".to_owned()) } })
            });
            let every = Duration::from_secs(seconds);
            ScheduledFunction { name: name.to_owned(), every, input: name.to_owned(), work }
        });
        let _ = tokio::time::timeout(Duration::from_secs(181), tick(&scheduled)).await;
        // At 0, 60, 90, 120 and 180 seconds.
        assert_eq!(calls.lock().expect("a lock").join(""), "ababaab");
    }
}
