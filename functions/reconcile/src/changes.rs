//! Follows the stream of orders: the audit compares each order that was written, by code or by hand, and each order to
//! which a written pointer leads or led. So it sees an order that no line of an account names.

use std::collections::BTreeMap;

use edge::Invocation;
use ledger::{Audit, CommitError, OrderNumber};
use serde_json::Value;

use crate::Reconcile;
use crate::auditor::{AuditReport, Auditor};

/// The places of an order's number in a record: a pointer before the write, a pointer after it, and the order's own row.
/// With whether the record leads to the order, which then must exist.
const NUMBERS: [(&str, bool); 3] =
    [("/dynamodb/OldImage/order/S", false), ("/dynamodb/NewImage/order/S", true), ("/dynamodb/Keys/id/S", true)];
/// Attempts: a run of the sweep may save its progress meanwhile.
const ROUNDS_MAX: u32 = 8;

/// The orders that a batch of records names, with whether one leads to it; `None` if the event is no batch.
pub(crate) fn orders_of(event: &str) -> Option<BTreeMap<OrderNumber, bool>> {
    let event: Value = serde_json::from_str(event).ok()?;
    let mut orders = BTreeMap::new();
    for record in event.get("Records")?.as_array()? {
        for (place, leads) in NUMBERS {
            let number = record.pointer(place).and_then(|number| OrderNumber::new(number.as_str()?).ok());
            if let Some(number) = number {
                *orders.entry(number).or_default() |= leads;
            }
        }
    }
    Some(orders)
}

impl<L: Audit> Reconcile<L> {
    /// Writes only findings that begin or end. After an error, the stream delivers the batch again.
    pub(crate) async fn follow_changes(
        &self,
        orders: &BTreeMap<OrderNumber, bool>,
        run: &Invocation,
    ) -> Result<AuditReport, CommitError> {
        for _ in 0..ROUNDS_MAX {
            let read = self.ledger.check(&run.context()).await?;
            let mut auditor = Auditor::new(&self.ledger, run, read.clone());
            for (order, is_led_to) in orders {
                if auditor.is_out_of_time() {
                    return Err(CommitError::Unavailable(None));
                }
                auditor.compare(order, &[], *is_led_to).await?;
            }
            if auditor.check == read || auditor.save().await? {
                return Ok(auditor.report);
            }
        }
        Err(CommitError::Stale)
    }
}
