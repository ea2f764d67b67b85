//! Loads the rows that a decision needs: in one round trip if the event names its order, in two if only a pointer or a
//! subscription leads there.

use std::collections::BTreeSet;

use ledger::{CallContext, CommitError, Ledger, Order, OrderNumber, Pointer, Reference, RowKeys, Rows};

use crate::Loaded;
use crate::parse::StripeEvent;

/// The order that the signed event names comes before those to which rows lead: a row may have been planted.
pub(crate) async fn load<L: Ledger>(
    event: &StripeEvent,
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Loaded, CommitError> {
    let keys = keys(event);
    let rows = ledger.read_rows(&keys, context).await?;
    let subscription = event.report.subscription().map(|of| rows.subscription(of)).transpose()?.flatten();
    let order = match (&event.leads.order, &subscription) {
        (Some(named), _) => named_order(named, event, &rows, ledger, context).await?,
        (None, Some(subscription)) => order(&subscription.order, ledger, context).await?,
        (None, None) => match pointed(event, &rows)? {
            Some(number) => order(&number, ledger, context).await?,
            None => None,
        },
    };
    let mut loaded =
        Loaded { subscription, unknown: lasting(event).filter(|id| !has_pointer(&rows, id)), ..Loaded::default() };
    if let Some((invoice, payments)) = event.report.invoice() {
        loaded.linked = Some(invoice.clone());
        loaded.unlinked = unlinked(payments, &rows)?;
    }
    if let (Some(order), Some(of)) = (&order, event.claims()) {
        // The payment that paid its order paid no invoice.
        if order.paid.as_ref().is_none_or(|paid| paid.by != *of) {
            loaded.invoice = rows.pointer(&pointer(of))?.and_then(|row| row.invoice);
        }
    }
    Ok(Loaded { order, ..loaded })
}

/// The order that the metadata names, unless a pointer leads to one that is paid by this payment: metadata can be edited
/// later. Otherwise the metadata counts, since Stripe has signed it and any role with the orders can plant a pointer. The
/// audit reports the pointer of an order that such a payment pays.
async fn named_order<L: Ledger>(
    named: &OrderNumber,
    event: &StripeEvent,
    rows: &Rows,
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Option<Order>, CommitError> {
    // A pointer that cannot be read refuses no event that names its order.
    let other = pointed(event, rows).ok().flatten().filter(|pointed| pointed != named);
    if let Some(pointed) = other {
        let order = order(&pointed, ledger, context).await?;
        if order.as_ref().is_some_and(|order| event.leads.references.iter().any(|of| order.is_paid_by(of))) {
            return Ok(order);
        }
        tracing::error!(event = event.id, %pointed, %named, "a pointer leads to another order than the metadata, which counts");
    }
    Ok(rows.order(named)?)
}

async fn order<L: Ledger>(
    number: &OrderNumber,
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Option<Order>, CommitError> {
    Ok(ledger.read_rows(&RowKeys::of_order(number.clone()), context).await?.order(number)?)
}

fn keys(event: &StripeEvent) -> RowKeys {
    let (invoice, payments) = event.report.invoice().unzip();
    let payments = payments.into_iter().flatten();
    // All ids of an event that names no order may lead to it. Otherwise only the lasting id gets a pointer.
    let ids = match event.leads.order {
        Some(_) => lasting(event).into_iter().collect(),
        None => ids(event),
    };
    RowKeys {
        orders: event.leads.order.iter().cloned().collect(),
        pointers: ids.iter().chain(invoice).chain(payments).map(pointer).collect::<BTreeSet<_>>(),
        subscriptions: event.report.subscription().cloned().into_iter().collect(),
    }
}

/// The ids that lead to the event's order. A subscription has a row of its own instead of a pointer.
fn ids(event: &StripeEvent) -> Vec<Reference> {
    match (event.report.invoice(), event.report.subscription()) {
        (Some((invoice, _)), _) => vec![invoice.clone()],
        (None, Some(_)) => Vec::new(),
        (None, None) => event.leads.references.clone(),
    }
}

/// The id that every later event of this object has, also one without the order's number: the payment's and not its
/// charge's, which refunds and disputes name beside it, nor its session's, whose events name the order.
fn lasting(event: &StripeEvent) -> Option<Reference> {
    ids(event).into_iter().next()
}

/// The order that the first known id leads to. A payment that paid an invoice pays no order, although refunds and
/// disputes find the order by it: the events of the invoice report its money.
fn pointed(event: &StripeEvent, rows: &Rows) -> Result<Option<OrderNumber>, CommitError> {
    for id in ids(event) {
        if let Some(row) = rows.pointer(&pointer(&id))? {
            let is_of_invoice = row.invoice.is_some() && event.report.is_of_payment();
            return Ok((!is_of_invoice).then_some(row.order));
        }
    }
    Ok(None)
}

/// The payments of an invoice whose pointers do not record an invoice, each with the order that it leads to.
fn unlinked(payments: &[Reference], rows: &Rows) -> Result<Vec<(Reference, Option<OrderNumber>)>, CommitError> {
    let mut unlinked = Vec::new();
    for payment in payments {
        let row = rows.pointer(&pointer(payment))?;
        if row.as_ref().is_none_or(|row| row.invoice.is_none()) {
            unlinked.push((payment.clone(), row.map(|row| row.order)));
        }
    }
    Ok(unlinked)
}

fn has_pointer(rows: &Rows, id: &Reference) -> bool {
    rows.has_pointer(&pointer(id))
}

fn pointer(id: &Reference) -> Pointer {
    Pointer::Provider(id.clone())
}
