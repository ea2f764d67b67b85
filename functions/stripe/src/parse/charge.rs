//! Parses charges: the attempts of a payment intent, and their refunded totals.

use ledger::{PaymentState, Reference};

use super::fields::{money, optional_id};
use super::{Leads, Report, Snapshot};
use webhook::ParseError;

pub(super) fn succeeded(charge: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let (leads, by) = leads(charge)?;
    let paid = charge.object.required("paid")?.flag()?;
    // Only authorized: the capture brings the money, and the payment intent's event reports it.
    let captured = charge.object.required("captured")?.flag()?;
    if !(paid && captured) {
        return Ok((leads, Report::Awaiting));
    }
    Ok((leads, Report::Payment { by, money: money(&charge.object, "amount_captured")? }))
}

pub(super) fn failed(charge: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    Ok((leads(charge)?.0, Report::Unpaid(PaymentState::Failed)))
}

pub(super) fn refunded(charge: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    Ok((leads(charge)?.0, Report::RefundSum(money(&charge.object, "amount_refunded")?)))
}

/// The ids that lead to the order, and the reference that names the payment.
fn leads(charge: &Snapshot<'_>) -> Result<(Leads, Reference), ParseError> {
    let intent = optional_id(&charge.object, "payment_intent")?;
    let by = intent.clone().unwrap_or_else(|| charge.id.clone());
    Ok((charge.leads(intent.into_iter().chain([charge.id.clone()]))?, by))
}
