//! Follows the streams of orders and journal: the audit compares each order that was written, by code or by hand, and each
//! order to which a written pointer leads or led. From the journal it gets only processed rows that were altered or removed,
//! as no code but a repair does. So it sees an order that no line of an account names, and the payment of that order.

use std::collections::{BTreeMap, BTreeSet};

use edge::Invocation;
use ledger::{Audit, CommitError, OrderNumber, Subject};
use serde_json::Value;

use crate::Reconcile;
use crate::auditor::{AuditReport, Auditor, RunState};

/// The places of an order's number in a record: a row before the write, the row after it, and the order's own key. With
/// whether the record leads to the order, which then must exist.
const NUMBERS: [(&str, bool); 3] =
    [("/dynamodb/OldImage/order/S", false), ("/dynamodb/NewImage/order/S", true), ("/dynamodb/Keys/id/S", true)];
/// The places of an account. Only a journal row that moves an amount has one.
const ACCOUNTS: [&str; 2] = ["/dynamodb/OldImage/account/S", "/dynamodb/NewImage/account/S"];
/// Attempts: a run of the sweep may save its progress meanwhile.
const ROUNDS_MAX: u32 = 8;

/// What a batch of records names.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// With whether a record leads to the order.
    orders: BTreeMap<OrderNumber, bool>,
    /// The journal rows that move an amount, or did.
    lines: BTreeSet<String>,
    accounts: BTreeSet<String>,
}

impl Changes {
    /// `None` if the event is no batch.
    pub(crate) fn read(event: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(event).ok()?;
        let mut changes = Self::default();
        for record in event.get("Records")?.as_array()? {
            changes.add(record);
        }
        Some(changes)
    }

    fn add(&mut self, record: &Value) {
        let text = |place: &str| record.pointer(place).and_then(Value::as_str);
        for (place, leads) in NUMBERS {
            if let Some(number) = text(place).and_then(|number| OrderNumber::new(number).ok()) {
                *self.orders.entry(number).or_default() |= leads;
            }
        }
        for account in ACCOUNTS.into_iter().filter_map(text) {
            self.accounts.insert(account.to_owned());
            self.lines.extend(text("/dynamodb/Keys/id/S").map(str::to_owned));
        }
    }
}

impl<L: Audit> Reconcile<L> {
    /// Writes only findings that begin or end. After an error, the stream delivers the batch again.
    pub(crate) async fn follow_changes(&self, changes: &Changes, run: &Invocation) -> Result<AuditReport, CommitError> {
        for _ in 0..ROUNDS_MAX {
            let read = self.ledger.check(&run.context()).await?;
            let mut auditor = Auditor::new(&self.ledger, run, read.clone());
            auditor.compare_changes(changes).await?;
            if auditor.check == read || auditor.save().await? {
                return Ok(auditor.report);
            }
        }
        Err(CommitError::Stale)
    }
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
