//! The invoices of subscriptions, and the payments that paid them: `GET /v1/invoices/{id}` and `GET /v1/invoice_payments`.

use serde_json::{Value, json};

use super::events::limit;
use super::form::Params;
use super::refusal::Refusal;
use super::sessions::Session;
use super::state::Place;
use super::subscription;

/// Which invoice payments are listed, once the request is known to be in order.
pub(crate) struct Asked {
    limit: usize,
    intent: Option<String>,
    status: Option<String>,
}

impl Asked {
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

/// All are paid here: an invoice is there once its subscription has begun.
pub(crate) fn payments<'s>(sessions: impl Iterator<Item = &'s Session>, place: &Place, asked: &Asked) -> Value {
    let mut found = sessions.filter_map(|session| {
        let (made, attempt) = (session.subscribed.as_ref()?, session.attempt.as_ref()?);
        let is_meant = asked.intent.as_ref().is_none_or(|intent| *intent == attempt.intent.id)
            && asked.status.as_deref().is_none_or(|status| status == "paid");
        is_meant.then(|| subscription::invoice_payment(session, made, attempt, place))
    });
    let data: Vec<Value> = found.by_ref().take(asked.limit).collect();
    json!({ "object": "list", "data": data, "has_more": found.next().is_some(), "url": "/v1/invoice_payments" })
}

pub(crate) fn invoice<'s>(
    mut sessions: impl Iterator<Item = &'s Session>,
    place: &Place,
    id: &str,
) -> Result<Value, Refusal> {
    let found = sessions.find_map(|session| {
        let (made, attempt) = (session.subscribed.as_ref()?, session.attempt.as_ref()?);
        let lines = subscription::lines(session, made, attempt.now_s);
        (made.invoice == id).then(|| subscription::invoice(session, made, &lines, place, attempt.now_s))
    });
    found.ok_or_else(|| Refusal::not_found(format!("No such invoice: '{id}'")).code("resource_missing").param("id"))
}
