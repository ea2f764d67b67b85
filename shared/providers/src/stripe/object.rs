//! Any object of Stripe by its id, for a person who looks for what was never received here.

use std::collections::BTreeMap;

use ledger::{Deadline, OrderNumber};
use serde::Deserialize;

use super::session::Expandable;
use super::{METADATA_ORDER, Stripe};
use crate::CallError;

/// The path of each kind of object, by how its ids begin.
const PATHS: [(&str, &str); 11] = [
    ("evt_", "/v1/events"),
    ("pi_", "/v1/payment_intents"),
    ("cs_", "/v1/checkout/sessions"),
    ("sub_", "/v1/subscriptions"),
    ("in_", "/v1/invoices"),
    ("ch_", "/v1/charges"),
    ("py_", "/v1/charges"),
    ("re_", "/v1/refunds"),
    ("pyr_", "/v1/refunds"),
    ("dp_", "/v1/disputes"),
    ("du_", "/v1/disputes"),
];
const WORD_CHARS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripeObject {
    /// `refund`, or of an event `charge.refunded`.
    pub kind: String,
    pub status: Option<String>,
    /// The order in its metadata.
    pub order: Option<OrderNumber>,
    /// The payment that it belongs to, or the object that the event is about.
    pub of: Option<String>,
}

/// The members that we read.
#[derive(Deserialize)]
struct ObjectResponse {
    id: Option<String>,
    object: String,
    /// Only an event's is a kind: a balance transaction and others have words of their own.
    r#type: Option<String>,
    status: Option<String>,
    metadata: Option<BTreeMap<String, String>>,
    payment_intent: Option<Expandable>,
    data: Option<Reported>,
}

#[derive(Deserialize)]
struct Reported {
    object: Box<ObjectResponse>,
}

impl Stripe {
    /// `None` if Stripe has no such object, or no object has such an id.
    pub async fn object(&self, id: &str, deadline: Deadline) -> Result<Option<StripeObject>, CallError> {
        let Some(path) = path_of(id) else { return Ok(None) };
        match self.get(&path, deadline).await {
            Ok(body) => StripeObject::read(&body).map(Some),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl StripeObject {
    fn read(body: &[u8]) -> Result<Self, CallError> {
        let found: ObjectResponse = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
        let order = |found: &ObjectResponse| OrderNumber::new(found.metadata.as_ref()?.get(METADATA_ORDER)?).ok();
        let of_itself = order(&found);
        let reported = found.data.map(|data| *data.object);
        let of_reported = |reported: ObjectResponse| reported.payment_intent.map(Expandable::id).or(reported.id);
        let order = of_itself.or_else(|| order(reported.as_ref()?));
        let kind = found.r#type.filter(|_| found.object == "event").unwrap_or(found.object);
        let of = found.payment_intent.map(Expandable::id).or_else(|| of_reported(reported?));
        Ok(Self { kind: word(kind).ok_or(CallError::Unreadable)?, status: found.status.and_then(word), order, of })
    }
}

/// `None` for a text that is no id, or not safe in a path.
fn path_of(id: &str) -> Option<String> {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let (_, path) = PATHS.iter().find(|(head, _)| id.len() > head.len() && id.starts_with(head))?;
    is_plain.then(|| format!("{path}/{id}"))
}

fn word(text: String) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_');
    ((1..=WORD_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed)).then_some(text)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Result<StripeObject, CallError> {
        StripeObject::read(body.to_string().as_bytes())
    }

    #[test]
    fn object_leads_to_its_order_or_its_payment() {
        let number = json!({ "hookledger_order": "HL1" });
        let rows = [
            (
                json!({ "object": "refund", "status": "succeeded", "payment_intent": "pi_1" }),
                "refund",
                None,
                Some("pi_1"),
            ),
            (
                json!({ "object": "dispute", "payment_intent": { "id": "pi_1" }, "type": "x" }),
                "dispute",
                None,
                Some("pi_1"),
            ),
            (json!({ "object": "payment_intent", "metadata": number }), "payment_intent", Some("HL1"), None),
            (
                json!({ "object": "payment_intent", "metadata": { "hookledger_order": "no # number" } }),
                "payment_intent",
                None,
                None,
            ),
            (
                json!({ "object": "event", "type": "charge.refunded", "data": { "object": { "id": "ch_1", "object": "charge", "payment_intent": "pi_1" } } }),
                "charge.refunded",
                None,
                Some("pi_1"),
            ),
            (
                json!({ "object": "event", "type": "invoice.paid", "data": { "object": { "id": "in_1", "object": "invoice", "metadata": number } } }),
                "invoice.paid",
                Some("HL1"),
                Some("in_1"),
            ),
        ];
        for (body, kind, order, of) in rows {
            let found = read(&body).expect("readable");
            let order_found = found.order.as_ref().map(OrderNumber::as_str);
            assert_eq!((found.kind.as_str(), order_found, found.of.as_deref()), (kind, order, of), "{body}");
        }
        for body in [json!([]), json!({ "id": "pi_1" }), json!({ "object": "two words" })] {
            assert_eq!(read(&body), Err(CallError::Unreadable), "{body}");
        }
    }

    #[test]
    fn only_ids_become_paths() {
        for (id, path) in [
            ("re_1", Some("/v1/refunds/re_1")),
            ("pyr_1", Some("/v1/refunds/pyr_1")),
            ("evt_1", Some("/v1/events/evt_1")),
            ("evt_", None),
            ("pi_1/../x", None),
            ("HL1", None),
        ] {
            assert_eq!(path_of(id).as_deref(), path, "{id}");
        }
    }
}
