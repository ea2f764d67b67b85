//! Events that the parser refuses, each with its exact error.

use super::*;

/// A type, a field, its replacement (empty: the field is removed) and the problem reported for that field.
type Row = (&'static str, &'static str, &'static str, &'static str);

const NOT_AN_AMOUNT: &str = "must be a whole number that is not negative";
const NOT_AN_ID: &str = "must be 1 to 128 visible ASCII characters without #";
const UNKNOWN: &str = "is not a word that is known here";

const PAID: &str = "payment_intent.succeeded";
const CHARGED: &str = "charge.succeeded";
const COMPLETED: &str = "checkout.session.completed";
const SUBSCRIBED: &str = "customer.subscription.updated";
const INVOICED: &str = "invoice.paid";

const ENVELOPE: &[Row] = &[
    (PAID, "object", "", "is missing"),
    (PAID, "object", "null", "is missing"),
    (PAID, "object", "\"charge\"", UNKNOWN),
    (PAID, "object", "{}", "must be a text"),
    (PAID, "type", "", "is missing"),
    (PAID, "type", "null", "is missing"),
    (PAID, "type", "7", "must be a text"),
    (PAID, "type", "\"\\ud800\"", "must be a text"),
    (PAID, "created", "", "is missing"),
    (PAID, "created", "\"1767225600\"", "must be whole seconds"),
    (PAID, "created", "1767225600.0", "must be whole seconds"),
    (PAID, "created", "9223372036854775808", "must be whole seconds"),
    (PAID, "created", "-1", "is not a time between 1970 and 9999"),
    (PAID, "created", "1767225600000", "is not a time between 1970 and 9999"),
    (PAID, "created", "9223372036854775807", "is not a time between 1970 and 9999"),
    (PAID, "livemode", "", "is missing"),
    (PAID, "livemode", "null", "is missing"),
    (PAID, "livemode", "\"true\"", "must be true or false"),
    (PAID, "livemode", "1", "must be true or false"),
    (PAID, "account", "7", "must be a text"),
    (PAID, "account", "{\"id\": \"acct_1\"}", "must be a text"),
    (PAID, "data", "", "is missing"),
    (PAID, "data", "null", "is missing"),
    (PAID, "data", "[]", "must be a JSON object"),
    (PAID, "data.object", "", "is missing"),
    (PAID, "data.object", "null", "is missing"),
    (PAID, "data.object", "\"pi_1\"", "must be a JSON object"),
    (PAID, "data.object", "[\"pi_1\"]", "must be a JSON object"),
    (PAID, "data.object.id", "", "is missing"),
    (PAID, "data.object.id", "7", "must be a text"),
    (PAID, "data.object.id", "\"\"", NOT_AN_ID),
    (PAID, "data.object.id", "\"pi#1\"", NOT_AN_ID),
    (PAID, "data.object.id", "\"pi\\u0000\"", NOT_AN_ID),
    (PAID, "data.object.metadata", "[]", "must be a JSON object"),
    (PAID, "data.object.metadata", "\"HL1\"", "must be a JSON object"),
    ("customer.created", "type", "null", "is missing"),
    ("customer.created", "livemode", "0", "must be true or false"),
    ("customer.created", "account", "[]", "must be a text"),
];

const OBJECTS: &[Row] = &[
    (PAID, "data.object.currency", "", "is missing"),
    (PAID, "data.object.currency", "null", "is missing"),
    (PAID, "data.object.currency", "840", "must be a text"),
    (PAID, "data.object.currency", "\"us\"", "must be a currency of three letters"),
    (PAID, "data.object.currency", "\"usdt\"", "must be a currency of three letters"),
    (PAID, "data.object.currency", "\"u$d\"", "must be a currency of three letters"),
    (PAID, "data.object.currency", "\"ｕ\"", "must be a currency of three letters"),
    (CHARGED, "data.object.paid", "", "is missing"),
    (CHARGED, "data.object.paid", "\"true\"", "must be true or false"),
    (CHARGED, "data.object.captured", "null", "is missing"),
    (CHARGED, "data.object.captured", "1", "must be true or false"),
    (CHARGED, "data.object.payment_intent", "7", "must be a text"),
    (CHARGED, "data.object.payment_intent", "\"\"", NOT_AN_ID),
    (CHARGED, "data.object.payment_intent", "[\"pi_1\"]", "must be a text"),
    ("refund.created", "data.object.charge", "\"ch 1\"", NOT_AN_ID),
    ("refund.created", "data.object.status", "\"reversed\"", UNKNOWN),
    ("refund.created", "data.object.status", "1", "must be a text"),
    ("charge.dispute.closed", "data.object.status", "\"settled\"", UNKNOWN),
    ("charge.dispute.closed", "data.object.status", "\"Won\"", UNKNOWN),
    ("charge.dispute.closed", "data.object.status", "null", "is missing"),
    ("charge.dispute.closed", "data.object.amount", "null", "is missing"),
    ("charge.dispute.closed", "data.object.amount", "-1", "must be a whole number that is not negative"),
    (COMPLETED, "data.object.mode", "", "is missing"),
    (COMPLETED, "data.object.mode", "\"donation\"", UNKNOWN),
    (COMPLETED, "data.object.payment_status", "null", "is missing"),
    (COMPLETED, "data.object.payment_status", "\"PAID\"", UNKNOWN),
    (COMPLETED, "data.object.payment_status", "true", "must be a text"),
    ("checkout.session.expired", "data.object.mode", "\"\"", UNKNOWN),
    (SUBSCRIBED, "data.object.status", "\"dormant\"", UNKNOWN),
    (SUBSCRIBED, "data.object.status", "", "is missing"),
    (SUBSCRIBED, "data.object.items", "[]", "must be a JSON object"),
    (SUBSCRIBED, "data.object.items.data", "{}", "must be a JSON array"),
    (INVOICED, "data.object.status", "1", "must be a text"),
    (INVOICED, "data.object.parent", "[]", "must be a JSON object"),
    (INVOICED, "data.object.parent.subscription_details", "\"sub_1\"", "must be a JSON object"),
    (INVOICED, "data.object.parent.subscription_details.subscription", "\"\"", NOT_AN_ID),
    (INVOICED, "data.object.parent.subscription_details.metadata", "7", "must be a JSON object"),
    ("invoice.payment_failed", "data.object.billing_reason", "7", "must be a text"),
];

/// Errors of a field other than the replaced one: the complete text.
const ELSEWHERE: &[Row] = &[
    (CHARGED, "data.object.payment_intent", "{}", "data.object.payment_intent.id is missing"),
    (CHARGED, "data.object.payment_intent", r#"{"id": 7}"#, "data.object.payment_intent.id must be a text"),
    (
        CHARGED,
        "data.object.payment_intent",
        r#"{"id": {"id": "pi_1"}}"#,
        "data.object.payment_intent.id must be a text",
    ),
    (
        CHARGED,
        "data.object.payment_intent",
        r#"{"id": "pi_1", "id": "pi_2"}"#,
        "data.object.payment_intent.id stands twice",
    ),
    (COMPLETED, "data.object.mode", "\"subscription\"", "data.object.subscription is missing"),
    (SUBSCRIBED, "data.object.items.data", "[7]", "data.object.items.data[0] must be a JSON object"),
    (SUBSCRIBED, "data.object.items.data", "[{}, null]", "data.object.items.data[1] must be a JSON object"),
    (
        SUBSCRIBED,
        "data.object.items.data.0.current_period_end",
        "\"2026-02-01\"",
        "data.object.items.data[0].current_period_end must be whole seconds",
    ),
    (
        SUBSCRIBED,
        "data.object.items.data.0.current_period_end",
        "253402300800",
        "data.object.items.data[0].current_period_end is not a time between 1970 and 9999",
    ),
    (SUBSCRIBED, "data.object.items.data.0.price", "", "data.object.items.data[0].price is missing"),
    (SUBSCRIBED, "data.object.items.data.0.price.id", "\"\"", PRICE_IS_NO_ID),
    (INVOICED, "data.object.status", "", "data.object.paid is missing"),
    (
        INVOICED,
        "data.object.parent",
        r#"{"subscription_details": {"subscription": {}}}"#,
        "data.object.parent.subscription_details.subscription.id is missing",
    ),
];

const PRICE_IS_NO_ID: &str = "data.object.items.data[0].price.id must be 1 to 128 visible ASCII characters without #";

/// Each amount that is read, with the type of its event.
const AMOUNTS: [(&str, &str); 8] = [
    (PAID, "data.object.amount_received"),
    (CHARGED, "data.object.amount_captured"),
    ("charge.refunded", "data.object.amount_refunded"),
    ("refund.updated", "data.object.amount"),
    (COMPLETED, "data.object.amount_total"),
    ("checkout.session.async_payment_succeeded", "data.object.amount_total"),
    (INVOICED, "data.object.amount_paid"),
    ("invoice.payment_succeeded", "data.object.amount_paid"),
];

/// The error's text as a log line has it, and the event id that was read before it.
fn refused(body: &str) -> (String, Option<String>) {
    let error = parsed(body).expect_err("refused");
    (format!("{} {}", error.field, error.problem), error.event_id)
}

/// The result of `refused` for an event whose id is readable.
fn with_id(text: &str) -> (String, Option<String>) {
    (text.to_owned(), Some("evt_1".to_owned()))
}

#[test]
fn invalid_value_is_refused_with_its_field() {
    for (kind, path, value, problem) in ENVELOPE.iter().chain(OBJECTS) {
        let body = edited(event(kind), &[(path, value)]);
        assert_eq!(refused(&body), with_id(&format!("{path} {problem}")), "{kind} {path} {value}");
    }
    for (kind, path, value, expected) in ELSEWHERE {
        assert_eq!(refused(&edited(event(kind), &[(path, value)])), with_id(expected), "{kind} {path} {value}");
    }
}

#[test]
fn amount_must_be_a_whole_number() {
    let values = [
        "1999.0",
        "\"1999\"",
        "1e3",
        "1E+3",
        "-1",
        "-0",
        "0.5",
        "18446744073709551616",
        "1e400",
        "true",
        "[1999]",
        "{}",
        "\"１\"",
    ];
    for (kind, path) in AMOUNTS {
        for value in values {
            let error = refused(&edited(event(kind), &[(path, value)]));
            assert_eq!(error, with_id(&format!("{path} {NOT_AN_AMOUNT}")), "{kind} {value}");
        }
        for missing in ["", "null"] {
            let error = refused(&edited(event(kind), &[(path, missing)]));
            assert_eq!(error, with_id(&format!("{path} is missing")), "{kind}");
        }
    }
}

#[test]
fn invalid_event_id_is_refused() {
    let long = format!("\"{}\"", "e".repeat(129));
    let rows = [
        ("", "is missing"),
        ("null", "is missing"),
        ("7", "must be a text"),
        ("\"\"", NOT_AN_ID),
        ("\"evt#1\"", NOT_AN_ID),
        ("\"evt 1\"", NOT_AN_ID),
        (&long, NOT_AN_ID),
    ];
    for (value, problem) in rows {
        for body in [event(PAID), event("customer.created"), serde_json::from_str(THIN).expect("JSON")] {
            assert_eq!(refused(&edited(body, &[("id", value)])), (format!("id {problem}"), None), "{value}");
        }
    }
}

#[test]
fn body_that_is_no_object_is_refused() {
    let sample = event(PAID).to_string();
    let bom = format!("\u{feff}{sample}");
    let (cut, more) = (sample.trim_end_matches('}'), format!("{sample}{{}}"));
    for body in
        ["", " ", "null", "7", "\"evt_1\"", "[]", r#"["evt_1","event","charge.failed",0,false]"#, &bom, cut, &more]
    {
        assert_eq!(refused(body), ("body must be a JSON object".to_owned(), None), "{body}");
    }
}

#[test]
fn duplicate_field_is_refused() {
    let rows = [
        (PAID, "object", "object"),
        (PAID, "type", "type"),
        (PAID, "created", "created"),
        (PAID, "livemode", "livemode"),
        (PAID, "data", "data"),
        ("customer.created", "data", "data"),
        (PAID, "object", "data.object"),
        (PAID, "id", "data.object.id"),
        (PAID, "amount_received", "data.object.amount_received"),
        (PAID, "currency", "data.object.currency"),
        (PAID, "hookledger_order", "data.object.metadata.hookledger_order"),
        (CHARGED, "payment_intent", "data.object.payment_intent"),
        (COMPLETED, "payment_status", "data.object.payment_status"),
        (SUBSCRIBED, "current_period_end", "data.object.items.data[0].current_period_end"),
        (INVOICED, "subscription_details", "data.object.parent.subscription_details"),
    ];
    for (kind, name, place) in rows {
        let path = place.replace("[0]", ".0");
        let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
        let value = event(kind).pointer(&pointer(&path)).expect("a field").to_string();
        // The same value, another value, null, and the name in another spelling.
        let escaped: Vec<String> = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        for (spelling, second) in [(name, value.as_str()), (name, "[]"), (name, "null"), (&escaped.concat(), "1")] {
            let mut body = event(kind);
            let object = body.pointer_mut(&pointer(parent)).and_then(Value::as_object_mut).expect("an object");
            object.insert("HERE".to_owned(), json!("HERE"));
            let body = body.to_string().replace("\"HERE\":\"HERE\"", &format!("\"{spelling}\":{second}"));
            assert_eq!(refused(&body), with_id(&format!("{place} stands twice")), "{kind} {body}");
        }
    }
    let body = event(PAID).to_string().replacen('{', "{\"id\":\"evt_2\",", 1);
    assert_eq!(refused(&body), ("id stands twice".to_owned(), None));
}

#[test]
fn thin_event_with_invalid_envelope_is_refused() {
    let rows = [
        ("created", "1767225600", "created must be a text"),
        ("created", "\"yesterday\"", "created is not a time between 1970 and 9999"),
        ("livemode", "", "livemode is missing"),
        ("type", "null", "type is missing"),
        ("object", "\"v2.core.other\"", "object is not a word that is known here"),
    ];
    for (path, value, expected) in rows {
        let body = edited(serde_json::from_str(THIN).expect("JSON"), &[(path, value)]);
        assert_eq!(refused(&body), (expected.to_owned(), Some("evt_test_1".to_owned())));
    }
}
