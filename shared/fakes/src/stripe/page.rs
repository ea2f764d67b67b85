//! The hosted payment page, in plain HTML: items, amount, a card field and a cancel link.

use super::Page;
use super::form::Params;
use super::sessions::{Session, Status};
use super::state::State;
use crate::html::{document, escaped};

const CARD_FIELD: &str = "card";
const CARD: &str = "4242 4242 4242 4242";
const BANK_FIELD: &str = "bank";

const ZERO_DECIMAL: &[&str] =
    &["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"];
const THREE_DECIMAL: &[&str] = &["bhd", "jod", "kwd", "omr", "tnd"];

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
        return Page { status: 404, html: document("<p>There is no such checkout session.</p>") };
    };
    let (status, below) = match session.status(now_s) {
        Status::Open => (200, form(session)),
        Status::Complete if session.attempt.as_ref().is_some_and(|attempt| attempt.is_processing) => (202, bank_form()),
        Status::Complete if !session.is_paid() => (410, "<p>The bank has refused this payment.</p>".to_owned()),
        Status::Complete => (410, "<p>This has been paid.</p>".to_owned()),
        Status::Expired => (410, "<p>This checkout session has expired.</p>".to_owned()),
    };
    Page { status, html: document(&format!("{}\n{below}", order_summary(session))) }
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
    format!("{items}<p><strong>{}{every}</strong></p>", money(order.amount, &order.currency))
}

fn form(session: &Session) -> String {
    let notice =
        session.notice.map(|notice| format!("<p role=\"alert\">{}</p>\n", escaped(notice))).unwrap_or_default();
    let cancel = session.order.cancel_url.as_deref();
    let cancel = cancel.map(|url| format!("\n<p><a href=\"{}\">Cancel</a></p>", escaped(url))).unwrap_or_default();
    format!(
        "{notice}<form method=\"post\">\n<label>Number of a card or a bank account\n<input name=\"{CARD_FIELD}\" value=\"{CARD}\" \
         inputmode=\"numeric\" autocomplete=\"off\" required></label>\n<button>Pay</button>\n</form>{cancel}"
    )
}

fn bank_form() -> String {
    format!(
        "<p>The bank has not answered yet.</p>\n<form method=\"post\">\n<button name=\"{BANK_FIELD}\" value=\"answers\">Let the bank \
         answer</button>\n</form>"
    )
}

fn money(amount: u64, currency: &str) -> String {
    let (unit, digits) = match currency {
        zero if ZERO_DECIMAL.contains(&zero) => (1_u64, 0),
        three if THREE_DECIMAL.contains(&three) => (1000, 3),
        _ => (100, 2),
    };
    let (whole, rest) = (amount.checked_div(unit).unwrap_or(0), amount.checked_rem(unit).unwrap_or(0));
    let name = currency.to_ascii_uppercase();
    if digits == 0 { format!("{whole} {name}") } else { format!("{whole}.{rest:0>digits$} {name}") }
}
