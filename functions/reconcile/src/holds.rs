//! Closes holds whose time is over: what each of them was opened to do then is done once, by this sweep or by a
//! settlement that is faster.

use std::collections::BTreeSet;
use std::time::Duration;

use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use ledger::{Backlog, CommitError, FoundHolds, Hold, HoldClosing, HoldState, Holds, Sweep};
use serde::Serialize;

use crate::Reconcile;
use crate::pass_over::report_passed_over;

/// Holds that are listed at once. A run lists more until none is due or its time is over.
const HOLDS_MAX: u16 = 2_000;
const AT_ONCE: usize = 16;
/// Time to close one hold.
const HOLD_WITHIN: Duration = Duration::from_secs(4);

/// The result of a run, in holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct HoldsReport {
    /// Closed without a charge.
    pub released: u32,
    /// Charged with what they were opened to charge.
    pub charged: u32,
    /// A settlement or a release was faster.
    pub closed_before: u32,
    pub failed: u32,
    pub untried: u32,
}

enum ItemOutcome {
    Released,
    Charged,
    ClosedBefore,
    Failed,
    OutOfTime,
}

impl<L: Backlog + Holds> Reconcile<L> {
    pub(crate) async fn sweep_holds(&self, run: &Invocation) -> Result<HoldsReport, CommitError> {
        let (mut report, mut listed, mut oldest_s) = (HoldsReport::default(), BTreeSet::new(), 0);
        loop {
            let mut due = self.ledger.holds_due(run.now, HOLDS_MAX, &run.context()).await?;
            // Those that could not be closed are listed again.
            due.holds.retain(|hold| listed.insert(hold.id.to_string()));
            due.unreadable.retain(|id| listed.insert(id.clone()));
            let (is_any, has_more) = (!due.holds.is_empty() || !due.unreadable.is_empty(), due.has_more);
            oldest_s = self.close_all(due, run, &mut report).await.max(oldest_s);
            if !is_any || !has_more || report.untried > 0 {
                break;
            }
        }
        edge::expired_holds(report.released, report.charged);
        edge::backlog(Sweep::Holds.as_str(), u64::from(report.failed.saturating_add(report.untried)), oldest_s);
        Ok(report)
    }

    /// Returns for how long the oldest of those that are still open has been due.
    async fn close_all(&self, due: FoundHolds, run: &Invocation, report: &mut HoldsReport) -> u64 {
        for id in &due.unreadable {
            tracing::error!(row = id, "a hold cannot be read");
            report_passed_over(id, run);
            report.failed = report.failed.saturating_add(1);
        }
        let closed = stream::iter(due.holds).map(|hold| async move {
            let outcome = self.close_overdue(&hold, run).await;
            (outcome, run.now.seconds_apart(hold.expires_at))
        });
        let outcomes: Vec<(ItemOutcome, u64)> = closed.buffer_unordered(AT_ONCE).collect().await;
        let mut oldest_s = 0;
        for (outcome, overdue_s) in outcomes {
            let (count, is_open) = match outcome {
                ItemOutcome::Released => (&mut report.released, false),
                ItemOutcome::Charged => (&mut report.charged, false),
                ItemOutcome::ClosedBefore => (&mut report.closed_before, false),
                ItemOutcome::Failed => (&mut report.failed, true),
                ItemOutcome::OutOfTime => (&mut report.untried, true),
            };
            *count = count.saturating_add(1);
            oldest_s = if is_open { overdue_s.max(oldest_s) } else { oldest_s };
        }
        oldest_s
    }

    /// A hold that cannot be closed is reported, and keeps no other waiting.
    async fn close_overdue(&self, hold: &Hold, run: &Invocation) -> ItemOutcome {
        if run.is_short_of(HOLD_WITHIN) {
            return ItemOutcome::OutOfTime;
        }
        let invocation = run.part(HOLD_WITHIN);
        match self.ledger.close_hold(hold, &HoldClosing::Expire, &invocation.context()).await {
            Ok(closed) => match closed.state {
                HoldState::Expired { charged: Some(_), .. } => ItemOutcome::Charged,
                HoldState::Expired { charged: None, .. } => ItemOutcome::Released,
                HoldState::Open | HoldState::Settled { .. } | HoldState::Released { .. } => ItemOutcome::ClosedBefore,
            },
            Err(error) => {
                let id = hold.id.as_str();
                tracing::error!(error = %edge::chain(&error), row = id, "a hold cannot be closed");
                report_passed_over(id, &invocation);
                ItemOutcome::Failed
            }
        }
    }
}
