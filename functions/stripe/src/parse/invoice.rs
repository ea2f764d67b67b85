//! Parses invoices: the price of each period of a subscription.

use ledger::{Reference, Standing, SubscriptionStatus};

use super::fields::{items, money, optional_id, payment_ids};
use super::{Leads, Report, Snapshot, named};
use webhook::ParseError;

pub(super) fn paid(invoice: &Snapshot<'_>) -> Result<(Leads, Report), ParseError> {
    let (leads, subscription) = leads(invoice)?;
    if !is_paid(invoice)? {
        return Ok((leads, Report::Awaiting));
    }
    let money = money(&invoice.object, "amount_paid")?;
    let payments = payment_ids(&invoice.object)?;
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
    let parent = invoice.object.object("parent")?;
    let details = parent.map(|parent| parent.object("subscription_details")).transpose()?.flatten();
    let subscription = details.as_ref().map(|details| optional_id(details, "subscription")).transpose()?.flatten();
    let subscription =
        subscription.map_or_else(|| optional_id(&invoice.object, "subscription"), |found| Ok(Some(found)))?;
    let found = details.as_ref().map(named).transpose()?.filter(|leads| leads.order.is_some());
    let leads = found.map_or_else(|| named_by_old(invoice), Ok)?;
    Ok((Leads { references: subscription.iter().cloned().collect(), ..leads }, subscription))
}

/// The subscription's metadata on older invoices: on the invoice, or only on its lines.
fn named_by_old(invoice: &Snapshot<'_>) -> Result<Leads, ParseError> {
    let details = invoice.object.object("subscription_details")?;
    if let Some(leads) = details.as_ref().map(named).transpose()?.filter(|leads| leads.order.is_some()) {
        return Ok(leads);
    }
    Ok(items(&invoice.object, "lines")?.first().map(named).transpose()?.unwrap_or_default())
}
