//! Parses refunds. Each has its own id, and succeeds or fails on its own, sometimes days later.

use ledger::RefundState;

use super::fields::{money, one_of};
use super::{Leads, Report, Snapshot};
use webhook::ParseError;

const STATUSES: [(&str, RefundState); 5] = [
    ("pending", RefundState::Pending),
    // The buyer has to choose where the money goes.
    ("requires_action", RefundState::Pending),
    ("succeeded", RefundState::Succeeded),
    ("failed", RefundState::Failed),
    ("canceled", RefundState::Failed),
];

pub(super) fn read(refund: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let status = refund.object.field("status")?;
    let state = status.map_or(Ok(RefundState::Pending), |status| one_of(&status, &STATUSES))?;
    let report = Report::Refund { id: refund.id.id().to_owned(), money: money(&refund.object, "amount")?, state };
    Ok((refund.leads_of_payment()?, report))
}
