//! Invoice payments: which payment has paid which invoice. Neither the invoice nor the payment says so since 2025-03-31, and refunds and
//! disputes name the payment alone.

use super::{Leads, Report, Snapshot};
use webhook::ParseError;

pub(super) fn paid(paid: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let object = &paid.object;
    if object.required("status")?.text()? != "paid" {
        return Ok((Leads::default(), Report::Awaiting));
    }
    let invoice = object.required("invoice")?.reference()?;
    let payment = object.required("payment")?.object()?;
    // One that was recorded outside Stripe has neither, and nothing at Stripe is claimed back of it.
    let [intent, charge] = ["payment_intent", "charge"].map(|name| payment.reference(name));
    let payments: Vec<_> = [intent?, charge?].into_iter().flatten().collect();
    let leads = Leads { references: payments.clone(), ..Leads::default() };
    Ok((leads, Report::InvoicePayment { invoice, payments }))
}
