//! Invoices of subscriptions and their payments: `GET /v1/invoices/{id}` and `GET /v1/invoice_payments`.

use serde_json::{Value, json};

use super::events::limit;
use super::form::Params;
use super::objects::{self, Cause};
use super::refusal::Refusal;
use super::sessions::{Attempt, Intent, Renewal, Session, Subscribed};
use super::state::{Settings, State};
use super::subscription;

/// The validated query of a list of invoice payments.
pub(crate) struct InvoiceQuery {
    limit: usize,
    intent: Option<String>,
    status: Option<String>,
}

impl InvoiceQuery {
    pub(crate) fn read(params: &mut Params) -> Result<Self, Refusal> {
        let limit = limit(params)?;
        let intent = params.take("payment[payment_intent]");
        let kind = params.take("payment[type]");
        if intent.is_some() && kind.as_deref() != Some("payment_intent") {
            return Err(Refusal::missing("payment[type]"));
        }
        Ok(Self { limit, intent, status: params.take("status") })
    }
}

/// Every invoice here is paid, since it is created when its subscription begins or is renewed.
pub(crate) fn payments<'s>(
    sessions: impl Iterator<Item = &'s Session>,
    settings: &Settings,
    query: &InvoiceQuery,
) -> Value {
    let mut found = sessions.flat_map(paid).filter_map(|paid| {
        let matches = query.intent.as_ref().is_none_or(|intent| *intent == paid.attempt.intent.id)
            && query.status.as_deref().is_none_or(|status| status == "paid");
        matches.then(|| paid.payment(settings))
    });
    let data: Vec<Value> = found.by_ref().take(query.limit).collect();
    json!({ "object": "list", "data": data, "has_more": found.next().is_some(), "url": "/v1/invoice_payments" })
}

pub(crate) fn invoice<'s>(
    sessions: impl Iterator<Item = &'s Session>,
    settings: &Settings,
    id: &str,
) -> Result<Value, Refusal> {
    let found = sessions.flat_map(paid).find(|paid| paid.made.invoice == id).map(|paid| paid.invoice(settings));
    found.ok_or_else(|| Refusal::not_found(format!("No such invoice: '{id}'")).code("resource_missing").param("id"))
}

/// A paid invoice of a subscription.
struct PaidInvoice<'s> {
    session: &'s Session,
    made: &'s Subscribed,
    attempt: &'s Attempt,
    /// The amount of a renewal. `None`: the first invoice, with the amount of the session.
    renewed: Option<u64>,
}

fn paid(session: &Session) -> impl Iterator<Item = PaidInvoice<'_>> {
    let first = session.subscribed.as_ref().zip(session.attempt.as_ref());
    let first = first.map(|(made, attempt)| PaidInvoice { session, made, attempt, renewed: None });
    first.into_iter().chain(session.renewals.iter().map(|renewal| of_renewal(session, renewal)))
}

fn of_renewal<'s>(session: &'s Session, renewal: &'s Renewal) -> PaidInvoice<'s> {
    PaidInvoice { session, made: &renewal.made, attempt: &renewal.attempt, renewed: Some(renewal.amount) }
}

impl PaidInvoice<'_> {
    fn invoice(&self, settings: &Settings) -> Value {
        let lines = subscription::lines(self.session, self.made, self.attempt.now_s);
        let mut invoice = subscription::invoice(self.session, self.made, &lines, settings, self.attempt.now_s);
        if let (Some(amount), Some(members)) = (self.renewed, invoice.as_object_mut()) {
            members.insert("billing_reason".to_owned(), "subscription_cycle".into());
            for name in ["amount_due", "amount_paid", "subtotal", "total"] {
                members.insert(name.to_owned(), amount.into());
            }
        }
        invoice
    }

    fn payment(&self, settings: &Settings) -> Value {
        let mut payment = subscription::invoice_payment(self.session, self.made, self.attempt, settings);
        if let (Some(amount), Some(members)) = (self.renewed, payment.as_object_mut()) {
            for name in ["amount_paid", "amount_requested"] {
                members.insert(name.to_owned(), amount.into());
            }
        }
        payment
    }
}

/// A period of a running subscription begins and is paid, at this amount or at its price. Returns the events, unsigned.
pub(crate) fn renew(state: &mut State, id: &str, amount: Option<u64>, now_s: i64) -> Vec<String> {
    let State { settings, ids, sessions, .. } = state;
    let running = sessions.values_mut().find(|session| session.is_subscription(id) && !session.has_ended());
    let Some(session) = running else { return Vec::new() };
    let (Some(made), Some(attempt)) = (session.subscribed.clone(), session.attempt.clone()) else { return Vec::new() };
    let made = Subscribed { invoice: ids.next("in"), invoice_payment: ids.next("inpay"), ..made };
    let intent = Intent { id: ids.next("pi"), created: now_s };
    let attempt = Attempt { intent, charge: ids.next("ch"), now_s, ..attempt };
    let renewal = Renewal { made, attempt, amount: amount.unwrap_or(session.order.amount) };
    let paid = of_renewal(session, &renewal);
    let (invoice, payment) = (paid.invoice(settings), paid.payment(settings));
    let cause = Cause { account: session.account.as_deref(), ..Cause::default() };
    let kinds =
        [("invoice.paid", &invoice), ("invoice.payment_succeeded", &invoice), ("invoice_payment.paid", &payment)];
    let events = kinds.map(|(kind, object)| objects::event(ids, settings, kind, object, &cause, now_s).to_string());
    session.renewals.push(renewal);
    events.into()
}
