//! The audit sweep: once a day it compares every account with its lines, and every order that a line names, a part in
//! each run. Each run compares open findings again until they end. It never repairs anything.

use audit::AuditReport;
use edge::Invocation;
use ledger::{Audit, CommitError};

use crate::pass_over::report_passed_over;
use crate::{Backlog, Reconcile};

/// The row of the audit's progress.
pub(crate) const CHECK: &str = "check#audit";

impl<L: Backlog + Audit> Reconcile<L> {
    /// A run without work costs one read.
    pub(crate) async fn sweep_audit(&self, run: &Invocation) -> Result<AuditReport, CommitError> {
        let check = match self.ledger.check(&run.context()).await {
            Err(error @ CommitError::Refused(_)) => {
                let starts_over = match self.ledger.reset_audit_progress(&run.context()).await {
                    // Of a later release: the audit waits for a release that reads it.
                    Err(CommitError::Refused(_)) => false,
                    reset => reset.map(|()| true)?,
                };
                tracing::error!(error = %edge::chain(&error), starts_over, "the audit's progress cannot be read");
                report_passed_over(CHECK, run);
                return Ok(AuditReport::default());
            }
            check => check?,
        };
        let (check, mut report) = audit::continue_pass(&self.ledger, run, check).await?;
        report.unlisted = u32::try_from(check.unlisted.len()).unwrap_or(u32::MAX);
        report.open = u32::try_from(check.open.len()).unwrap_or(u32::MAX);
        let (unsettled, since) = check.unsettled();
        let oldest_s = since.map_or(0, |since| run.now.seconds_apart(since));
        edge::backlog("unsettled", u64::try_from(unsettled).unwrap_or(u64::MAX), oldest_s);
        Ok(report)
    }
}
