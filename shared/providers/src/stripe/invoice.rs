//! Reads the invoice that a payment paid, and its subscription, with strict parsing of the members that matter.

use ledger::{Deadline, OrderNumber, Provider, Reference};
use serde::Deserialize;

use super::{METADATA_ORDER, Stripe};
use crate::CallError;
use crate::form::Form;

const INVOICE_PAYMENTS: &str = "/v1/invoice_payments";
const INVOICES: &str = "/v1/invoices";
/// A payment usually pays one invoice. Of several the first counts.
const PAYMENTS_MAX: &str = "10";
/// Large enough for an invoice with many lines.
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    pub subscription: Option<Reference>,
    /// The order in the subscription's metadata.
    pub order: Option<OrderNumber>,
}

impl Stripe {
    /// The invoice that this payment intent paid; `None` if it paid none.
    pub async fn invoice_paid_by(&self, intent: &str, deadline: Deadline) -> Result<Option<Reference>, CallError> {
        let mut query = Form::default();
        query.push("payment[type]", "payment_intent");
        query.push("payment[payment_intent]", intent);
        query.push("status", "paid");
        query.push("limit", PAYMENTS_MAX);
        let body = self.find(INVOICE_PAYMENTS, query, ANSWER_BYTES_MAX, deadline).await?;
        read_payments(&body, intent)
    }

    pub async fn invoice(&self, invoice: &Reference, deadline: Deadline) -> Result<Invoice, CallError> {
        let is_plain = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !invoice.id().strip_prefix("in_").is_some_and(is_plain) {
            return Err(CallError::Unreadable);
        }
        let path = format!("{INVOICES}/{}", invoice.id());
        let body = self.find(&path, Form::default(), ANSWER_BYTES_MAX, deadline).await?;
        Invoice::read(&body, invoice)
    }
}

#[derive(Deserialize)]
struct PaymentList {
    object: String,
    data: Vec<InvoicePayment>,
}

#[derive(Deserialize)]
struct InvoicePayment {
    object: String,
    status: String,
    created: i64,
    invoice: Expandable,
    payment: PaymentOfInvoice,
}

#[derive(Deserialize)]
struct PaymentOfInvoice {
    payment_intent: Option<Expandable>,
}

/// An expandable member: an id, or the object with that id.
#[derive(Deserialize)]
#[serde(untagged)]
enum Expandable {
    Id(String),
    Object { id: String },
}

impl Expandable {
    fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}

#[derive(Deserialize)]
struct InvoiceObject {
    id: String,
    object: String,
    parent: Option<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    subscription_details: Option<SubscriptionDetails>,
}

#[derive(Deserialize)]
struct SubscriptionDetails {
    subscription: Expandable,
    metadata: Option<std::collections::BTreeMap<String, String>>,
}

pub(crate) fn read_payments(body: &[u8], intent: &str) -> Result<Option<Reference>, CallError> {
    let PaymentList { object, data } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
    let is_of_intent = |item: &InvoicePayment| {
        let of = item.payment.payment_intent.as_ref().map(Expandable::id);
        item.object == "invoice_payment" && item.status == "paid" && of == Some(intent)
    };
    if object != "list" || !data.iter().all(is_of_intent) {
        return Err(CallError::Unreadable);
    }
    let first = data.iter().min_by_key(|item| item.created);
    first.map(|item| reference(item.invoice.id())).transpose()
}

impl Invoice {
    pub(crate) fn read(body: &[u8], of: &Reference) -> Result<Self, CallError> {
        let invoice: InvoiceObject = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
        if invoice.object != "invoice" || invoice.id != of.id() {
            return Err(CallError::Unreadable);
        }
        let details = invoice.parent.and_then(|parent| parent.subscription_details);
        let subscription = details.as_ref().map(|details| reference(details.subscription.id())).transpose()?;
        let order = details.and_then(|details| details.metadata?.remove(METADATA_ORDER));
        Ok(Self { subscription, order: order.and_then(|number| OrderNumber::new(&number).ok()) })
    }
}

fn reference(id: &str) -> Result<Reference, CallError> {
    Reference::new(Provider::Stripe, id).map_err(|_| CallError::Unreadable)
}
