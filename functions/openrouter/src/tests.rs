//! Forms of the splitter, the parser and the fingerprint; whole requests are tested in `tests/`.

use serde_json::{Value, json};
use usage::ReportedUse;
use webhook::Webhook as _;

use super::*;

fn span(attributes: &[(&str, Value)]) -> String {
    let attributes: Vec<Value> = attributes.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    json!({ "spanId": "s", "endTimeUnixNano": "1767225600123456789", "attributes": attributes }).to_string()
}

fn text(value: &str) -> Value {
    json!({ "stringValue": value })
}

fn generation() -> Vec<(&'static str, Value)> {
    vec![
        ("span.type", text("generation")),
        ("gen_ai.response.id", text("gen-1")),
        ("gen_ai.request.model", text("openrouter/auto")),
        ("gen_ai.response.model", text("openai/gpt-4o")),
        ("gen_ai.usage.input_tokens", json!({ "intValue": "120" })),
        ("gen_ai.usage.output_tokens", json!({ "intValue": 30 })),
        ("gen_ai.usage.input_tokens.cached", json!({ "doubleValue": 100 })),
        ("gen_ai.usage.total_cost", json!({ "doubleValue": 2.34e-5 })),
        ("trace.metadata.openrouter.api_key_name", text("a-shop")),
    ]
}

fn parsed(span: &str) -> Result<Report, ParseError> {
    parse::parse(span.as_bytes(), OwnerBy::Key)
}

fn used(span: &str) -> ReportedUse {
    match parsed(span) {
        Ok(Report::Use(used)) => *used,
        other => panic!("{span}: {other:?}"),
    }
}

#[test]
fn body_is_split_into_what_is_kept_of_each_span() {
    let whole = json!({ "resourceSpans": [
        { "scopeSpans": [{ "spans": [
            { "spanId": "1", "name": "n", "attributes": [
                { "key": "gen_ai.prompt", "value": { "stringValue": "secret" } },
                { "key": "span.type", "value": { "stringValue": "span" } },
            ] },
            { "status": { "code": 2 }, "attributes": [{ "key": "user.id", "value": {} }, 7] },
            7,
        ] }, {}] },
        {},
    ] });
    let kept = [
        r#"{"spanId":"1","attributes":[{"key":"span.type","value":{"stringValue":"span"}}]}"#,
        r#"{"status":{"code":2},"attributes":[{"key":"user.id","value":{}},7]}"#,
        "7",
    ];
    assert_eq!(events(whole.to_string().as_bytes()), kept);
    for (body, expected) in [
        (r#"{"resourceSpans":[]}"#, vec![]),
        ("{}", vec![]),
        ("", vec!["\"\"".to_owned()]),
        ("[]", vec!["\"[]\"".to_owned()]),
        (r#"{"resourceSpans":7}"#, vec![r#""{\"resourceSpans\":7}""#.to_owned()]),
    ] {
        assert_eq!(events(body.as_bytes()), expected, "{body}");
    }
}

#[test]
fn generation_is_parsed_field_by_field() {
    let ReportedUse { event, usd, .. } = used(&span(&generation()));
    assert_eq!((event.id.as_str(), event.model.as_str()), ("openrouter.gen-1", "openai/gpt-4o"));
    assert_eq!((event.counts.input, event.counts.output, event.counts.cached_input), (120, 30, 100));
    assert_eq!((event.total_tokens, event.sent_at.unix_s()), (150, 1_767_225_600));
    assert_eq!(usd.map(catalog::Usd::decimal).as_deref(), Some("0.0000234"));
    // Names of the documentation's example.
    let older =
        span(&generation()).replace("input_tokens\"", "prompt_tokens\"").replace("output_tokens", "completion_tokens");
    assert_eq!(used(&older).event.counts.input, 120);
}

/// OpenRouter's cost of it is only its fee, so that the rate card prices the tokens.
#[test]
fn use_with_a_key_of_the_caller_has_no_cost() {
    for value in [json!({ "boolValue": true }), text("true")] {
        let mut own = generation();
        own.push(("trace.metadata.openrouter_generation.is_byok", value));
        assert_eq!(used(&span(&own)).usd, None);
    }
    let mut other = generation();
    other.push(("trace.metadata.openrouter_generation.is_byok", json!({ "boolValue": false })));
    assert!(used(&span(&other)).usd.is_some());
}

#[test]
fn only_a_generation_is_a_use() {
    let nothing = |id: &str, reason| Report::Nothing { id: id.to_owned(), reason };
    let with_type = |kind: &str| span(&generation()).replace("\"generation\"", &format!("\"{kind}\""));
    assert_eq!(parsed(&with_type("span")), Ok(nothing("s", "no_generation")));
    assert_eq!(parsed(&with_type("tool")), Ok(nothing("s", "no_generation")));
    let failed = json!({ "spanId": "s", "status": { "code": 2 }, "attributes": [
        { "key": "span.type", "value": { "stringValue": "generation" } },
        { "key": "gen_ai.response.id", "value": { "stringValue": "gen-1" } },
    ] });
    assert_eq!(parsed(&failed.to_string()), Ok(nothing("openrouter.gen-1", "failure")));
}

#[test]
fn repeated_key_is_refused_however_it_is_written() {
    for key in ["trace.metadata.openrouter.api_key_name", "gen_ai.usage.total_cost", "gen_ai.response.id"] {
        let mut twice = generation();
        twice.push((key, text("x")));
        let body = span(&twice);
        assert_eq!(parsed(&body).expect_err("refused").to_string(), format!("{key} stands twice"));
        let escaped = body.replacen(&format!("\"{key}\""), &format!("\"{}\"", key.replace('.', "\\u002e")), 1);
        assert_eq!(parsed(&escaped).expect_err("refused").to_string(), format!("{key} stands twice"));
    }
}

#[test]
fn fingerprint_is_that_of_id_key_and_dollars() {
    let of = |attributes: &[(&'static str, Value)]| {
        Openrouter::default().header(&parsed(&span(attributes)).expect("an event")).fingerprints.current().to_string()
    };
    let changed = |name: &str, value: Value| {
        let mut attributes = generation();
        attributes.iter_mut().find(|(key, _)| *key == name).expect("an attribute").1 = value;
        of(&attributes)
    };
    let first = of(&generation());
    assert_eq!(changed("gen_ai.usage.input_tokens", json!({ "intValue": 130 })), first);
    assert_eq!(changed("gen_ai.usage.total_cost", json!({ "doubleValue": 0.000_023_4 })), first);
    assert_ne!(changed("gen_ai.usage.total_cost", json!({ "doubleValue": 2.35e-5 })), first);
    assert_ne!(changed("trace.metadata.openrouter.api_key_name", text("b-shop")), first);
    assert_ne!(changed("gen_ai.response.id", text("gen-2")), first);
}
