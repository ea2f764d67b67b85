//! The scheduled sweeps: replay of refused events, backfill of Stripe's undelivered events, the log of an LLM gateway,
//! reconciliation of unpaid orders, retry of fulfilment, expiry of credits, and the audit of the books, which also
//! follows the streams of orders and journal.
//!
//! Every run has limits on time and rows, continues where the last one stopped, and may overlap with another: it uses
//! the same commit as a delivery.
//!
//! ```
//! use std::time::Duration;
//!
//! use edge::{Invocation, Worker as _};
//! use fulfil::Fulfil;
//! use ledger::Sweep;
//! use reconcile::{Reconcile, ReplayKeys, ReplayReport, Report};
//! use testkit::{MemoryLedger, deadline, instant, mark, now};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let ledger = MemoryLedger::default();
//! let livemode = |name: &str| (name == "STRIPE_LIVEMODE").then(|| "false".to_owned());
//! let worker = Reconcile {
//!     ledger: ledger.clone(),
//!     usage: usage::Usage::default(),
//!     litellm: litellm::Litellm::default(),
//!     openrouter: openrouter::Openrouter::default(),
//!     stripe: stripe::Stripe { config: stripe::Config::read(livemode, "dev")? },
//!     wechat: None,
//!     epay: None,
//!     fireblocks: None,
//!     stripe_api: None,
//!     gateway: None,
//!     fulfil: Fulfil { ledger, operator: None, custodian: None },
//!     keys: ReplayKeys::default(),
//!     missing_credentials: [].into(),
//! };
//! let deadline = deadline(Duration::from_secs(50));
//! let invocation = Invocation { now: now(), started: instant(), deadline, attempt: mark(1) };
//!
//! // No event waits for a retry.
//! let report = worker.work(&Sweep::Refused.input(), &invocation).await?;
//! assert_eq!(report, Report::Refused(ReplayReport::default()));
//! # Ok(())
//! # }
//! ```

mod ask;
mod assemble;
mod audit_sweep;
mod changes;
mod expiring;
mod fulfilment;
mod gateway_log;
mod holds;
mod invoices;
mod lanes;
mod missing_credentials;
mod pass_over;
mod proof;
mod query_provider;
mod refused;
mod requery;
mod retired;
mod stripe_backfill;
mod turns;
mod unpaid;
mod unproven;

use std::collections::BTreeSet;
use std::time::Duration;

use audit::AuditReport;
use edge::{Invocation, WorkError, Worker};
use epay::Epay;
use fireblocks::Fireblocks;
use fulfil::Fulfil;
use ledger::{Audit, Backlog, Pausable, Pauses, Sweep, Writer};
use litellm::Litellm;
use openrouter::Openrouter;
use serde::{Deserialize, Serialize};
use stripe::Stripe;
use thiserror::Error;
use usage::Usage;
use wechat::Wechat;

pub use assemble::{ASKED_SECRETS, RETIRED_SECRET, assemble, assemble_once, assemble_to_ask};
pub use expiring::ExpiryReport;
pub use fulfilment::Delivered;
pub use gateway_log::{GatewayApi, PullReport};
pub use holds::HoldsReport;
pub use missing_credentials::{Assemble, Assembled};
pub use proof::{LiveKeys, NoJwksCache, PublishedKeys, ReplayKeys};
pub use query_provider::StripeApi;
pub use refused::ReplayReport;
pub use retired::RetiredKeys;
pub use stripe_backfill::BackfillReport;
pub use unpaid::UnpaidReport;

/// The function's name in the journal, the log and the metrics.
const SOURCE: &str = WRITER.as_str();
const WRITER: Writer = Writer::Reconcile;
/// A store that does not answer by then does not answer the sweep either.
const PAUSES_WITHIN: Duration = Duration::from_secs(2);
/// Reason: a genuine delivery is in another event's row.
const OTHER_RECEIPT: &str = "other_receipt";

/// The ledger; each source with its parser and decision; the keys that verify replays; and the providers' clients.
#[derive(Debug)]
pub struct Reconcile<L> {
    pub ledger: L,
    pub usage: Usage,
    pub litellm: Litellm,
    pub openrouter: Openrouter,
    pub stripe: Stripe,
    /// `None` if the deployment does not configure it.
    pub wechat: Option<Wechat>,
    pub epay: Option<Epay>,
    /// `None` if no tokens are sent on chain.
    pub fireblocks: Option<Fireblocks>,
    pub stripe_api: Option<StripeApi>,
    /// `None` if no gateway's log is read.
    pub gateway: Option<GatewayApi>,
    /// Fulfilment, as the stream runs it, over the same ledger.
    pub fulfil: Fulfil<L>,
    pub keys: ReplayKeys,
    /// The configured providers without a usable key.
    pub missing_credentials: BTreeSet<&'static str>,
}

/// The input of a schedule.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Task {
    sweep: String,
}

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    Refused(ReplayReport),
    StripeBackfill(BackfillReport),
    GatewayLog(PullReport),
    Unpaid(UnpaidReport),
    Unfulfilled(Delivered),
    PendingExternal(Delivered),
    Expiring(ExpiryReport),
    Holds(HoldsReport),
    Audit(AuditReport),
    /// The audit of the rows in a batch of a stream.
    Changes(AuditReport),
    /// The sweep, or all that it books, is paused.
    Paused,
}

impl<L: Backlog + Audit> Worker for Reconcile<L> {
    /// Less than the minute after which the next run begins.
    const DONE_WITHIN: Duration = Duration::from_secs(50);
    type Report = Report;

    async fn work(&self, event: &str, invocation: &Invocation) -> Result<Report, WorkError> {
        let Ok(task) = serde_json::from_str::<Task>(event) else {
            let changes = changes::changes_of(event).ok_or(UnknownTask)?;
            // After an error, the stream delivers the batch again.
            let compared = Box::pin(audit::compare_changes(&self.ledger, &changes, invocation)).await?;
            return Ok(Report::Changes(compared));
        };
        let sweep = Sweep::named(&task.sweep).ok_or(UnknownTask)?;
        let pauses = &self.paused(sweep, invocation).await;
        // On the heap, since each future is large and only one of them runs.
        let report = match sweep {
            sweep if pauses.stops(sweep) => Report::Paused,
            Sweep::Refused => Report::Refused(Box::pin(self.sweep_refused(invocation, pauses)).await?),
            Sweep::StripeBackfill => Report::StripeBackfill(Box::pin(self.backfill_stripe(invocation)).await?),
            Sweep::GatewayLog => Report::GatewayLog(Box::pin(self.pull_gateway_log(invocation)).await?),
            Sweep::Unpaid => Report::Unpaid(Box::pin(self.sweep_unpaid(invocation, pauses)).await?),
            Sweep::Unfulfilled => Report::Unfulfilled(Box::pin(self.sweep_unfulfilled(invocation)).await?),
            Sweep::PendingExternal => Report::PendingExternal(Box::pin(self.sweep_pending_external(invocation)).await?),
            Sweep::Expiring => Report::Expiring(Box::pin(self.sweep_expiring(invocation)).await?),
            Sweep::Holds => Report::Holds(Box::pin(self.sweep_holds(invocation)).await?),
            Sweep::Audit => Report::Audit(Box::pin(self.sweep_audit(invocation)).await?),
        };
        edge::ran(sweep.as_str());
        Ok(report)
    }
}

impl<L: Backlog> Reconcile<L> {
    /// What is paused, and a line for all of it by the sweep that runs most often: the alarm lasts as long as the pause. A
    /// row that cannot be read, and never was, stops no sweep.
    async fn paused(&self, sweep: Sweep, invocation: &Invocation) -> Pauses {
        let read = self.ledger.pauses(&invocation.part(PAUSES_WITHIN).context()).await;
        let pauses = read.unwrap_or_else(|error| {
            tracing::warn!(error = %edge::chain(&error), "what is paused could not be read");
            Pauses::default()
        });
        let is_reported = |what: &Pausable| sweep == Sweep::Refused || *what == Pausable::Sweep(sweep);
        let found = Pausable::all().filter(|what| pauses.has(*what));
        found.filter(is_reported).for_each(|what| edge::paused(what.as_str()));
        pauses
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the event must be a batch of a stream, or name a known sweep: {{\"sweep\":\"refused\"}}")]
struct UnknownTask;

#[cfg(test)]
mod tests;
