//! What is left undone, gone through by the clock: events that could not be booked when they came, orders whose payment nobody has
//! told us of, paid ones whose delivery has stopped, and books that might not agree with themselves.
//!
//! Every run is bounded in time and in what it looks at, goes on where the last one stopped, and may overlap with another: all that
//! it does goes through the same commit as a delivery does.

mod assemble;
mod audit_sweep;
mod auditor;
mod end_findings;
mod fulfilment;
mod invoices;
mod lanes;
mod missing_credentials;
mod pass_over;
mod proof;
mod query_provider;
mod refused;
mod repair;
mod requery;
mod retired;
mod stripe_backfill;
mod turns;
mod unpaid;
mod unproven;

use std::collections::BTreeSet;
use std::time::Duration;

use edge::{Invocation, WorkError, Worker};
use epay::Epay;
use fireblocks::Fireblocks;
use fulfil::Fulfil;
use ledger::{Audit, Backlog, Sweep};
use serde::{Deserialize, Serialize};
use stripe::Stripe;
use thiserror::Error;
use usage::Usage;
use wechat::Wechat;

pub use assemble::{RETIRED_SECRET, assemble};
pub use audit_sweep::{INDEX_LAG_MAX, audit, verify};
pub use auditor::AuditReport;
pub use end_findings::{Comparison, RepairedRows};
pub use fulfilment::Delivered;
pub use missing_credentials::{Assemble, Assembled};
pub use proof::{LiveKeys, NoJwksCache, PublishedKeys, ReplayKeys};
pub use query_provider::StripeApi;
pub use refused::ReplayReport;
pub use repair::{AccountRepair, OrderRepair, REPAIR_SOURCE, RepairFailure, Repairs, Signature};
pub use retired::RetiredKeys;
pub use stripe_backfill::BackfillReport;
pub use unpaid::Asked;

/// The name that it goes by in the journal, the log and the metrics.
const SOURCE: &str = "reconcile";
/// A genuine delivery that stands under another event's name.
const OTHER_RECEIPT: &str = "other_receipt";

/// The books; each source as it reads and decides, and the keys that verify again what is tried again; and who can be asked.
#[derive(Debug)]
pub struct Reconcile<L> {
    pub ledger: L,
    pub usage: Usage,
    pub stripe: Stripe,
    /// Where something is sold through them.
    pub wechat: Option<Wechat>,
    pub epay: Option<Epay>,
    /// Where tokens are sent on chain.
    pub fireblocks: Option<Fireblocks>,
    pub stripe_api: Option<StripeApi>,
    /// What the stream does with a paid order, over the same books.
    pub fulfil: Fulfil<L>,
    pub keys: ReplayKeys,
    /// Of those that are configured, whose key could not be had.
    pub missing_credentials: BTreeSet<&'static str>,
}

/// What a schedule sends.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Task {
    sweep: String,
}

/// What a run has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Report {
    Refused(ReplayReport),
    StripeBackfill(BackfillReport),
    Unpaid(Asked),
    Unfulfilled(Delivered),
    PendingExternal(Delivered),
    Audit(AuditReport),
}

impl<L: Backlog + Audit> Worker for Reconcile<L> {
    /// Below the minute after which the next run begins.
    const DONE_WITHIN: Duration = Duration::from_secs(50);
    type Report = Report;

    async fn work(&self, event: &str, invocation: &Invocation) -> Result<Report, WorkError> {
        let task: Task = serde_json::from_str(event).map_err(|_| UnknownTask)?;
        let sweep = Sweep::named(&task.sweep).ok_or(UnknownTask)?;
        // On the heap: each is large, and one of them runs.
        let report = match sweep {
            Sweep::Refused => Report::Refused(Box::pin(self.sweep_refused(invocation)).await?),
            Sweep::StripeBackfill => Report::StripeBackfill(Box::pin(self.backfill_stripe(invocation)).await?),
            Sweep::Unpaid => Report::Unpaid(Box::pin(self.sweep_unpaid(invocation)).await?),
            Sweep::Unfulfilled => Report::Unfulfilled(Box::pin(self.sweep_unfulfilled(invocation)).await?),
            Sweep::PendingExternal => Report::PendingExternal(Box::pin(self.sweep_pending_external(invocation)).await?),
            Sweep::Audit => Report::Audit(Box::pin(self.sweep_audit(invocation)).await?),
        };
        edge::ran(sweep.as_str());
        Ok(report)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the schedule must ask for a sweep that is known: {{\"sweep\":\"refused\"}}")]
struct UnknownTask;

#[cfg(test)]
mod tests;
