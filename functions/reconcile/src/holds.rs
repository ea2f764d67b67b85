//! Closes holds whose time is over: what each of them was opened to do then is done once, by this sweep or by a
//! settlement that is faster.

use std::time::Duration;

use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use ledger::{Backlog, CommitError, Hold, HoldClosing, HoldState, Holds};
use serde::Serialize;

use crate::Reconcile;
use crate::pass_over::report_passed_over;

/// Holds in a run; the rest comes in the next ones.
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
        let due = self.ledger.holds_due(run.now, HOLDS_MAX, &run.context()).await?;
        let mut report = HoldsReport::default();
        for id in &due.unreadable {
            tracing::error!(row = id, "a hold cannot be read");
            report_passed_over(id, run);
            report.failed = report.failed.saturating_add(1);
        }
        let closed = stream::iter(due.holds).map(|hold| async move { self.close_overdue(&hold, run).await });
        let outcomes: Vec<ItemOutcome> = closed.buffer_unordered(AT_ONCE).collect().await;
        for outcome in outcomes {
            let count = match outcome {
                ItemOutcome::Released => &mut report.released,
                ItemOutcome::Charged => &mut report.charged,
                ItemOutcome::ClosedBefore => &mut report.closed_before,
                ItemOutcome::Failed => &mut report.failed,
                ItemOutcome::OutOfTime => &mut report.untried,
            };
            *count = count.saturating_add(1);
        }
        Ok(report)
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
