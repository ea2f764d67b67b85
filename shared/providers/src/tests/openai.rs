//! Upstreams in OpenAI's format: settings, streams cut anywhere, what is read of an answer, and classes of errors.

use std::time::Duration;

use crate::{
    AnswerIds, AnswerParts, LlmConfig, LlmConfigError, LlmGateway, OpenAiKeys, SseChunk, SseReader, Tokens,
    UpstreamError, WholeAnswer,
};

const STREAM: &str = concat!(
    ": keep alive\n\n",
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}],\"usage\":null}\n\n",
    "event: x\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"你好\"}}]}\r\n\r\n",
    "data:{\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"call_1\",\"type\":\"function\",",
    "\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\":1}\"}}]}}]}\r\r",
    "data: {\"choices\":[],\n",
    "data: \"usage\":{\"prompt_tokens\":9,\"completion_tokens\":5,\"total_tokens\":14,",
    "\"prompt_tokens_details\":{\"cached_tokens\":4},\"completion_tokens_details\":{\"reasoning_tokens\":2}}}\n\n",
    "data: what is this\n\n",
    "data: {\"error\":{\"message\":\"no\"}}\n\n",
    "data: [DONE]\n\n",
);

fn chunks() -> Vec<SseChunk> {
    let parts = |text_bytes, has_choices| AnswerParts { text_bytes, has_choices, ..AnswerParts::default() };
    let tokens = Tokens { prompt: 9, completion: 5, cached: 4, cache_write: 0, reasoning: 2 };
    vec![
        SseChunk::Other,
        SseChunk::Parts(parts(0, true)),
        SseChunk::Parts(parts(6, true)),
        SseChunk::Parts(parts(8, true)),
        SseChunk::Parts(AnswerParts { tokens: Some(tokens), ..AnswerParts::default() }),
        SseChunk::Other,
        SseChunk::Parts(AnswerParts { is_error: true, ..AnswerParts::default() }),
        SseChunk::Done,
    ]
}

#[test]
fn stream_that_is_cut_anywhere_has_the_same_events_and_bytes() {
    let bytes = STREAM.as_bytes();
    for length in 1..=bytes.len() {
        let (mut reader, mut read, mut passed) = (SseReader::default(), Vec::new(), Vec::new());
        for part in bytes.chunks(length) {
            for event in reader.push(part).expect("events") {
                passed.extend_from_slice(&event.bytes);
                read.push(event.chunk);
            }
        }
        assert!(reader.end().is_none(), "{length}");
        assert_eq!(read, chunks(), "{length}");
        assert_eq!(passed, bytes, "{length}");
    }
}

#[test]
fn reasoning_is_a_part_of_the_completion_however_it_is_counted() {
    let rows = [
        // As OpenAI counts: within.
        (
            r#""completion_tokens":509,"total_tokens":539,"completion_tokens_details":{"reasoning_tokens":500}"#,
            509,
            500,
        ),
        (r#""completion_tokens":509,"completion_tokens_details":{"reasoning_tokens":500}"#, 509, 500),
        // As xAI counts: beside.
        (r#""completion_tokens":9,"total_tokens":539,"completion_tokens_details":{"reasoning_tokens":500}"#, 509, 500),
        (
            r#""completion_tokens":600,"total_tokens":1130,"completion_tokens_details":{"reasoning_tokens":500}"#,
            1100,
            500,
        ),
        (r#""completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":500}"#, 509, 500),
        (r#""completion_tokens":9,"total_tokens":39,"completion_tokens_details":{"reasoning_tokens":0}"#, 9, 0),
        (r#""completion_tokens":9,"total_tokens":39"#, 9, 0),
    ];
    for (counts, completion, reasoning) in rows {
        let body = format!(r#"{{"choices":[{{}}],"usage":{{"prompt_tokens":30,{counts}}}}}"#);
        let WholeAnswer(parts) = WholeAnswer::read(body.as_bytes()).expect("an answer");
        let expected = Tokens { prompt: 30, completion, reasoning, ..Tokens::default() };
        assert_eq!(parts.tokens, Some(expected), "{counts}");
    }
}

#[test]
fn stream_without_a_last_blank_line_has_its_last_event() {
    let mut reader = SseReader::default();
    assert!(reader.push(b"data: [DONE]\n").expect("no event yet").is_empty());
    assert_eq!(reader.end().map(|event| event.chunk), Some(SseChunk::Done));
    let mut endless = SseReader::default();
    let error = (0..2_000).find_map(|_| endless.push(&[b'x'; 1_024]).err());
    assert_eq!(error, Some(UpstreamError::Unreadable), "what has no end is no event");
}

#[test]
fn whole_answer_has_its_tokens_and_the_length_of_its_text() {
    let rows = [
        (r#"{"choices":[{"message":{"role":"assistant","content":"four","refusal":null}}]}"#, Some((None, 4))),
        (
            r#"{"choices":[{"message":{"content":null,"reasoning_content":"abc"}}],"usage":{"prompt_tokens":3}}"#,
            Some((Some((3, 0)), 3)),
        ),
        // Counts that cannot be read are none.
        (r#"{"choices":[{"message":{"content":"a"}}],"usage":{"prompt_tokens":-3}}"#, Some((None, 1))),
        (r#"{"choices":[{"message":{"content":"a"}}],"usage":"many"}"#, Some((None, 1))),
        (r#"{"choices":[]}"#, None),
        (r#"{"error":{"message":"no"}}"#, None),
        ("<html>", None),
        ("[]", None),
    ];
    for (json, expected) in rows {
        let read = WholeAnswer::read(json.as_bytes());
        let shown = read.map(|WholeAnswer(parts)| {
            (parts.tokens.map(|tokens| (tokens.prompt, tokens.completion)), parts.text_bytes)
        });
        assert_eq!(shown, expected, "{json}");
    }
}

fn read(settings: &[(&str, &str)], stage: &str) -> Result<LlmConfig, LlmConfigError> {
    LlmConfig::read(
        |name| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()),
        stage,
    )
}

#[test]
fn upstreams_are_tried_in_their_order() {
    let others = r#"[{"name":"spare","base_url":"https://b.invalid/v1/","models":["gpt-4o"],"reported_key":"7"}]"#;
    let settings = [
        ("LLM_BASE_URL", "https://a.invalid/v1"),
        ("LLM_MODELS", " gpt-4o, gpt-4o-mini "),
        ("LLM_UPSTREAMS", others),
        ("LLM_TIMEOUT_MS", "5000"),
    ];
    let config = read(&settings, "prod").expect("a config");
    let names = |model: &str| config.serving(model).map(|upstream| upstream.name.clone()).collect::<Vec<_>>().join(" ");
    assert_eq!([names("gpt-4o"), names("gpt-4o-mini"), names("o3")], ["main spare", "main", ""]);
    assert_eq!(config.timeout, Duration::from_secs(5));
    let ids = AnswerIds { request: Some("1"), answer: Some("2") };
    assert!(config.upstreams[0].reported_use(ids).is_none(), "it reports none");
    assert!(config.upstreams[1].reported_use(ids).is_some());
    assert!(read(&[], "prod").expect("a config").upstreams.is_empty());
}

/// The keys are those of a gateway's own reports: the parsers of `functions/litellm` and `functions/openrouter` have the
/// same ones in their tests, and the pull of a log has `identities.json`.
#[test]
fn use_has_the_name_that_its_gateway_reports() {
    let ids = |request, answer| AnswerIds { request, answer };
    let both = ids(Some("call-1"), Some("chatcmpl-1"));
    let rows = [
        ("new-api", "7", both, Some("usage#new-api-call-1-7")),
        ("new-api", "7", ids(Some("a b"), None), None),
        ("new-api", "7", ids(Some(""), None), None),
        ("new-api", "7", ids(None, Some("chatcmpl-1")), None),
        ("one-api", "7/default", both, Some("usage#one-api-call-1-7/default")),
        ("litellm", "h1", both, Some("usage#litellm.1.010bce80a24d1e38ddbfa2f652937fb4")),
        ("litellm", "h1", ids(None, Some("chatcmpl-1")), None),
        ("litellm", "h1", ids(Some("call-1"), None), None),
        ("openrouter", "a-shop", ids(None, Some("gen-1")), Some("usage#openrouter.gen-1")),
        ("openrouter", "a-shop", ids(Some("call-1"), None), None),
        ("openrouter", "a-shop", ids(None, Some("a b#")), None),
    ];
    for (by, key, ids, expected) in rows {
        let settings = [
            ("LLM_BASE_URL", "https://a.invalid/v1"),
            ("LLM_MODELS", "gpt-4o"),
            ("LLM_REPORTED_BY", by),
            ("LLM_REPORTED_KEY", key),
        ];
        let config = read(&settings, "prod").expect("a config");
        let reported = config.upstreams[0].reported_use(ids);
        assert_eq!(reported.as_ref().map(|of| of.usage.as_str()), expected, "{by} {ids:?}");
        assert!(reported.is_none_or(|of| of.key.as_str() == key), "{by}");
    }
    assert_eq!(LlmGateway::default().as_str(), "new-api");
}

#[test]
fn wrong_setting_is_named() {
    let base = ("LLM_BASE_URL", "https://a.invalid/v1");
    let models = ("LLM_MODELS", "gpt-4o");
    let rows: [(&[(&str, &str)], LlmConfigError); 10] = [
        (&[base], LlmConfigError::Models),
        (&[base, ("LLM_MODELS", "a b")], LlmConfigError::Models),
        (&[("LLM_BASE_URL", "http://a.invalid/v1"), models], LlmConfigError::Url),
        (&[("LLM_BASE_URL", "https://a.invalid/v1?key=1"), models], LlmConfigError::Url),
        (&[base, models, ("LLM_REPORTED_KEY", "a b")], LlmConfigError::ReportedKey),
        (&[base, models, ("LLM_REPORTED_BY", "sub2api")], LlmConfigError::ReportedBy),
        (&[base, models, ("LLM_UPSTREAMS", "{}")], LlmConfigError::Json),
        (
            &[base, models, ("LLM_UPSTREAMS", r#"[{"name":"main","base_url":"https://b.invalid","models":["a"]}]"#)],
            LlmConfigError::Names,
        ),
        (&[base, models, ("LLM_TIMEOUT_MS", "0")], LlmConfigError::Timeout),
        (&[base, models, ("LLM_TIMEOUT_MS", "30s")], LlmConfigError::Timeout),
    ];
    for (settings, expected) in rows {
        assert_eq!(read(settings, "prod"), Err(expected), "{settings:?}");
    }
    read(&[("LLM_BASE_URL", "http://127.0.0.1:9000/mock/openai/v1"), models], "local").expect("without TLS");
}

#[test]
fn key_is_that_of_its_upstream_and_in_no_debug_text() {
    let settings =
        [("OPENAI_API_KEY", "sk-1"), ("OPENAI_API_KEY_SPARE_EU", "sk-2"), ("OTHER", "x"), ("OPENAI_API_KEYS", "x")];
    let keys = OpenAiKeys::parse(settings).expect("keys");
    assert_eq!(["main", "spare-eu", "s", "other"].map(|name| keys.has(name)), [true, true, false, false]);
    assert!(!format!("{keys:?}").contains("sk-"));
    for wrong in ["", "changeme", "a b"] {
        OpenAiKeys::parse([("OPENAI_API_KEY", wrong)]).expect_err(wrong);
    }
}

#[test]
fn status_gives_the_class_of_an_error() {
    let said = br#"{"error":{"message":"too long","param":"messages","code":"context_length_exceeded"}}"#;
    let rows: [(u16, Option<&str>, &str, bool, bool); 12] = [
        (400, None, "bad_request", false, false),
        (404, None, "bad_request", false, false),
        (413, None, "bad_request", false, false),
        (422, None, "bad_request", false, false),
        (401, None, "key_refused", true, true),
        (402, None, "key_refused", true, true),
        (403, None, "forbidden", true, false),
        (408, None, "timed_out", false, true),
        (409, None, "failed", true, true),
        (429, Some("7"), "rate_limited", true, false),
        (500, None, "failed", true, true),
        (529, None, "failed", true, true),
    ];
    for (status, retry_after, class, is_of_the_upstream, is_outage) in rows {
        let error = UpstreamError::of_status(status, retry_after, said);
        let shown = (error.class(), error.is_of_the_upstream(), error.is_outage());
        assert_eq!(shown, (class, is_of_the_upstream, is_outage), "{status}");
        assert!(!format!("{error:?} {error}").contains("too long"), "no body in a log");
    }
    let of_credit =
        br#"{"error":{"message":"pay","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#;
    let of_user = br#"{"error":{"message":"pay","code":"insufficient_user_quota"}}"#;
    assert_eq!(UpstreamError::of_status(429, None, of_credit), UpstreamError::KeyRefused);
    assert_eq!(UpstreamError::of_status(403, None, of_user), UpstreamError::KeyRefused);
    // Errors under the status of a success.
    let bodies: [(&[u8], &str); 5] = [
        (br#"{"error":{"message":"flagged","code":403}}"#, "forbidden"),
        (br#"{"error":{"message":"slow down","code":429}}"#, "rate_limited"),
        (br#"{"error":{"message":"wrong","code":400,"metadata":{}}}"#, "bad_request"),
        (br#"{"error":{"message":"wrong","code":"a word"}}"#, "unreadable"),
        (b"{", "unreadable"),
    ];
    for (body, class) in bodies {
        assert_eq!(UpstreamError::of_body(body).class(), class);
    }
    let seconds = |text| UpstreamError::of_status(429, Some(text), b"");
    assert_eq!(seconds("7"), UpstreamError::RateLimited { retry_after_s: Some(7) });
    assert_eq!(seconds("99999"), UpstreamError::RateLimited { retry_after_s: Some(3_600) });
    assert_eq!(seconds("Wed, 21 Oct 2026 07:28:00 GMT"), UpstreamError::RateLimited { retry_after_s: None });
}
