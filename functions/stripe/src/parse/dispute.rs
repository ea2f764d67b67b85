//! Disputes: a buyer's bank asks, takes the money back, and decides who keeps it.

use ledger::DisputeStage;

use super::{Leads, Report, Snapshot};
use webhook::ParseError;

const STATUSES: [(&str, DisputeStage); 8] = [
    ("warning_needs_response", DisputeStage::Inquiry),
    ("warning_under_review", DisputeStage::Inquiry),
    ("warning_closed", DisputeStage::Inquiry),
    // Stopped before it became one.
    ("prevented", DisputeStage::Inquiry),
    ("needs_response", DisputeStage::Open),
    ("under_review", DisputeStage::Open),
    ("won", DisputeStage::Won),
    ("lost", DisputeStage::Lost),
];

/// The status says it all: when money was withdrawn or came back is told beside it.
pub(super) fn read(dispute: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let stage = dispute.object.required("status")?.one_of(&STATUSES)?;
    Ok((dispute.leads_of_payment()?, Report::Dispute { id: dispute.id.id().to_owned(), stage }))
}
