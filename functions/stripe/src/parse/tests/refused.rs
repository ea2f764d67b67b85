//! What is refused, each with the exact words.

use super::*;

/// A type, a field, what is put there instead (nothing: it is taken out), and what is said of that field.
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

/// Where the trouble is in another place than the value: the whole of what is said.
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

/// Each amount that is read, by the type that reads it.
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

/// What was read before the trouble, in the words of a log line.
fn refused(body: &str) -> (String, Option<String>) {
    let error = parsed(body).expect_err("refused");
    (format!("{} {}", error.field, error.problem), error.event_id)
}

/// As `refused`, of an event whose id could be read.
fn ours(text: &str) -> (String, Option<String>) {
    (text.to_owned(), Some("evt_1".to_owned()))
}

#[test]
fn values_that_cannot_be() {
    for (kind, path, value, problem) in ENVELOPE.iter().chain(OBJECTS) {
        let body = edited(event(kind), &[(path, value)]);
        assert_eq!(refused(&body), ours(&format!("{path} {problem}")), "{kind} {path} {value}");
    }
    for (kind, path, value, said) in ELSEWHERE {
        assert_eq!(refused(&edited(event(kind), &[(path, value)])), ours(said), "{kind} {path} {value}");
    }
}

#[test]
fn amounts_are_whole_numbers() {
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
            let said = refused(&edited(event(kind), &[(path, value)]));
            assert_eq!(said, ours(&format!("{path} {NOT_AN_AMOUNT}")), "{kind} {value}");
        }
        for missing in ["", "null"] {
            let said = refused(&edited(event(kind), &[(path, missing)]));
            assert_eq!(said, ours(&format!("{path} is missing")), "{kind}");
        }
    }
}

#[test]
fn an_id_that_cannot_be_a_receipt() {
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
fn bodies_that_are_no_object() {
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
fn a_field_that_is_read_stands_once() {
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
        // Twice the same, another value, nothing, and the name spelt otherwise.
        let escaped: Vec<String> = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        for (spelling, second) in [(name, value.as_str()), (name, "[]"), (name, "null"), (&escaped.concat(), "1")] {
            let mut body = event(kind);
            let object = body.pointer_mut(&pointer(parent)).and_then(Value::as_object_mut).expect("an object");
            object.insert("HERE".to_owned(), json!("HERE"));
            let body = body.to_string().replace("\"HERE\":\"HERE\"", &format!("\"{spelling}\":{second}"));
            assert_eq!(refused(&body), ours(&format!("{place} stands twice")), "{kind} {body}");
        }
    }
    let body = event(PAID).to_string().replacen('{', "{\"id\":\"evt_2\",", 1);
    assert_eq!(refused(&body), ("id stands twice".to_owned(), None));
}

#[test]
fn thin_events_have_an_envelope_too() {
    let rows = [
        ("created", "1767225600", "created must be a text"),
        ("created", "\"yesterday\"", "created is not a time between 1970 and 9999"),
        ("livemode", "", "livemode is missing"),
        ("type", "null", "type is missing"),
        ("object", "\"v2.core.other\"", "object is not a word that is known here"),
    ];
    for (path, value, said) in rows {
        let body = edited(serde_json::from_str(THIN).expect("JSON"), &[(path, value)]);
        assert_eq!(refused(&body), (said.to_owned(), Some("evt_test_1".to_owned())));
    }
}
