//! A pass over the accounts: each with its lines, and every order that a line names. The command line runs a whole pass at
//! once, and the schedule a part in each run. No pass repairs anything.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use edge::Invocation;
use ledger::{Audit, AuditProgress, CallerKey, CommitError, Difference, Members, Open, Subject};

use crate::auditor::{AuditReport, Auditor, LINES_COMPARED, RunState};
use crate::trial_balance::report_unbalanced;

/// The assumed maximum lag of an index.
pub const INDEX_LAG_MAX: Duration = Duration::from_secs(5);

/// A whole pass over the accounts now, and a second comparison of every difference; returns those found in both.
/// Read-only.
pub async fn audit<L: Audit>(ledger: &L, invocation: &Invocation) -> Result<(AuditReport, Vec<Open>), CommitError> {
    let mut auditor = Auditor::new(ledger, invocation, AuditProgress::default());
    auditor.check.begin(invocation.now);
    while auditor.check_page().await? == Some(RunState::Continues) {}
    let unlisted = u32::try_from(auditor.check.unlisted.len()).unwrap_or(u32::MAX);
    let report = AuditReport { unlisted, ..auditor.report };
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
    let mut auditor = Auditor::new(ledger, invocation, AuditProgress::default());
    if !lines.is_empty() && !index_lag.is_zero() {
        tokio::time::sleep(index_lag).await;
    }
    for (subject, lines) in lines {
        auditor.check_with_lines(&subject, &lines.into_iter().collect::<Vec<_>>()).await?;
    }
    Ok((auditor.check.open, auditor.report.unsettled_accounts))
}

/// Continues the day's pass, and compares the open findings again until they end. Saves its progress after each part.
pub async fn continue_pass<L: Audit>(
    ledger: &L,
    invocation: &Invocation,
    check: AuditProgress,
) -> Result<(AuditProgress, AuditReport), CommitError> {
    let mut auditor = Auditor::new(ledger, invocation, check);
    if !auditor.check.is_idle(invocation.now) {
        auditor.run_pass().await?;
    }
    Ok((auditor.check, auditor.report))
}

impl<L: Audit> Auditor<'_, L> {
    /// Compares a subject with these lines, which may belong to the order, or name keys that must be on the owner's list.
    pub(crate) async fn check_with_lines(&mut self, subject: &Subject, keys: &[&str]) -> Result<RunState, CommitError> {
        if let Subject::Account(account) = subject
            && let Some(owner) = Members::owner_of(account)
        {
            let keys = keys.iter().filter_map(|key| CallerKey::of_row(key)).collect();
            return self.compare_members(&owner, keys).await.map(|()| RunState::Continues);
        }
        let Subject::Order(number) = subject else {
            return self.check_subject(subject).await;
        };
        let mut lines = Vec::new();
        for keys in keys.chunks(LINES_COMPARED) {
            lines.extend(self.journal_lines(keys).await?);
        }
        lines.retain(|line| line.order.as_ref() == Some(number));
        self.compare(number, &lines, true).await.map(|()| RunState::Continues)
    }

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
        let Some(day) = self.closed.take() else {
            return self.ledger.save_audit_progress(&self.check, &self.call()).await;
        };
        let is_saved = self.ledger.close_day(&day, &self.check, &self.call()).await?;
        if is_saved {
            report_unbalanced(&day);
        }
        Ok(is_saved)
    }
}
