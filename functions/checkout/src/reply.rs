//! What the buyer is told: where to pay, how it stands, or why neither.

use api::{Failure, Told};
use edge::Reply;
use ledger::Order;
use providers::{CallError, Session};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'b> {
    order_number: &'b str,
    status: &'b str,
    amount: String,
    currency: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'b str>,
}

/// Where it is paid, by a page that was made just now.
pub(crate) fn opened(order: &Order, session: &Session) -> Told {
    told(201, "opened", order, Some(session))
}

/// The same page again.
pub(crate) fn reopened(order: &Order, session: &Session) -> Told {
    told(200, "reopened", order, Some(session))
}

/// How it stands: there is nothing more to be done on a page.
pub(crate) fn state(order: &Order) -> Told {
    told(200, order.payment.as_str(), order, None)
}

fn told(status: u16, outcome: &'static str, order: &Order, session: Option<&Session>) -> Told {
    let price = order.terms.price;
    let body = Body {
        order_number: order.number.as_str(),
        status: order.payment.as_str(),
        amount: price.priced(),
        currency: price.currency.as_str(),
        session_id: session.map(|session| session.id.as_str()),
        url: session.and_then(|session| session.url.as_deref()),
    };
    Told { reply: Reply::json(status, &body), outcome, subject: Some(order.number.to_string()) }
}

/// Stripe did not do what was asked. Unless the answer says otherwise, clicking again may help.
pub(crate) fn failure(error: &CallError, order: &Order) -> Failure {
    tracing::warn!(%error, "Stripe did not do what was asked");
    let failure = match error {
        CallError::NoAnswer => Failure::new(504, "stripe_timeout", "Stripe did not answer in time; try again."),
        CallError::Refused { status: 409 | 429, .. } => {
            Failure::new(503, "stripe_busy", "Stripe is busy; try again.").later()
        }
        CallError::Refused { .. } => Failure::new(502, "stripe_refused", "Stripe refused the request."),
        CallError::Failed { .. } => Failure::new(502, "stripe_failed", "Stripe failed; try again."),
        CallError::Unreadable => Failure::new(502, "stripe_unreadable", "Stripe's answer could not be read."),
    };
    failure.about(&order.number)
}
