//! Whether nothing was lost and nothing came from nowhere: once a day every account is compared with its lines and every order with
//! its own, a part of them in each run. What differs is looked at again in every run until it is gone; nothing is ever put right.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge::Invocation;
use ledger::{Audit, CommitError, Difference, Open, Subject};

use crate::auditor::{AuditReport, Auditor, Went};
use crate::pass_over::report_passed_over;
use crate::{Backlog, Reconcile};

/// The row that the sweep goes on from.
const CHECK: &str = "check#audit";
/// An index has caught up by then.
pub const INDEX_LAG_MAX: Duration = Duration::from_secs(5);

impl<L: Backlog + Audit> Reconcile<L> {
    /// A run with nothing to do is one read.
    pub(crate) async fn sweep_audit(&self, run: &Invocation) -> Result<AuditReport, CommitError> {
        let check = match self.ledger.check(&run.context()).await {
            Err(error @ CommitError::Refused(_)) => {
                tracing::error!(error = %edge::chain(&error), "the check cannot be read, and begins anew");
                self.ledger.reset_audit_progress(&run.context()).await?;
                report_passed_over(CHECK, run);
                return Ok(AuditReport::default());
            }
            check => check?,
        };
        let mut auditor = Auditor::new(&self.ledger, run, check);
        if !auditor.check.is_idle(run.now) {
            auditor.run_to_the_end().await?;
        }
        let Auditor { check, mut told, .. } = auditor;
        told.open = u32::try_from(check.open.len()).unwrap_or(u32::MAX);
        let (unsettled, since) = check.unsettled();
        let oldest_s = since.map_or(0, |since| run.now.seconds_apart(since));
        edge::backlog("unsettled", u64::try_from(unsettled).unwrap_or(u64::MAX), oldest_s);
        Ok(told)
    }
}

/// A whole pass over the accounts now, and a second look at what differs: what is returned is there in both. Nothing is written.
pub async fn audit<L: Audit>(ledger: &L, invocation: &Invocation) -> Result<(AuditReport, Vec<Open>), CommitError> {
    let mut auditor = Auditor::new(ledger, invocation, ledger::AuditProgress::default());
    auditor.check.begin(invocation.now);
    while auditor.go_on().await? == Some(Went::On) {}
    let told = auditor.told;
    let first: Vec<Difference> = auditor.check.open.into_iter().map(|open| open.difference).collect();
    let (open, unsettled_accounts) = verify(ledger, invocation, &first, INDEX_LAG_MAX).await?;
    Ok((AuditReport { unsettled_accounts, open: u32::try_from(open.len()).unwrap_or(u32::MAX), ..told }, open))
}

/// Looks at each of these places alone, once an index that may lag has caught up. Returns what differs, and how many accounts and
/// orders are written meanwhile.
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
    let mut auditor = Auditor { is_whole: true, ..Auditor::new(ledger, invocation, ledger::AuditProgress::default()) };
    if !lines.is_empty() && !index_lag.is_zero() {
        tokio::time::sleep(index_lag).await;
    }
    for (subject, lines) in lines {
        auditor.look_at_lines(&subject, &lines.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok((auditor.check.open, auditor.told.unsettled_accounts))
}

impl<L: Audit> Auditor<'_, L> {
    async fn run_to_the_end(&mut self) -> Result<(), CommitError> {
        let read = self.check.clone();
        // A pass that begins now knows better.
        if !self.check.is_due(self.run.now) {
            self.look_for_accounts();
        }
        let mut went = self.look_again().await?;
        let is_overtaken = self.check != read && !self.keep().await?;
        if is_overtaken || went == Went::OutOfTime {
            return Ok(());
        }
        if self.check.is_due(self.run.now) {
            self.check.begin(self.run.now);
        }
        while went == Went::On && self.check.is_under_way() && !self.is_out_of_time() {
            went = self.go_on().await?.unwrap_or(Went::On);
            self.look_for_accounts();
            if !self.keep().await? {
                break;
            }
        }
        Ok(())
    }

    /// After every part, so that a run that dies has lost no more than one. `false`: another run is at it, and has seen the same.
    async fn keep(&mut self) -> Result<bool, CommitError> {
        self.check.version = self.check.version.saturating_add(1);
        self.ledger.save_audit_progress(&self.check, &self.call()).await
    }
}
