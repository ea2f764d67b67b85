//! The hosted payment page, in plain HTML: items, amount, a card field and a cancel link.

use pages::escaped;

use super::Page;
use super::form::Params;
use super::sessions::{Session, Status};
use super::state::State;
use crate::html::{document, money};

/// The provider, as its pages name it.
pub(super) const NAME: &str = "Stripe";
const CARD_FIELD: &str = "card";
const CARD: &str = "4242 4242 4242 4242";
/// Others are as in Stripe's own sandbox.
const HINT: &str = "<p><small>Declined: 4000 0000 0000 0002. A bank account, which answers later: 000123456789, \
    and 000222222227 refuses.</small></p>";
const BANK_FIELD: &str = "bank";

/// Extracts the card number from the page's form.
pub fn card_in(form: &str) -> Option<String> {
    Params::decode(form).ok()?.take(CARD_FIELD)
}

/// Whether the page's form is the button that lets the bank answer.
pub fn is_bank_answer(form: &str) -> bool {
    Params::decode(form).is_ok_and(|mut params| params.take(BANK_FIELD).is_some())
}

pub(crate) fn page(state: &State, session: &str, now_s: i64) -> Page {
    let Some(session) = state.sessions.get(session) else {
        return Page { status: 404, html: document(NAME, "<p>There is no such checkout session.</p>") };
    };
    let (status, below) = match session.status(now_s) {
        Status::Open => (200, form(session)),
        Status::Complete if session.attempt.as_ref().is_some_and(|attempt| attempt.is_processing) => (202, bank_form()),
        Status::Complete if !session.is_paid() => {
            (410, "<p role=\"alert\">The bank has refused this payment.</p>".to_owned())
        }
        Status::Complete => (410, "<p role=\"status\">This has been paid.</p>".to_owned()),
        Status::Expired => (410, "<p role=\"alert\">This checkout session has expired.</p>".to_owned()),
    };
    Page { status, html: document(NAME, &format!("{}\n{below}", order_summary(session))) }
}

fn order_summary(session: &Session) -> String {
    let order = &session.order;
    let item = |name: &str, quantity: u64| match quantity {
        1 => format!("<h1>{}</h1>\n", escaped(name)),
        _ => format!("<h1>{quantity} × {}</h1>\n", escaped(name)),
    };
    let items: String = order.items.iter().map(|line| item(&line.price.name, line.quantity)).collect();
    let every = order.items.first().and_then(|item| item.price.interval);
    let every = every.map(|interval| format!(" per {}", interval.label())).unwrap_or_default();
    format!("{items}<p class=\"sum\">{}{every}</p>", money(order.amount, &order.currency))
}

fn form(session: &Session) -> String {
    let notice =
        session.notice.map(|notice| format!("<p role=\"alert\">{}</p>\n", escaped(notice))).unwrap_or_default();
    let cancel = session.order.cancel_url.as_deref();
    let cancel = cancel.map(|url| format!("\n<p><a href=\"{}\">Cancel</a></p>", escaped(url))).unwrap_or_default();
    format!(
        "{notice}<form method=\"post\">\n<label>Number of a card or a bank account\n<input name=\"{CARD_FIELD}\" value=\"{CARD}\" \
         inputmode=\"numeric\" autocomplete=\"off\" required></label>\n<button>Pay</button>\n</form>\n{HINT}{cancel}"
    )
}

fn bank_form() -> String {
    format!(
        "<p>The bank has not answered yet.</p>\n<form method=\"post\">\n<button name=\"{BANK_FIELD}\" value=\"answers\">Let the bank \
         answer</button>\n</form>"
    )
}
