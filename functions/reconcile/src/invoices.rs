//! Refunds and disputes of a subscription's payments name the payment alone. Where no event has said which invoice it paid, Stripe is
//! called: payment, invoice, subscription, order. The answer is booked as a pointer, so that each payment is looked up once.

use edge::Moment;
use ledger::{
    Backlog, CommitError, Decision, Effect, Entry, EventKey, Fact, Fingerprint, Heading, KeptBody, MoneyKey,
    OrderNumber, Pointer, Provider, Reference,
};
use providers::CallError;
use serde::Deserialize;
use stripe::Stripe;
use webhook::Webhook as _;

use crate::keyless::Called;
use crate::{Reconcile, SOURCE, StripeApi};

/// What of a refund or a dispute names its payment: the rest is for the parser.
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

/// As Stripe says it, and as the books know it.
struct Link {
    payment: Reference,
    invoice: Reference,
    order: OrderNumber,
    /// Whether the invoice itself leads to the order by now.
    is_pointed: bool,
}

impl<L: Backlog> Reconcile<L> {
    /// Whether the payment that a refused claim names leads to an order now, having led nowhere before. One whose invoice is not
    /// booked goes on waiting: it has bought nothing yet that could be taken back.
    pub(crate) async fn learn_invoice(&self, kept: &KeptBody, moment: &Moment) -> Result<bool, CommitError> {
        let (Some(api), Some(payment)) = (&self.stripe_api, payment_of(kept)) else {
            return Ok(false);
        };
        let invoice = match api.invoice_paid_by(&payment, moment).await {
            Ok(Some(invoice)) => invoice,
            Ok(None) => return Ok(false),
            Err(error) => return Ok(not_answered(&error, moment)),
        };
        let pointed = self.ledger.pointed(&Pointer::Provider(invoice.clone()), &moment.delivery()).await?;
        let is_pointed = pointed.is_some();
        let order = match pointed {
            Some(order) => Some(order),
            None if !self.is_booked(&invoice, moment).await? => None,
            None => match api.invoice(&invoice, moment).await {
                Ok(found) => self.order_of(found, moment).await?,
                Err(error) => return Ok(not_answered(&error, moment)),
            },
        };
        let Some(order) = order else {
            return Ok(false);
        };
        self.write_link(&Link { payment, invoice, order, is_pointed }, moment).await
    }

    async fn is_booked(&self, invoice: &Reference, moment: &Moment) -> Result<bool, CommitError> {
        let key = EventKey::of_row(MoneyKey::of_invoice(invoice).as_str());
        Ok(!self.ledger.known(&[key].into(), &moment.delivery()).await?.is_empty())
    }

    async fn order_of(&self, invoice: providers::Invoice, moment: &Moment) -> Result<Option<OrderNumber>, CommitError> {
        let known = match &invoice.subscription {
            Some(subscription) => self.ledger.subscription(subscription, &moment.delivery()).await?,
            None => None,
        };
        Ok(known.map(|subscription| subscription.order).or(invoice.order))
    }

    async fn write_link(&self, link: &Link, moment: &Moment) -> Result<bool, CommitError> {
        let Link { payment, invoice, order, is_pointed } = link;
        let from = self.ledger.pointed(&Pointer::Provider(payment.clone()), &moment.delivery()).await?;
        let invoiced = Pointer::Invoiced { payment: payment.clone(), invoice: invoice.clone() };
        let point = |pointer, from| Effect::Point { pointer, from, to: order.clone() };
        let of_invoice = (!is_pointed).then(|| point(Pointer::Provider(invoice.clone()), None));
        let heading = Heading {
            receipt: EventKey::query(payment),
            source: SOURCE,
            kind: "invoice_payment",
            fingerprints: Fingerprint::of(1, &[("payment", payment.id()), ("invoice", invoice.id())]).into(),
            order: Some(order.clone()),
            facts: vec![("payment", Fact::from(payment.id())), ("invoice", Fact::from(invoice.id()))],
        };
        let effects = [point(invoiced, from)].into_iter().chain(of_invoice).collect();
        let entry = Entry { heading, effects, keeps_body: false, alarm: None };
        match self.ledger.commit(&Decision::Record(entry), &moment.delivery()).await {
            // Where it is stale another run or the event itself was first: it is known either way, and the claim is tried again.
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

/// The claim goes on waiting, and is asked about when it is tried again.
fn not_answered(error: &CallError, moment: &Moment) -> bool {
    tracing::warn!(%error, "Stripe did not say which invoice a payment paid");
    edge::line(SOURCE, None, "not_answered", Some(Stripe::SOURCE), moment);
    if error.is_of_the_key() {
        Called::default().nobody_can_be_asked(Stripe::SOURCE);
    }
    false
}

impl StripeApi {
    async fn invoice_paid_by(&self, payment: &Reference, moment: &Moment) -> Result<Option<Reference>, CallError> {
        let until = moment.deadline;
        self.asked(moment, |stripe| async move { stripe.invoice_paid_by(payment.id(), until).await }).await
    }

    async fn invoice(&self, invoice: &Reference, moment: &Moment) -> Result<providers::Invoice, CallError> {
        let until = moment.deadline;
        self.asked(moment, |stripe| async move { stripe.invoice(invoice, until).await }).await
    }
}
