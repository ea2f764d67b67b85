//! Parses invoices: the price of each period of a subscription.

use ledger::{Reference, Standing, SubscriptionStatus};

use super::{Leads, Report, Snapshot, named};
use webhook::ParseError;

pub(super) fn paid(invoice: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let (leads, subscription) = leads(invoice)?;
    if !is_paid(invoice)? {
        return Ok((leads, Report::Awaiting));
    }
    let money = invoice.object.money("amount_paid")?;
    let [intent, charge] = ["payment_intent", "charge"].map(|name| invoice.object.reference(name));
    let payments = [intent?, charge?].into_iter().flatten().collect();
    let is_first = is_first(invoice)?;
    Ok((leads, Report::InvoicePaid { invoice: invoice.id.clone(), subscription, money, is_first, payments }))
}

/// A failed first invoice leaves the subscription incomplete; a later one leaves it past due.
pub(super) fn failed(invoice: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let (leads, subscription) = leads(invoice)?;
    let status = if is_first(invoice)? { SubscriptionStatus::Incomplete } else { SubscriptionStatus::PastDue };
    let standing = Standing { as_of: invoice.at, status };
    Ok((leads, Report::InvoiceFailed { invoice: invoice.id.clone(), subscription, standing }))
}

fn is_first(invoice: &Snapshot<'_>) -> Result<bool, ParseError> {
    let reason = invoice.object.field("billing_reason")?.map(|reason| reason.text()).transpose()?;
    Ok(reason.as_deref() == Some("subscription_create"))
}

/// By the status, or by a flag in the oldest API versions, which have no status.
fn is_paid(invoice: &Snapshot<'_>) -> Result<bool, ParseError> {
    match invoice.object.field("status")? {
        Some(status) => Ok(status.text()? == "paid"),
        None => invoice.object.required("paid")?.flag(),
    }
}

/// The ids that lead to the order, and the subscription: under `parent` since 2025-03-31, on the invoice itself before.
fn leads(invoice: &Snapshot<'_>) -> Result<(Leads, Option<Reference>), ParseError> {
    let parent = invoice.object.inner("parent")?;
    let details = parent.map(|parent| parent.inner("subscription_details")).transpose()?.flatten();
    let subscription = details.as_ref().map(|details| details.reference("subscription")).transpose()?.flatten();
    let subscription =
        subscription.map_or_else(|| invoice.object.reference("subscription"), |found| Ok(Some(found)))?;
    let found = details.as_ref().map(named).transpose()?.filter(|leads| leads.order.is_some());
    let leads = found.map_or_else(|| named_by_old(invoice), Ok)?;
    Ok((Leads { references: subscription.iter().cloned().collect(), ..leads }, subscription))
}

/// The subscription's metadata on older invoices: on the invoice, or only on its lines.
fn named_by_old(invoice: &Snapshot<'_>) -> Result<Leads, ParseError> {
    let details = invoice.object.inner("subscription_details")?;
    if let Some(leads) = details.as_ref().map(named).transpose()?.filter(|leads| leads.order.is_some()) {
        return Ok(leads);
    }
    Ok(invoice.object.items("lines")?.first().map(named).transpose()?.unwrap_or_default())
}
