//! Properties of this source's parser and fingerprint; whole requests are tested in `tests/`.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]

use ledger::Amount;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use signing::{Strength, hmac_hex};
use testkit::usage as event;

use super::*;

const SECRET: &str = "s3cr3t-usage-key";

fn parsed(body: &str) -> Result<UsageEvent, ParseError> {
    let keys = hmac_hex::Keys::parse(SECRET, Strength::Local).expect("a secret");
    let verified = hmac_hex::verify(&keys, body.as_bytes(), &hmac_hex::sign(&keys, body.as_bytes()));
    parse::parse(&Received::new(verified.expect("verified"), &edge::Request::default(), &[]))
}

/// A test vector from the sender's own code.
#[test]
fn known_answer_is_verified_and_parsed() {
    let body = r#"{"eventId":"evt_1","eventType":"usage","timestamp":1767225600,"data":{"remoteKeyId":"tok_42","model":"gpt-4o","promptTokens":120,"completionTokens":30,"totalTokens":150,"creditCost":"0.00234"}}"#;
    let keys = hmac_hex::Keys::parse(SECRET, Strength::Local).expect("a secret");
    let signature = "6aa41b4fbd0de63410a64a4fe8216c11dccbd1bbf7e3e59b487553a038002725";
    let verified = hmac_hex::verify(&keys, body.as_bytes(), signature).expect("verified");
    let event = parse::parse(&Received::new(verified, &edge::Request::default(), &[])).expect("parsed");
    assert_eq!((event.id.as_str(), event.key.to_string().as_str()), ("evt_1", "key#remote#tok_42"));
    assert_eq!((event.cost.map(Amount::units), event.total_tokens), (Some(2_340_000), 150));
    // The fingerprint never changes between releases: the cost is hashed as decimal text, independent of the scale of
    // credits.
    assert!(decide::header(&event).fingerprints.contain("1.66e00cd34e45b6e622985bb0cf08c443"));
}

#[test]
fn cost_is_read_from_its_digits() {
    let rows = [
        ("15", 15_000_000_000),
        ("\"0.00234\"", 2_340_000),
        ("1.5", 1_500_000_000),
        ("0", 0),
        ("0.1", 100_000_000),
        ("123456789012.123456789", 123_456_789_012_123_456_789),
        // As Python and JavaScript print small floats.
        ("0.0000015", 1_500),
        ("1e-05", 10_000),
        ("\"1e-05\"", 10_000),
        ("7.5e-07", 750),
        ("1E+2", 100_000_000_000),
        ("0.30000000000000004", 300_000_000),
        ("1e-999999999", 0),
    ];
    for (text, units) in rows {
        let body = event("e1", "k1", "COST").to_string().replace("\"COST\"", text);
        assert_eq!(parsed(&body).map(|event| event.cost.map(Amount::units)), Ok(Some(units)), "{text}");
    }
}

#[test]
fn key_is_a_number_or_a_name() {
    for (json, key) in [("1", "key#remote#1"), ("\"1\"", "key#remote#1"), ("\"tok_42\"", "key#remote#tok_42")] {
        let body = event("e1", "KEY", "1").to_string().replace("\"KEY\"", json);
        assert_eq!(parsed(&body).map(|event| event.key.to_string()).as_deref(), Ok(key), "{json}");
    }
}

#[test]
fn fingerprint_covers_identity_and_cost() {
    let fingerprint = |body: &Value| decide::header(&parsed(&body.to_string()).expect("parsed")).fingerprints;
    let first = event("e1", "k1", "1");
    let mut renamed = first.clone();
    renamed["data"]["model"] = json!("gpt-4o-2024-11-20");
    renamed["timestamp"] = json!(1_767_225_700);
    assert_eq!(fingerprint(&first), fingerprint(&renamed), "neither the name of the model nor the time is money");
    for spelling in ["1.000000", "1e0", "10e-1", "0.9999999999"] {
        assert_eq!(fingerprint(&first), fingerprint(&event("e1", "k1", spelling)), "the same amount: {spelling}");
    }
    for other in [event("e1", "k1", "1.000000001"), event("e1", "k2", "1"), event("e2", "k1", "1")] {
        assert_ne!(fingerprint(&first), fingerprint(&other), "{other}");
    }
}

/// A refund is another event than a use with its id, key and cost.
#[test]
fn fingerprint_tells_a_refund_from_a_use() {
    let usage = event("e1", "k1", "1");
    let mut refund = usage.clone();
    refund["eventType"] = json!("refund");
    let header = |body: &Value| decide::header(&parsed(&body.to_string()).expect("parsed"));
    assert_eq!((header(&usage).kind, header(&refund).kind), ("usage", "refund"));
    assert_ne!(header(&usage).fingerprints, header(&refund).fingerprints);
    // It never changes between releases.
    assert_eq!(header(&refund).fingerprints.current().as_str(), "1.953263fa8fb82f7b7d9e98a594a266dd");
}

/// An event with these fields of `data`; `null` leaves one out.
fn with(fields: &Value) -> Value {
    let mut body = event("e1", "k1", "1");
    for (name, value) in fields.as_object().expect("an object") {
        body["data"][name] = value.clone();
    }
    body
}

/// Without a cost what is priced decides: the model and the counts. The price itself may change.
#[test]
fn fingerprint_without_a_cost_covers_what_is_priced() {
    let fingerprint = |fields: &Value| decide::header(&parsed(&with(fields).to_string()).expect("parsed")).fingerprints;
    let unpriced = json!({ "creditCost": null });
    let first = fingerprint(&unpriced);
    // It never changes between releases.
    assert_eq!(first.current().as_str(), "1.a41112a48a525118a7009f564f6123d1");
    assert_ne!(first, fingerprint(&json!({})), "an event with a cost is another");
    for same in [json!({ "creditCost": null, "cachedTokens": 0 }), json!({ "creditCost": null, "totalTokens": 180 })] {
        assert_eq!(first, fingerprint(&same), "{same}");
    }
    let others = [
        json!({ "model": "gpt-4o-mini" }),
        json!({ "promptTokens": 119 }),
        json!({ "completionTokens": 29 }),
        json!({ "cachedTokens": 1 }),
        json!({ "cacheWriteTokens": 1 }),
        json!({ "reasoningTokens": 1 }),
        json!({ "images": 1 }),
        json!({ "seconds": 0.001 }),
        json!({ "remoteKeyId": "k2" }),
    ];
    let mut all: Vec<String> = vec![first.current().as_str().to_owned()];
    for mut other in others {
        other["creditCost"] = Value::Null;
        all.push(fingerprint(&other).current().as_str().to_owned());
    }
    let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:?}");
}

#[test]
fn seconds_are_read_to_the_millisecond() {
    for (text, milliseconds) in
        [("12", 12_000), ("12.3456", 12_346), ("\"12.5\"", 12_500), ("1e-3", 1), ("0.0004", 0), ("1e6", 1_000_000_000)]
    {
        let body = with(&json!({ "seconds": "SECONDS" })).to_string().replace("\"SECONDS\"", text);
        assert_eq!(parsed(&body).map(|event| event.counts.milliseconds), Ok(milliseconds), "{text}");
    }
}

/// Such an event was booked before the rate card was there, and still is.
#[test]
fn event_with_a_cost_may_count_more_than_any_use_has() {
    let most = json!({ "promptTokens": u64::MAX, "completionTokens": 0, "totalTokens": u64::MAX });
    let event = parsed(&with(&most).to_string()).expect("parsed");
    assert_eq!((event.counts.input, event.consumption), (u64::MAX, None));
    let mut unpriced = most;
    unpriced["creditCost"] = Value::Null;
    let error = parsed(&with(&unpriced).to_string()).expect_err("too large");
    assert_eq!(error.to_string(), "data.promptTokens is too large");
}

/// Serde reads an array as an object whose fields stand in order; no gateway sends that.
#[test]
fn array_is_refused() {
    let data = r#"["k1","m",1,1,2,"1"]"#;
    let object =
        r#"{"remoteKeyId":"k1","model":"m","promptTokens":1,"completionTokens":1,"totalTokens":2,"creditCost":"1"}"#;
    for (body, field) in [
        (format!(r#"["e1","usage",1767225600,{object}]"#), "body"),
        (format!(r#"{{"eventId":"e1","eventType":"usage","timestamp":1767225600,"data":{data}}}"#), "data"),
    ] {
        let error = parsed(&body).expect_err("an array");
        assert_eq!((error.field.as_str(), error.problem.as_str()), (field, "must be a JSON object"), "{body}");
    }
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
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => value.to_string(),
    }
}

proptest! {
    #[test]
    fn rewritten_redelivery_is_the_same_event(
        id in "[!-\"$-~]{1,128}", key in "[!-\"$-~]{1,64}", whole in 0_u64..999_999_999_999, fraction in "[0-9]{1,12}",
        random in prop::collection::vec(any::<u16>(), 8..64),
    ) {
        let first = event(&id, &key, &format!("{whole}.{fraction}"));
        let mut numbers = random.iter().cycle().map(|number| usize::from(*number));
        let again = rewritten(&first, &mut || numbers.next().unwrap_or_default());
        let (first, again) = (parsed(&first.to_string()), parsed(&again));
        prop_assert!(first.is_ok(), "{first:?}");
        prop_assert_eq!(&first, &again);
        prop_assert_eq!(first.map(|event| decide::header(&event)), again.map(|event| decide::header(&event)));
    }

    #[test]
    fn any_body_is_parsed_without_panic(body in "\\PC{0,200}|[\\[{\"a-z:,0-9\\]}]{0,200}") {
        let _ = parsed(&body);
    }

    #[test]
    fn any_value_in_any_field_is_parsed_without_panic(field in 0_usize..15, value in "\\PC{0,40}", raw in "[-+0-9.eE\"\\\\u\\[\\]{}a-z]{0,20}") {
        let pointers = ["/eventId", "/eventType", "/timestamp", "/data", "/data/remoteKeyId", "/data/model", "/data/promptTokens",
            "/data/completionTokens", "/data/totalTokens", "/data/creditCost", "/data/cachedTokens", "/data/cacheWriteTokens",
            "/data/reasoningTokens", "/data/images", "/data/seconds"];
        let parts = json!({ "cachedTokens": 1, "cacheWriteTokens": 1, "reasoningTokens": 1, "images": 1, "seconds": 1 });
        let mut body = with(&parts);
        *body.pointer_mut(pointers[field]).expect("a field") = json!("HERE");
        let _ = parsed(&body.to_string().replace("\"HERE\"", &raw));
        *body.pointer_mut(pointers[field]).expect("a field") = Value::Object(Map::from_iter([(value.clone(), json!(value))]));
        let _ = parsed(&body.to_string());
        *body.pointer_mut(pointers[field]).expect("a field") = json!(value);
        let _ = parsed(&body.to_string());
    }
}
