//! Parses checkout sessions, which pay orders and start subscriptions.

use ledger::{PaymentState, Reference};

use super::fields::{money, one_of, optional_id};
use super::{Leads, Report, Snapshot};
use webhook::ParseError;

const INTENT: &str = "payment_intent";
const SUBSCRIPTION: &str = "subscription";

/// The field with the object that a session of this mode creates. A setup session saves a card and pays for nothing.
const MODES: [(&str, Option<&str>); 3] =
    [("payment", Some(INTENT)), ("subscription", Some(SUBSCRIPTION)), ("setup", None)];

/// Whether a session with this payment status is paid in full.
const PAYMENT_STATUSES: [(&str, bool); 3] = [("paid", true), ("no_payment_required", true), ("unpaid", false)];

/// The buyer has finished the page. The payment may still be pending: a bank transfer takes days.
pub(super) fn completed(session: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let Some((field, created, leads)) = created(session)? else {
        return Ok((Leads::default(), Report::Other));
    };
    if !one_of(&session.object.required("payment_status")?, &PAYMENT_STATUSES)? {
        return Ok((leads, Report::Awaiting));
    }
    let by = match created {
        Some(created) => created,
        // Under the session's id it would be another payment than the one that the invoices belong to.
        None if field == SUBSCRIPTION => return Err(session.object.problem(field, "is missing")),
        // A coupon that pays for everything creates no intent.
        None => session.id.clone(),
    };
    Ok((leads, Report::Payment { by, money: money(&session.object, "amount_total")? }))
}

pub(super) fn unpaid(session: &Snapshot<'_>, state: PaymentState) -> Result<(Leads, Report), ParseError> {
    let created = created(session)?;
    Ok(created.map_or_else(|| (Leads::default(), Report::Other), |(_, _, leads)| (leads, Report::Unpaid(state))))
}

/// The field that names the object which the session creates, its id if it exists, and the ids that lead to the order.
type Created = (&'static str, Option<Reference>, Leads);

fn created(session: &Snapshot<'_>) -> Result<Option<Created>, ParseError> {
    let Some(field) = one_of(&session.object.required("mode")?, &MODES)? else {
        return Ok(None);
    };
    let created = optional_id(&session.object, field)?;
    let leads = session.leads(created.clone().into_iter().chain([session.id.clone()]))?;
    Ok(Some((field, created, leads)))
}
