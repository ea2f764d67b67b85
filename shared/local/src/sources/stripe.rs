//! Stripe as a sender: builds events from samples, for one order if named, and signs them.

use ledger::{Order, Timestamp};
use signing::{SecretError, Strength};
use stripe::Stripe;
use webhook::Webhook as _;

use crate::json::{PathError, quoted, value_at, with_value};
use crate::random;
use crate::sources::{Headers, Scheme, Setting, Source};

pub(crate) const STRIPE: Source = Source {
    name: Stripe::SOURCE.as_str(),
    routes: Stripe::ROUTES,
    settings: &[Setting { name: stripe::SETTINGS[0], scheme: Scheme::Own, generate: random::whsec, sign }],
    sample: "payment_intent_succeeded",
    fresh,
    of_order: Some(of_order),
    wire: None,
    fake_path: None,
    reply_messages: None,
};

fn fresh(sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
    // A thin event has an RFC 3339 time.
    let written = value_at(sample, "created").unwrap_or_default();
    let created = if written.starts_with('"') { quoted(&now.to_string()) } else { now.unix_s().to_string() };
    with_value(&with_value(sample, "id", &quoted(id))?, "created", &created)
}

/// The suffix of every id of the samples' payment and subscription.
const IDS: &str = "Sample0000000000000001";
const ORDERS: [&str; 2] = ["hk_sample_order", "hk_sample_subscription"];
/// The fields that hold the whole price.
const PRICES: [&str; 8] = [
    "amount",
    "amount_received",
    "amount_captured",
    "amount_total",
    "amount_subtotal",
    "amount_due",
    "amount_paid",
    "total",
];

/// Sets the order's number, its price and its ids: those of its payment, if it is paid.
fn of_order(sample: &str, order: &Order) -> Result<String, PathError> {
    let number = order.number.as_str();
    let mut body = ORDERS.iter().fold(sample.to_owned(), |body, name| body.replace(&quoted(name), &quoted(number)));
    if let Some(session) = &order.session {
        body = body.replace("cs_test_sample0000000000000001", &session.id);
    }
    if let Some(paid) = order.paid.as_ref().filter(|paid| paid.by.id().starts_with("pi_")) {
        body = body.replace(&format!("pi_3{IDS}"), paid.by.id());
    }
    body = body.replace(IDS, number).replace("sample0000000000000001", number);
    let price = order.terms.price.amount.units();
    let currency = order.terms.price.currency.as_str().to_ascii_lowercase();
    let at = |name: &str| format!("data.object.{name}");
    let is_refund = value_at(&body, &at("object")) == Some("\"refund\"");
    for name in PRICES {
        // A null amount stays null: nothing was paid.
        let is_number = value_at(&body, &at(name)).is_some_and(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
        if is_number && !is_refund {
            body = with_value(&body, &at(name), &price.to_string())?;
        }
    }
    for name in ["amount_refunded", "amount"].iter().filter(|name| is_refund || **name == "amount_refunded") {
        if let Some(part) = value_at(&body, &at(name)).and_then(|value| value.parse::<u128>().ok()) {
            body = with_value(&body, &at(name), &part.min(price).to_string())?;
        }
    }
    if value_at(&body, &at("currency")).is_some() {
        body = with_value(&body, &at("currency"), &quoted(&currency))?;
    }
    Ok(body)
}

fn sign(secret: &str, now: Timestamp, body: &[u8]) -> Result<Headers, SecretError> {
    let keys = signing::stripe::Keys::parse(secret, Strength::Local)?;
    Ok(vec![(signing::stripe::HEADER, signing::stripe::sign(&keys, body, now.unix_s()))])
}
