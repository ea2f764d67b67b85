//! The trial balance, which a pass over the accounts adds up.

use edge::Invocation;
use ledger::{
    AccountSides, AssetBalance, Audit, AuditProgress, CommitError, LineTotals, StoredAccount, Timestamp, TrialBalance,
};

use crate::auditor::{Auditor, RunState};

/// The trial balance of all lines before this time, from a whole pass over the accounts now. Read-only.
pub async fn trial_balance<L: Audit>(
    ledger: &L,
    invocation: &Invocation,
    until: Timestamp,
) -> Result<TrialBalance, CommitError> {
    let mut auditor = Auditor::new(ledger, invocation, AuditProgress::default());
    auditor.check.begin(invocation.now);
    auditor.check.day = Some(TrialBalance::of(until));
    while auditor.check_page().await? == Some(RunState::Continues) {}
    auditor.closed.ok_or(CommitError::Unavailable(None))
}

impl<L: Audit> Auditor<'_, L> {
    /// Adds an account whose lines are all counted, with its row as it was read last.
    pub(crate) fn add_to_day(
        &mut self,
        account: &str,
        sides: Option<&AccountSides>,
        held: Option<&StoredAccount>,
        counted: &LineTotals,
    ) {
        if let (Some(day), Some(sides)) = (self.check.day.as_mut(), sides) {
            let held = held.filter(|held| held.version == counted.lines);
            day.add(account, sides, held.map(|held| held.balance));
        }
    }
}

/// Each cause is a finding of its own, with its alarm: a balance that differs from its lines, or a transfer without its
/// other side.
pub(crate) fn report_unbalanced(day: &TrialBalance) {
    for (asset, totals) in day.unbalanced() {
        let AssetBalance { customers, unsettled, .. } = totals;
        tracing::error!(
            day = day.day(), asset, customers = %customers.units(), sum = %totals.sum().units(), unsettled,
            "the trial balance does not add up to nothing"
        );
    }
}
