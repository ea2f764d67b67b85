//! Properties of the parser over whole events; the tables are in `tests/`.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]

mod accepted;
mod refused;
mod samples;

use proptest::prelude::*;
use serde_json::{Value, json};
use signing::{Strength, hmac_hex};

use super::*;
use samples::{SAMPLES, THIN, event};

fn parsed(body: &str) -> Result<StripeEvent, ParseError> {
    let keys = hmac_hex::Keys::parse("s3cr3t-stripe-key", Strength::Local).expect("a secret");
    let verified = hmac_hex::verify(&keys, body.as_bytes(), &hmac_hex::sign(&keys, body.as_bytes()));
    parse(&Received::new(verified.expect("verified"), &edge::Request::default(), &[]), None)
}

/// The event with these fields, named like `data.object.items.data.0.price`, set to these JSON values. An empty value
/// removes the field.
fn edited(mut body: Value, edits: &[(&str, &str)]) -> String {
    for (n, (path, value)) in edits.iter().enumerate() {
        if value.is_empty() {
            let (parent, name) = path.rsplit_once('.').unwrap_or(("", path));
            let parent = body.pointer_mut(&pointer(parent)).and_then(Value::as_object_mut);
            parent.and_then(|parent| parent.remove(name)).expect("a field to remove");
        } else {
            let field = path.split('.').fold(&mut body, |at, part| match part.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[part],
            });
            *field = json!(format!("EDIT{n}"));
        }
    }
    let text = body.to_string();
    edits.iter().enumerate().fold(text, |text, (n, (_, value))| text.replace(&format!("\"EDIT{n}\""), value))
}

fn pointer(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!("/{}", path.replace('.', "/")) }
}

/// Every field that the parser reads.
const FIELDS: [&str; 46] = [
    "id",
    "object",
    "type",
    "created",
    "livemode",
    "account",
    "data",
    "data.object",
    "data.object.id",
    "data.object.metadata",
    "data.object.metadata.hookledger_order",
    "data.object.currency",
    "data.object.amount_received",
    "data.object.amount_captured",
    "data.object.amount_refunded",
    "data.object.amount_total",
    "data.object.amount_paid",
    "data.object.amount",
    "data.object.paid",
    "data.object.captured",
    "data.object.payment_intent",
    "data.object.charge",
    "data.object.status",
    "data.object.mode",
    "data.object.payment_status",
    "data.object.subscription",
    "data.object.items",
    "data.object.items.data",
    "data.object.items.data.0",
    "data.object.items.data.0.current_period_end",
    "data.object.items.data.0.price",
    "data.object.items.data.0.price.id",
    "data.object.current_period_end",
    "data.object.billing_reason",
    "data.object.parent",
    "data.object.parent.subscription_details",
    "data.object.parent.subscription_details.subscription",
    "data.object.parent.subscription_details.metadata",
    "data.object.parent.subscription_details.metadata.hookledger_order",
    "data.object.subscription_details",
    "data.object.lines",
    "data.object.lines.data",
    "data.object.balance_transactions",
    "data.object.invoice",
    "data.object.payment",
    "data.object.payment.payment_intent",
];

/// The sample with this value in this field, or `None` if the sample has no place for it.
fn with(sample: &str, path: &str, value: &str) -> Option<String> {
    let body = event(sample);
    let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
    let has_place = body.pointer(&pointer(parent)).is_some_and(|parent| parent.is_object() || parent.is_array());
    has_place.then(|| edited(body, &[(path, value)]))
}

#[test]
fn parse_error_contains_no_value_of_the_body() {
    let mut refused = 0;
    for (sample, _) in SAMPLES {
        for path in FIELDS {
            for value in
                ["\"c0nf1dent1al #\"", "{\"c0nf1dent1al\": 1}", "[\"c0nf1dent1al\"]", "{\"id\": \"c0nf1dent1al #\"}"]
            {
                let Some(Err(error)) = with(sample, path, value).map(|body| parsed(&body)) else { continue };
                refused += 1;
                assert!(!format!("{} {}", error.field, error.problem).contains("c0nf1dent1al"), "{path}: {error:?}");
            }
        }
    }
    assert!(refused > 500, "{refused}");
}

#[test]
fn kind_is_found_by_its_name() {
    let names: std::collections::BTreeSet<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    assert_eq!(names.len(), Kind::ALL.len(), "names are unique");
    for kind in Kind::ALL {
        assert_eq!(Kind::named(kind.as_str()), Some(kind));
    }
    assert_eq!(Kind::named("charge.refund.updated"), None);
}

/// The same event as another serializer would write it: other field order and white space, and unknown fields.
fn rewritten(value: &Value, random: &mut impl FnMut() -> usize) -> String {
    const SPACE: [&str; 4] = ["", " ", "\n\t", "\r\n  "];
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<(String, String)> =
                fields.iter().map(|(name, value)| (name.clone(), rewritten(value, random))).collect();
            fields.push((format!("extra{}", random()), "[{\"a\":1.5e300}]".to_owned()));
            for at in 0..fields.len() {
                let other = random() % fields.len();
                fields.swap(at, other);
            }
            let mut space = || SPACE[random() % SPACE.len()];
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{}\"{name}\"{}:{value}{}", space(), space(), space()))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| rewritten(item, random)).collect();
            format!("[{}]", items.join(" , "))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

proptest! {
    #[test]
    fn rewritten_redelivery_is_the_same_event(
        sample in 0..SAMPLES.len(), pending in any::<u8>(), version in "\"[0-9]{4}-[0-9]{2}-[0-9]{2}\"|null",
        request in "\"req_[a-z]{4}\"|null|\\{\"id\": null\\}", random in prop::collection::vec(any::<u16>(), 8..64),
    ) {
        let first = event(SAMPLES[sample].0);
        let edits = [("pending_webhooks", pending.to_string()), ("api_version", version), ("request", request)];
        let edits: Vec<(&str, &str)> = edits.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let again = serde_json::from_str(&edited(first.clone(), &edits)).expect("JSON");
        let mut numbers = random.iter().cycle().map(|number| usize::from(*number));
        let again = rewritten(&again, &mut || numbers.next().unwrap_or_default());
        let first = parsed(&first.to_string());
        prop_assert!(first.is_ok(), "{first:?}");
        prop_assert_eq!(first, parsed(&again));
    }

    #[test]
    fn any_body_is_parsed_without_panic(body in "\\PC{0,200}|[\\[{\"a-z:,0-9\\]}]{0,200}") {
        let _ = parsed(&body);
    }

    #[test]
    fn any_value_in_any_field_is_parsed_without_panic(
        sample in 0..SAMPLES.len(), field in 0..FIELDS.len(), value in "\\PC{0,40}", raw in "[-+0-9.eE\"\\\\u\\[\\]{}a-z]{1,20}",
    ) {
        let text = json!(value).to_string();
        for value in [&raw, &text, &format!("{{\"id\":{text}}}"), &format!("[{text}]"), &format!("{{{text}:{raw}}}")] {
            let _ = with(SAMPLES[sample].0, FIELDS[field], value).map(|body| parsed(&body));
        }
    }
}
