//! Refunds and disputes of subscription payments name only the payment. If no event names its invoice, Stripe is
//! queried: payment, invoice, subscription, order. The result is booked as a pointer, so that each payment is queried
//! once.

use edge::Invocation;
use ledger::{
    Backlog, CommitError, Decision, Effect, Entry, EventKey, Fact, Fingerprint, JournalHeader, KeptBody, MoneyKey,
    OrderNumber, Pointer, Provider, Reference, RowKeys,
};
use providers::CallError;
use serde::Deserialize;
use stripe::Stripe;
use webhook::Webhook as _;

use crate::missing_credentials::KeyAlarms;
use crate::{Reconcile, SOURCE, StripeApi, WRITER};

/// The part of a refund or dispute event that names its payment.
#[derive(Deserialize)]
struct ClaimEvent {
    data: ClaimData,
}

#[derive(Deserialize)]
struct ClaimData {
    object: ClaimObject,
}

#[derive(Deserialize)]
struct ClaimObject {
    payment_intent: Option<String>,
}

/// A payment with its invoice from Stripe and its order from the ledger.
struct Link {
    payment: Reference,
    invoice: Reference,
    order: OrderNumber,
    /// Whether the invoice already points to the order.
    is_pointed: bool,
}

impl<L: Backlog> Reconcile<L> {
    /// Points the payment of a refused refund or dispute to its order, and returns whether it now has one. If the
    /// invoice is not booked, the event waits: the payment has bought nothing yet that could be clawed back.
    pub(crate) async fn learn_invoice(&self, kept: &KeptBody, invocation: &Invocation) -> Result<bool, CommitError> {
        let (Some(api), Some(payment)) = (&self.stripe_api, payment_of(kept)) else {
            return Ok(false);
        };
        let invoice = match api.invoice_paid_by(&payment, invocation).await {
            Ok(Some(invoice)) => invoice,
            Ok(None) => return Ok(false),
            Err(error) => return Ok(not_answered(&error, invocation)),
        };
        let pointed = self.ledger.resolve_pointer(&Pointer::Provider(invoice.clone()), &invocation.context()).await?;
        let is_pointed = pointed.is_some();
        let order = match pointed {
            Some(order) => Some(order),
            None if !self.is_booked(&invoice, invocation).await? => None,
            None => match api.invoice(&invoice, invocation).await {
                Ok(found) => self.order_of(found, invocation).await?,
                Err(error) => return Ok(not_answered(&error, invocation)),
            },
        };
        let Some(order) = order else {
            return Ok(false);
        };
        self.write_link(&Link { payment, invoice, order, is_pointed }, invocation).await
    }

    async fn is_booked(&self, invoice: &Reference, invocation: &Invocation) -> Result<bool, CommitError> {
        let key = EventKey::of_row(MoneyKey::of_invoice(invoice).as_str());
        Ok(!self.ledger.already_journaled(&[key].into(), &invocation.context()).await?.is_empty())
    }

    async fn order_of(
        &self,
        invoice: providers::Invoice,
        invocation: &Invocation,
    ) -> Result<Option<OrderNumber>, CommitError> {
        let known = match &invoice.subscription {
            Some(subscription) => {
                let keys = RowKeys::of_subscription(subscription.clone());
                self.ledger.read_rows(&keys, &invocation.context()).await?.subscription(subscription)?
            }
            None => None,
        };
        Ok(known.map(|subscription| subscription.order).or(invoice.order))
    }

    async fn write_link(&self, link: &Link, invocation: &Invocation) -> Result<bool, CommitError> {
        let Link { payment, invoice, order, is_pointed } = link;
        let from = self.ledger.resolve_pointer(&Pointer::Provider(payment.clone()), &invocation.context()).await?;
        let invoiced = Pointer::Invoiced { payment: payment.clone(), invoice: invoice.clone() };
        let point = |pointer, from| Effect::Point { pointer, from, to: order.clone() };
        let of_invoice = (!is_pointed).then(|| point(Pointer::Provider(invoice.clone()), None));
        let header = JournalHeader {
            receipt: EventKey::query(payment),
            writer: WRITER,
            kind: "invoice_payment",
            fingerprints: Fingerprint::of(1, &[("payment", payment.id()), ("invoice", invoice.id())]).into(),
            order: Some(order.clone()),
            facts: vec![("payment", Fact::from(payment.id())), ("invoice", Fact::from(invoice.id()))],
        };
        let effects = [point(invoiced, from)].into_iter().chain(of_invoice).collect();
        let entry = Entry { header, effects, keeps_body: false, alarm: None };
        match self.ledger.commit(&Decision::Record(entry), &invocation.context()).await {
            // A stale write means that another run or the webhook was faster: the pointer exists, and the event is
            // retried.
            Ok(_) | Err(CommitError::Stale) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

fn payment_of(kept: &KeptBody) -> Option<Reference> {
    let event: ClaimEvent = serde_json::from_slice(&kept.bytes).ok()?;
    let intent = event.data.object.payment_intent.filter(|id| id.starts_with("pi_"))?;
    Reference::new(Provider::Stripe, &intent).ok()
}

/// Logs a failed query. The event waits, and its retry queries again.
fn not_answered(error: &CallError, invocation: &Invocation) -> bool {
    tracing::warn!(%error, "the query for the invoice of a payment failed");
    edge::line(SOURCE, None, "not_answered", Some(Stripe::SOURCE.as_str()), invocation);
    if error.is_of_the_key() {
        KeyAlarms::default().report_unusable_key(Stripe::SOURCE.as_str());
    }
    false
}

impl StripeApi {
    async fn invoice_paid_by(
        &self,
        payment: &Reference,
        invocation: &Invocation,
    ) -> Result<Option<Reference>, CallError> {
        let until = invocation.deadline;
        self.call(invocation, |stripe| async move { stripe.invoice_paid_by(payment.id(), until).await }).await
    }

    async fn invoice(&self, invoice: &Reference, invocation: &Invocation) -> Result<providers::Invoice, CallError> {
        let until = invocation.deadline;
        self.call(invocation, |stripe| async move { stripe.invoice(invoice, until).await }).await
    }
}
