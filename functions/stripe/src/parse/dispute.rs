//! Disputes: a buyer's bank asks, takes the money back, and decides who keeps it.

use ledger::DisputeStage;

use super::{Leads, Report, Snapshot};
use webhook::ParseError;

const STATUSES: [(&str, Status); 10] = [
    ("warning_needs_response", Status::Stage(DisputeStage::Inquiry)),
    ("warning_under_review", Status::Stage(DisputeStage::Inquiry)),
    ("warning_closed", Status::Stage(DisputeStage::Inquiry)),
    ("needs_response", Status::Stage(DisputeStage::Open)),
    ("under_review", Status::Stage(DisputeStage::Open)),
    // The other bank did not accept the answer or the decision: the money is away, and a new deadline runs.
    ("appeal_needs_response", Status::Stage(DisputeStage::Appealed)),
    ("appeal_under_review", Status::Stage(DisputeStage::Appealed)),
    ("won", Status::Stage(DisputeStage::Won)),
    ("lost", Status::Stage(DisputeStage::Lost)),
    ("prevented", Status::Prevented),
];

#[derive(Debug, Clone, Copy)]
enum Status {
    Stage(DisputeStage),
    /// Ended before it became a dispute: blocked, or resolved by giving the money back.
    Prevented,
}

/// The status says where it stands, but for one that was prevented. A status that is new here is refused and kept, as all such
/// words are: to guess would freeze or free a buyer's credits for good.
pub(super) fn read(dispute: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let stage = match dispute.object.required("status")?.one_of(&STATUSES)? {
        Status::Stage(stage) => stage,
        Status::Prevented => prevented(dispute)?,
    };
    let money = dispute.object.money("amount")?;
    Ok((dispute.leads_of_payment()?, Report::Dispute { id: dispute.id.id().to_owned(), stage, money }))
}

/// Its balance transactions say what has become of the money: none has moved, it was withdrawn, or it was withdrawn and has come back.
fn prevented(dispute: &Snapshot<'_>) -> Result<DisputeStage, ParseError> {
    Ok(match dispute.object.length("balance_transactions")? {
        0 => DisputeStage::Inquiry,
        1 => DisputeStage::Lost,
        _ => DisputeStage::Won,
    })
}
