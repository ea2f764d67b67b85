//! Charges: the attempts of a payment intent, and what has been given back of them.

use ledger::{PaymentState, Reference};

use super::{Leads, Report, Snapshot};
use webhook::ParseError;

pub(super) fn succeeded(charge: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let (leads, by) = leads(charge)?;
    let paid = charge.object.required("paid")?.flag()?;
    // Authorized only: the money comes with the capture, of which the payment intent tells.
    let captured = charge.object.required("captured")?.flag()?;
    if !(paid && captured) {
        return Ok((leads, Report::Awaiting));
    }
    Ok((leads, Report::Payment { by, money: charge.object.money("amount_captured")? }))
}

pub(super) fn failed(charge: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    Ok((leads(charge)?.0, Report::Unpaid(PaymentState::Failed)))
}

pub(super) fn refunded(charge: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    Ok((leads(charge)?.0, Report::RefundSum(charge.object.money("amount_refunded")?)))
}

/// What leads to the order, and whom the payment is named after.
fn leads(charge: &Snapshot<'_>) -> Result<(Leads, Reference), ParseError> {
    let intent = charge.object.reference("payment_intent")?;
    let by = intent.clone().unwrap_or_else(|| charge.id.clone());
    Ok((charge.leads(intent.into_iter().chain([charge.id.clone()]))?, by))
}
