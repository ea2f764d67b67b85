//! The comparison of rows that were written: of each order, and of each account and journal row that a person altered. So
//! the audit sees an order that no line of an account names, and the payment of that order.

use std::collections::{BTreeMap, BTreeSet};

use edge::Invocation;
use ledger::{Audit, CommitError, OrderNumber, Subject};

use crate::auditor::{AuditReport, Auditor, RunState};

/// Attempts: a run of the sweep may save its progress meanwhile.
const ROUNDS_MAX: u32 = 8;

/// The rows that were written.
#[derive(Debug, Default)]
pub struct Changes {
    /// With whether a row leads to the order, which then must exist.
    pub orders: BTreeMap<OrderNumber, bool>,
    /// The journal rows that move an amount, or did.
    pub lines: BTreeSet<String>,
    pub accounts: BTreeSet<String>,
}

/// Writes only findings that begin or end. Fails while there is no room for more, so that the stream keeps the batch.
pub async fn compare_changes<L: Audit>(
    ledger: &L,
    changes: &Changes,
    run: &Invocation,
) -> Result<AuditReport, CommitError> {
    for _ in 0..ROUNDS_MAX {
        let read = ledger.check(&run.context()).await?;
        if read.takes_no_batch() {
            return Err(CommitError::Unavailable(None));
        }
        let mut auditor = Auditor::new(ledger, run, read.clone());
        auditor.compare_changes(changes).await?;
        if auditor.check == read || auditor.save().await? {
            return Ok(auditor.report);
        }
    }
    Err(CommitError::Stale)
}

impl<L: Audit> Auditor<'_, L> {
    async fn compare_changes(&mut self, changes: &Changes) -> Result<(), CommitError> {
        for line in changes.lines.iter().cloned().map(Subject::Line) {
            self.require_time()?;
            self.check_subject(&line).await?;
        }
        for (order, is_led_to) in &changes.orders {
            self.require_time()?;
            self.compare(order, &[], *is_led_to).await?;
        }
        for account in changes.accounts.iter().cloned().map(Subject::Account) {
            // Only the sweep continues a statement in its next run. Without time for a whole one, the daily pass compares it.
            let counting = self.check.counting.take();
            let is_out_of_time = self.is_out_of_time() || self.check_subject(&account).await? == RunState::OutOfTime;
            self.check.counting = counting;
            if is_out_of_time {
                break;
            }
        }
        Ok(())
    }

    fn require_time(&mut self) -> Result<(), CommitError> {
        if self.is_out_of_time() { Err(CommitError::Unavailable(None)) } else { Ok(()) }
    }
}
