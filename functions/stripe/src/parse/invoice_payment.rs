//! Parses invoice payments, which link a payment to its invoice. Since 2025-03-31 neither object names the other, and
//! refunds and disputes name only the payment.

use super::fields::{id, payment_ids};
use super::{Leads, Report, Snapshot};
use webhook::ParseError;

pub(super) fn paid(paid: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let object = &paid.object;
    if object.required("status")?.text()? != "paid" {
        return Ok((Leads::default(), Report::Awaiting));
    }
    let invoice = id(&object.required("invoice")?)?;
    let payment = object.required("payment")?.object()?;
    // A payment that was recorded outside Stripe has neither; Stripe never refunds it.
    let payments = payment_ids(&payment)?;
    let leads = Leads { references: payments.clone(), ..Leads::default() };
    Ok((leads, Report::InvoicePayment { invoice, payments }))
}
