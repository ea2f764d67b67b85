//! Invoices of subscriptions and their payments: `GET /v1/invoices/{id}` and `GET /v1/invoice_payments`.

use serde_json::{Value, json};

use super::events::limit;
use super::form::Params;
use super::refusal::Refusal;
use super::sessions::Session;
use super::state::Settings;
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

/// Every invoice here is paid, since it is created when its subscription begins.
pub(crate) fn payments<'s>(
    sessions: impl Iterator<Item = &'s Session>,
    settings: &Settings,
    query: &InvoiceQuery,
) -> Value {
    let mut found = sessions.filter_map(|session| {
        let (made, attempt) = (session.subscribed.as_ref()?, session.attempt.as_ref()?);
        let matches = query.intent.as_ref().is_none_or(|intent| *intent == attempt.intent.id)
            && query.status.as_deref().is_none_or(|status| status == "paid");
        matches.then(|| subscription::invoice_payment(session, made, attempt, settings))
    });
    let data: Vec<Value> = found.by_ref().take(query.limit).collect();
    json!({ "object": "list", "data": data, "has_more": found.next().is_some(), "url": "/v1/invoice_payments" })
}

pub(crate) fn invoice<'s>(
    mut sessions: impl Iterator<Item = &'s Session>,
    settings: &Settings,
    id: &str,
) -> Result<Value, Refusal> {
    let found = sessions.find_map(|session| {
        let (made, attempt) = (session.subscribed.as_ref()?, session.attempt.as_ref()?);
        let lines = subscription::lines(session, made, attempt.now_s);
        (made.invoice == id).then(|| subscription::invoice(session, made, &lines, settings, attempt.now_s))
    });
    found.ok_or_else(|| Refusal::not_found(format!("No such invoice: '{id}'")).code("resource_missing").param("id"))
}
