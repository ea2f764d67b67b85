//! Properties of the splitter, the parser and the fingerprint; whole requests are tested in `tests/`.

use catalog::{Catalog, RateCard};
use ledger::{Amount, Asset, Decision, Fact, Timestamp, UsedKey};
use proptest::prelude::*;
use serde_json::{Value, json};
use usage::{LoadedUse, ReportedUse};
use webhook::Webhook as _;

use super::*;

fn event() -> Value {
    json!({
        "id": "chatcmpl-1", "litellm_call_id": "call-1", "status": "success", "cache_hit": null,
        "startTime": 1_767_225_599.5, "endTime": 1_767_225_600.123_456, "model": "openai/gpt-4o", "model_group": "fast",
        "response_cost": 0.000_234, "prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150,
        "end_user": "mallory",
        "metadata": {
            "user_api_key_hash": "h1", "user_api_key_user_id": "u1", "user_api_key_team_id": "t1",
            "usage_object": {
                "prompt_tokens_details": { "cached_tokens": 100, "cache_creation_tokens": 10 },
                "completion_tokens_details": { "reasoning_tokens": 20 }
            }
        }
    })
}

fn parsed(body: &str) -> Result<Report, ParseError> {
    parse::parse(body.as_bytes(), OwnerBy::Key)
}

fn used(body: &str) -> ReportedUse {
    match parsed(body) {
        Ok(Report::Use(used)) => *used,
        other => panic!("{body}: {other:?}"),
    }
}

/// The event with these values, by JSON pointer. They are JSON texts, so that a number keeps its digits.
fn with(changes: &[(&str, &str)]) -> String {
    let mut body = event();
    for (n, (pointer, _)) in changes.iter().enumerate() {
        *body.pointer_mut(pointer).expect("a field") = json!(format!("HERE-{n}"));
    }
    let text = body.to_string();
    changes.iter().enumerate().fold(text, |text, (n, (_, value))| text.replace(&format!("\"HERE-{n}\""), value))
}

#[test]
fn body_is_split_into_what_is_kept() {
    let rows: [(&str, &[&str]); 22] = [
        ("", &[]),
        ("[]", &[]),
        (" \n", &[]),
        (r#"{"a":1}"#, &[r#"{"a":1}"#]),
        ("{\"a\":1}\n", &[r#"{"a":1}"#]),
        ("{\n\"a\": 1\n}", &[r#"{"a":1}"#]),
        ("{\"a\":1}\n{\"a\":2}", &[r#"{"a":1}"#, r#"{"a":2}"#]),
        ("{\"a\":1}\r\n\r\n{\"a\":2}\n", &[r#"{"a":1}"#, r#"{"a":2}"#]),
        (r#"[{"a":1},{"a":2}]"#, &[r#"{"a":1}"#, r#"{"a":2}"#]),
        (r#"[null,{"a":NaN}]"#, &["null", r#"{"a":null}"#]),
        (r#"[NaN, {"a":1}, Infinity]"#, &["null", r#"{"a":1}"#, "null"]),
        ("null\n{\"a\":-Infinity}", &["null", r#"{"a":null}"#]),
        (r#"[{"a":"NaN \" Infinity","b":[NaN,-Infinity]}]"#, &[r#"{"a":"NaN \" Infinity","b":[null,null]}"#]),
        (r#"[{"a":"\\"},NaN]"#, &[r#"{"a":"\\"}"#, "null"]),
        (
            r#"[{"messages":[{"content":"secret"}],"a":{"messages":1},"response":{},"model_map_information":NaN}]"#,
            &[r#"{"a":{"messages":1}}"#],
        ),
        // The digits of a number stay as they are.
        (r#"{"response_cost":2.60e-06}"#, &[r#"{"response_cost":2.60e-06}"#]),
        // What is no JSON costs no other event.
        (r#"[{"a":},{"a":1}]"#, &[r#""{\"a\":}""#, r#"{"a":1}"#]),
        ("{\"a\":1}\n{\"a\":", &[r#"{"a":1}"#, r#""{\"a\":""#]),
        (r#"[{"a":1}"#, &[r#""[{\"a\":1}""#]),
        ("hello", &[r#""hello""#]),
        (r#"[{"a":1},]"#, &[r#"{"a":1}"#, r#""""#]),
        (r#"[{"a":1,"a":2}]"#, &[r#"{"a":1,"a":2}"#]),
    ];
    for (body, kept) in rows {
        assert_eq!(events(body.as_bytes()), kept, "{body}");
        let again = format!("[{}]", events(body.as_bytes()).join(","));
        assert_eq!(events(again.as_bytes()), kept, "what is kept is split alike: {body}");
    }
    assert_eq!(events(b"\xff\n{}"), ["\"\u{fffd}\"", "{}"]);
}

#[test]
fn use_is_read_from_its_fields() {
    let ReportedUse { event, usd, facts } = used(&event().to_string());
    let counts =
        catalog::Counts { input: 120, cached_input: 100, cache_write: 10, output: 30, reasoning: 20, ..<_>::default() };
    assert_eq!((event.counts, event.total_tokens, event.model.as_str()), (counts, 150, "openai/gpt-4o"));
    assert_eq!(event.sent_at, Timestamp::from_unix_ms(1_767_225_600_123).expect("a time"));
    let text = |id: &str| Fact::Text(id.to_owned());
    assert_eq!(facts, [("response", text("chatcmpl-1")), ("call", text("call-1"))]);
    assert_eq!(usd.map(catalog::Usd::decimal).as_deref(), Some("0.000234"));
    // The key never changes between releases: it tells a repeat.
    assert_eq!(event.receipt.as_str(), "usage#litellm.1.010bce80a24d1e38ddbfa2f652937fb4");
}

#[test]
fn owner_is_found_by_what_the_caller_cannot_choose() {
    for (owner_by, key) in [(OwnerBy::Key, "h1"), (OwnerBy::User, "user:u1"), (OwnerBy::Team, "team:t1")] {
        let parsed = parse::parse(event().to_string().as_bytes(), owner_by);
        let Ok(Report::Use(used)) = parsed else { panic!("{parsed:?}") };
        assert_eq!(used.event.key.to_string(), format!("key#remote#{key}"));
    }
    let rows: [(Option<&str>, Option<OwnerBy>); 6] = [
        (None, Some(OwnerBy::Key)),
        (Some(" "), Some(OwnerBy::Key)),
        (Some("key"), Some(OwnerBy::Key)),
        (Some(" user"), Some(OwnerBy::User)),
        (Some("team"), Some(OwnerBy::Team)),
        (Some("end_user"), None),
    ];
    for (set, owner_by) in rows {
        let read = Config::read(|_| set.map(str::to_owned)).ok().map(|config| config.owner_by);
        assert_eq!(read, owner_by, "{set:?}");
    }
}

/// 0 is the cost of an answer from the cache. Of another it says that LiteLLM knows no price.
#[test]
fn cost_is_read_from_its_digits() {
    let rows = [
        ("0.000234", "null", Some("0.000234")),
        ("2.6e-06", "false", Some("0.0000026")),
        ("0.00022500000000000002", "null", Some("0.000225")),
        ("1E+2", "null", Some("100")),
        ("7", "null", Some("7")),
        ("0.0", "true", Some("0")),
        ("0.5", "true", Some("0.5")),
        ("0.0", "false", None),
        ("0", "null", None),
        ("null", "null", None),
    ];
    for (cost, cache_hit, usd) in rows {
        let used = used(&with(&[("/response_cost", cost), ("/cache_hit", cache_hit)]));
        assert_eq!(used.usd.map(catalog::Usd::decimal).as_deref(), usd, "{cost} {cache_hit}");
    }
}

#[test]
fn failure_null_and_nonsense_are_no_uses() {
    assert_eq!(parsed("null"), Ok(Report::Nothing { id: "null".to_owned(), reason: "event_lost" }));
    let failure = with(&[("/status", "\"failure\""), ("/response_cost", "0.0"), ("/id", "\"call-1\"")]);
    assert!(matches!(parsed(&failure), Ok(Report::Nothing { reason: "failure", .. })), "{failure}");
    let rows: [(&[(&str, &str)], &str); 20] = [
        (&[("/status", "\"failure\"")], "response_cost must be 0 where the status is failure"),
        (&[("/status", "\"unknown\"")], "status must be \"success\" or \"failure\""),
        (&[("/status", "null")], "status is missing"),
        (&[("/id", "null")], "id is missing"),
        (&[("/id", "7")], "id must be a text"),
        (&[("/litellm_call_id", "7")], "litellm_call_id must be a text"),
        (&[("/metadata", "null")], "metadata is missing"),
        (&[("/metadata/user_api_key_hash", "null")], "metadata.user_api_key_hash is missing"),
        (
            &[("/metadata/user_api_key_hash", "\"a b\"")],
            "metadata.user_api_key_hash must be 1 to 64 visible ASCII characters without #",
        ),
        (&[("/model", "\"\"")], "model must be a name of at most 128 bytes"),
        (&[("/endTime", "null")], "endTime is missing"),
        (&[("/endTime", "\"2026\"")], "endTime must be a number"),
        (&[("/endTime", "1e300")], "endTime is too large"),
        (&[("/response_cost", "-1e-9")], "response_cost must not be negative"),
        (&[("/response_cost", "\"1\"")], "response_cost must be a number"),
        (&[("/prompt_tokens", "null")], "prompt_tokens is missing"),
        (&[("/prompt_tokens", "120.0")], "prompt_tokens must be a whole number that is not negative"),
        (&[("/prompt_tokens", "99")], "cached_tokens must not be more than prompt_tokens"),
        (&[("/completion_tokens", "19")], "reasoning_tokens must not be more than completion_tokens"),
        (&[("/cache_hit", "\"yes\"")], "cache_hit must be true or false"),
    ];
    for (changes, problem) in rows {
        let error = parsed(&with(changes)).expect_err(problem);
        assert_eq!(error.to_string(), problem);
        let has_id = !problem.starts_with("id ") && !problem.starts_with("litellm_call_id");
        assert_eq!(error.event_id.is_some(), has_id, "{problem}");
    }
    for body in ["\"text\"", "7", "[]", ""] {
        assert_eq!(parsed(body).expect_err("no object").to_string(), "body must be a JSON object", "{body}");
    }
    let twice = event().to_string().replacen('{', "{\"response_cost\":0,", 1);
    assert_eq!(parsed(&twice).expect_err("twice").to_string(), "response_cost stands twice");
}

/// Callers choose the first id, and an upstream may repeat the second. Both together name an event.
#[test]
fn event_is_named_by_both_ids() {
    let receipt = |call: &str, id: &str| used(&with(&[("/litellm_call_id", call), ("/id", id)])).event.receipt;
    let first = receipt("\"a\"", "\"b\"");
    assert_eq!(first, receipt("\"a\"", "\"b\""));
    for (call, id) in
        [("\"a\"", "\"c\""), ("\"c\"", "\"b\""), ("\"ab\"", "\"\""), ("null", "\"ab\""), ("\"b\"", "\"a\"")]
    {
        assert_ne!(first, receipt(call, id), "{call} {id}");
    }
    let long = format!("\"{}\"", "é#".repeat(500));
    assert_ne!(receipt(&long, "\"b\""), receipt(&long.replacen("é#\"", "é\"", 1), "\"b\""), "of any length");
    let (_, response) = used(&with(&[("/id", &long)])).facts.swap_remove(0);
    assert_eq!(response, Fact::Text("é#".repeat(32)));
}

#[test]
fn fingerprint_covers_identity_and_money() {
    let fingerprint = |changes: &[(&str, &str)]| {
        let event = Report::Use(Box::new(used(&with(changes))));
        Litellm::default().header(&event).fingerprints.current().as_str().to_owned()
    };
    let first = fingerprint(&[]);
    // It never changes between releases.
    assert_eq!(first, "1.3e029e962165c95c2380c7369329f58d");
    let same: [&[(&str, &str)]; 4] = [
        &[("/response_cost", "2.34e-04")],
        &[("/model", "\"other\"")],
        &[("/endTime", "1767225700")],
        &[("/prompt_tokens", "500")],
    ];
    for changes in same {
        assert_eq!(first, fingerprint(changes), "{changes:?}");
    }
    let others: [&[(&str, &str)]; 4] = [
        &[("/response_cost", "0.000235")],
        &[("/metadata/user_api_key_hash", "\"h2\"")],
        &[("/response_cost", "0")],
        &[("/response_cost", "0"), ("/prompt_tokens", "500")],
    ];
    let all: std::collections::BTreeSet<String> =
        others.iter().map(|changes| fingerprint(changes)).chain([first]).collect();
    assert_eq!(all.len(), 5, "{all:?}");
}

/// A card that cannot turn dollars into credits does not price the use by its tokens in their place.
#[test]
fn cost_is_that_of_the_dollars_or_of_the_card() {
    let card = |text: &str| {
        let text = format!(r#"{{ "products": {{}}, "rate_card": {{ "credits_per_usd": "100", {text} }} }}"#);
        Catalog::parse(&text).expect("a catalog").rate_card().cloned()
    };
    let prices =
        r#""markup": 1000, "prices": [{ "model": "openai/*", "per_million": { "input": "1", "output": "2" } }]"#;
    let rows: [(Option<RateCard>, &str, Option<&str>); 6] = [
        (card(prices), "0.000234", Some("0.02574")),
        (card(prices), "0", Some("0.0198")),
        (card(r#""prices": []"#), "0.000234", Some("0.0234")),
        (card(r#""prices": []"#), "0", None),
        (None, "0.000234", None),
        (card(prices), "999999999999", Some("109999999999890")),
    ];
    for (card, cost, credits) in rows {
        let event = Report::Use(Box::new(used(&with(&[("/response_cost", cost)]))));
        let loaded = LoadedUse { key: None::<UsedKey>, used_at: testkit::now() };
        let litellm = Litellm { card, ..Litellm::default() };
        let decision = litellm.decide(&event, litellm.header(&event), Some(loaded));
        let Decision::Refuse(refusal) = decision else { panic!("no key: {decision:?}") };
        let fact = refusal.header.facts.iter().find(|(name, _)| *name == "cost").map(|(_, cost)| format!("{cost:?}"));
        let expected = credits.map(|credits| format!("{:?}", Fact::Text(credits.to_owned())));
        assert_eq!((fact.clone(), refusal.reason == ledger::Reason::NoPrice), (expected, fact.is_none()), "{cost}");
    }
    assert_eq!(Asset::CREDITS.parse("0.02574").map(Amount::units), Ok(25_740_000));
}

proptest! {
    #[test]
    fn any_body_is_split_and_parsed_without_panic(body in "\\PC{0,200}|[\\[{\"a-z:,0-9\\]}NI\n-]{0,200}") {
        for event in events(body.as_bytes()) {
            prop_assert!(serde_json::from_str::<Value>(&event).is_ok(), "{}", event);
            let _ = parsed(&event);
        }
    }

    #[test]
    fn any_value_in_any_field_is_parsed_without_panic(field in 0_usize..12, value in "\\PC{0,40}", raw in "[-+0-9.eE\"\\\\u\\[\\]{}a-z]{0,20}") {
        let pointers = ["/id", "/litellm_call_id", "/status", "/cache_hit", "/endTime", "/model", "/response_cost", "/prompt_tokens",
            "/metadata", "/metadata/user_api_key_hash", "/metadata/usage_object", "/metadata/usage_object/prompt_tokens_details/cached_tokens"];
        let _ = parsed(&with(&[(pointers[field], &raw)]));
        let _ = parsed(&with(&[(pointers[field], &json!(value).to_string())]));
    }
}
