//! Parses payment intents: one per payment, over all its attempts.

use ledger::PaymentState;

use super::fields::money;
use super::{Leads, Report, Snapshot};
use webhook::ParseError;

pub(super) fn succeeded(intent: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let money = money(&intent.object, "amount_received")?;
    Ok((intent.leads([intent.id.clone()])?, Report::Payment { by: intent.id.clone(), money }))
}

pub(super) fn unpaid(intent: &Snapshot<'_>, state: PaymentState) -> Result<(Leads, Report), ParseError> {
    Ok((intent.leads([intent.id.clone()])?, Report::Unpaid(state)))
}
