//! What could not be booked when it came: looked at again, on a schedule, until it is booked or nothing can cure it any more.
//!
//! Every run is bounded in time and in what it looks at, goes on where the last one stopped, and may overlap with another: all that
//! it does goes through the same commit as a delivery does.

mod refused;

use std::time::Duration;

use edge::{Moment, WorkError, Worker};
use ledger::Backlog;
use serde::Deserialize;
use stripe::Stripe;
use thiserror::Error;
use usage::Usage;

pub use refused::Report;

/// The books, and each source as it reads and decides. No keys: what is tried again was verified when it came.
#[derive(Debug)]
pub struct Reconcile<L> {
    pub ledger: L,
    pub usage: Usage,
    pub stripe: Stripe,
}

/// What a schedule asks for.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Task {
    sweep: Sweep,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Sweep {
    /// Events that were refused and may be cured by now.
    Refused,
}

impl<L: Backlog> Worker for Reconcile<L> {
    /// Below the minute after which the next run begins.
    const DONE_WITHIN: Duration = Duration::from_secs(50);
    type Report = Report;

    async fn work(&self, event: &str, moment: &Moment) -> Result<Report, WorkError> {
        let Task { sweep } = serde_json::from_str(event).map_err(|_| UnknownTask)?;
        match sweep {
            Sweep::Refused => self.sweep_refused(moment).await.map_err(Into::into),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the schedule asks for something else than {{\"sweep\":\"refused\"}}")]
struct UnknownTask;

#[cfg(test)]
mod tests;
