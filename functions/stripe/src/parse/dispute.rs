//! Parses disputes (chargebacks): inquiry, opening, withdrawal, appeal and outcome.

use ledger::DisputeStage;

use super::fields::{length, money, one_of};
use super::{Leads, Report, Snapshot};
use webhook::ParseError;

const STATUSES: [(&str, Status); 10] = [
    ("warning_needs_response", Status::Stage(DisputeStage::Inquiry)),
    ("warning_under_review", Status::Stage(DisputeStage::Inquiry)),
    ("warning_closed", Status::Stage(DisputeStage::Inquiry)),
    ("needs_response", Status::Stage(DisputeStage::Open)),
    ("under_review", Status::Stage(DisputeStage::Open)),
    // The other bank contests the outcome: the money is withdrawn, and a new deadline runs.
    ("appeal_needs_response", Status::Stage(DisputeStage::Appealed)),
    ("appeal_under_review", Status::Stage(DisputeStage::Appealed)),
    ("won", Status::Stage(DisputeStage::Won)),
    ("lost", Status::Stage(DisputeStage::Lost)),
    ("prevented", Status::Prevented),
];

#[derive(Debug, Clone, Copy)]
enum Status {
    Stage(DisputeStage),
    /// Ended before it became a dispute: blocked, or resolved by a refund.
    Prevented,
}

/// The status gives the stage, except for `prevented`. An unknown status is refused and kept: a guess could freeze or
/// release a buyer's credits for good.
pub(super) fn read(dispute: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let stage = match one_of(&dispute.object.required("status")?, &STATUSES)? {
        Status::Stage(stage) => stage,
        Status::Prevented => prevented(dispute)?,
    };
    let money = money(&dispute.object, "amount")?;
    Ok((dispute.leads_of_payment()?, Report::Dispute { id: dispute.id.id().to_owned(), stage, money }))
}

/// The number of balance transactions shows the money's state: never moved, withdrawn, or withdrawn and reinstated.
fn prevented(dispute: &Snapshot<'_>) -> Result<DisputeStage, ParseError> {
    Ok(match length(&dispute.object, "balance_transactions")? {
        0 => DisputeStage::Inquiry,
        1 => DisputeStage::Lost,
        _ => DisputeStage::Won,
    })
}
