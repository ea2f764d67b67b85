//! Expiry of credits that no one spends. A debit of an account whose credits are past their date expires them first; the
//! others stay until this sweep.

use std::time::Duration;

use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use ledger::{AccountId, Backlog, CommitError};
use serde::Serialize;

use crate::Reconcile;
use crate::pass_over::report_passed_over;

/// Accounts in a run; the rest comes in the next ones.
const ACCOUNTS_MAX: u16 = 1_000;
const AT_ONCE: usize = 8;
/// Time to expire the credits of one account.
const ACCOUNT_WITHIN: Duration = Duration::from_secs(4);

/// The result of a run, in accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ExpiryReport {
    /// Some credits have expired.
    pub expired: u32,
    /// All was spent before, or another call was faster.
    pub spent: u32,
    pub failed: u32,
    pub untried: u32,
}

enum ItemOutcome {
    Expired,
    Spent,
    Failed,
    OutOfTime,
}

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn sweep_expiring(&self, run: &Invocation) -> Result<ExpiryReport, CommitError> {
        let due = self.ledger.accounts_expiring(run.now, ACCOUNTS_MAX, &run.context()).await?;
        let expired = stream::iter(due).map(|account| async move { self.expire(&account, run).await });
        let outcomes: Vec<ItemOutcome> = expired.buffer_unordered(AT_ONCE).collect().await;
        let mut report = ExpiryReport::default();
        for outcome in outcomes {
            let count = match outcome {
                ItemOutcome::Expired => &mut report.expired,
                ItemOutcome::Spent => &mut report.spent,
                ItemOutcome::Failed => &mut report.failed,
                ItemOutcome::OutOfTime => &mut report.untried,
            };
            *count = count.saturating_add(1);
        }
        Ok(report)
    }

    /// An account whose lots cannot be read is reported, and keeps no other waiting.
    async fn expire(&self, account: &AccountId, run: &Invocation) -> ItemOutcome {
        if run.is_short_of(ACCOUNT_WITHIN) {
            return ItemOutcome::OutOfTime;
        }
        let invocation = run.part(ACCOUNT_WITHIN);
        match self.ledger.expire(account, &invocation.context()).await {
            Ok(amount) if amount.is_zero() => ItemOutcome::Spent,
            Ok(_) => ItemOutcome::Expired,
            Err(error) => {
                let account = account.to_string();
                tracing::error!(error = %edge::chain(&error), row = account, "the credits of an account cannot expire");
                report_passed_over(&account, &invocation);
                ItemOutcome::Failed
            }
        }
    }
}
