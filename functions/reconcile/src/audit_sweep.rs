//! The audit sweep: once a day it compares every account with its lines, and every order that a line names, a part in
//! each run. Each run compares open findings again until they end. It never repairs anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge::Invocation;
use ledger::{Audit, CommitError, Difference, Open, Subject};

use crate::auditor::{AuditReport, Auditor, RunState};
use crate::pass_over::report_passed_over;
use crate::{Backlog, Reconcile};

/// The row of the audit's progress.
pub(crate) const CHECK: &str = "check#audit";
/// The assumed maximum lag of an index.
pub const INDEX_LAG_MAX: Duration = Duration::from_secs(5);

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
        let mut auditor = Auditor::new(&self.ledger, run, check);
        if !auditor.check.is_idle(run.now) {
            auditor.run_pass().await?;
        }
        let Auditor { check, mut report, .. } = auditor;
        report.open = u32::try_from(check.open.len()).unwrap_or(u32::MAX);
        let (unsettled, since) = check.unsettled();
        let oldest_s = since.map_or(0, |since| run.now.seconds_apart(since));
        edge::backlog("unsettled", u64::try_from(unsettled).unwrap_or(u64::MAX), oldest_s);
        Ok(report)
    }
}

/// A whole pass over the accounts now, and a second comparison of every difference; returns those found in both.
/// Read-only.
pub async fn audit<L: Audit>(ledger: &L, invocation: &Invocation) -> Result<(AuditReport, Vec<Open>), CommitError> {
    let mut auditor = Auditor::new(ledger, invocation, ledger::AuditProgress::default());
    auditor.check.begin(invocation.now);
    while auditor.check_page().await? == Some(RunState::Continues) {}
    let report = auditor.report;
    let first: Vec<Difference> = auditor.check.open.into_iter().map(|open| open.difference).collect();
    let (open, unsettled_accounts) = verify(ledger, invocation, &first, INDEX_LAG_MAX).await?;
    Ok((AuditReport { unsettled_accounts, open: u32::try_from(open.len()).unwrap_or(u32::MAX), ..report }, open))
}

/// Compares only these places, after the lag of an index. Returns the differences, and the number of accounts and
/// orders that were written meanwhile.
pub async fn verify<L: Audit>(
    ledger: &L,
    invocation: &Invocation,
    first: &[Difference],
    index_lag: Duration,
) -> Result<(Vec<Open>, u32), CommitError> {
    let mut lines: BTreeMap<Subject, BTreeSet<&str>> = BTreeMap::new();
    for difference in first {
        lines.entry(difference.subject()).or_default().extend(difference.line.as_deref());
    }
    let mut auditor = Auditor::new(ledger, invocation, ledger::AuditProgress::default());
    if !lines.is_empty() && !index_lag.is_zero() {
        tokio::time::sleep(index_lag).await;
    }
    for (subject, lines) in lines {
        auditor.check_with_lines(&subject, &lines.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok((auditor.check.open, auditor.report.unsettled_accounts))
}

impl<L: Audit> Auditor<'_, L> {
    async fn run_pass(&mut self) -> Result<(), CommitError> {
        let read = self.check.clone();
        // A new pass counts the accounts itself.
        if !self.check.is_due(self.run.now) {
            self.report_missing_accounts();
        }
        let mut state = self.check_open().await?;
        let is_overtaken = self.check != read && !self.save().await?;
        if is_overtaken || state == RunState::OutOfTime {
            return Ok(());
        }
        if self.check.is_due(self.run.now) {
            self.check.begin(self.run.now);
        }
        while state == RunState::Continues && self.check.is_under_way() && !self.is_out_of_time() {
            state = self.check_page().await?.unwrap_or(RunState::Continues);
            self.report_missing_accounts();
            if !self.save().await? {
                break;
            }
        }
        Ok(())
    }

    /// Saves the progress after every part, so that a run that dies loses one part. `false`: another run has saved its
    /// own.
    pub(crate) async fn save(&mut self) -> Result<bool, CommitError> {
        self.check.version = self.check.version.saturating_add(1);
        self.ledger.save_audit_progress(&self.check, &self.call()).await
    }
}
