//! Checkout sessions: the pages on which orders are paid and subscriptions begun.

use ledger::{PaymentState, Reference};

use super::{Leads, Report, Snapshot};
use webhook::ParseError;

const INTENT: &str = "payment_intent";
const SUBSCRIPTION: &str = "subscription";

/// Which field names what a session of this mode makes. One for setup keeps a card for later and pays for nothing.
const MODES: [(&str, Option<&str>); 3] =
    [("payment", Some(INTENT)), ("subscription", Some(SUBSCRIPTION)), ("setup", None)];

/// Whether all is paid that has to be.
const PAYMENT_STATUSES: [(&str, bool); 3] = [("paid", true), ("no_payment_required", true), ("unpaid", false)];

/// The page is done with. Whether it is paid it says itself: a bank transfer takes days from here.
pub(super) fn completed(session: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let Some((field, made, leads)) = made(session)? else {
        return Ok((Leads::default(), Report::Other));
    };
    if !session.object.required("payment_status")?.one_of(&PAYMENT_STATUSES)? {
        return Ok((leads, Report::Awaiting));
    }
    let by = match made {
        Some(made) => made,
        // Named after the session, it would be another payment than the one that the invoices belong to.
        None if field == SUBSCRIPTION => return Err(session.object.problem(field, "is missing")),
        // Where a coupon pays for everything there is no intent.
        None => session.id.clone(),
    };
    Ok((leads, Report::Payment { by, money: session.object.money("amount_total")? }))
}

pub(super) fn unpaid(session: &Snapshot<'_>, state: PaymentState) -> Result<(Leads, Report), ParseError> {
    let made = made(session)?;
    Ok(made.map_or_else(|| (Leads::default(), Report::Other), |(_, _, leads)| (leads, Report::Unpaid(state))))
}

/// The field that names what this session has made, what it has made so far, and what leads to the order.
type Made = (&'static str, Option<Reference>, Leads);

fn made(session: &Snapshot<'_>) -> Result<Option<Made>, ParseError> {
    let Some(field) = session.object.required("mode")?.one_of(&MODES)? else {
        return Ok(None);
    };
    let made = session.object.reference(field)?;
    let leads = session.leads(made.clone().into_iter().chain([session.id.clone()]))?;
    Ok(Some((field, made, leads)))
}
