//! Tests of the fake upstream: both forms of a completion, what each word does, and refused requests.

use super::*;

const KEY: &str = "sk-fake";

fn upstream() -> OpenAi {
    OpenAi::new(KEY, "t")
}

fn call(body: &str) -> Call<'_> {
    let authorization = Some("Bearer sk-fake");
    Call { method: "POST", path: "/v1/chat/completions", authorization, body, now_s: 1_767_225_600 }
}

fn request(text: &str, more: &Value) -> String {
    let mut body = json!({ "model": "gpt-4o", "messages": [{ "role": "user", "content": text }] });
    for (name, value) in more.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body.to_string()
}

fn answered(text: &str, more: &Value) -> Answered {
    upstream().answer(&call(&request(text, more)))
}

fn whole(text: &str, more: &Value) -> Value {
    let answered = answered(text, more);
    assert_eq!((answered.status, answered.parts.len()), (200, 1), "{text}");
    serde_json::from_str(&answered.parts[0]).expect("an object")
}

/// The objects of the events, and whether they end with `[DONE]`.
fn events(answered: &Answered) -> (Vec<Value>, bool) {
    let data =
        |part: &String| part.strip_prefix("data: ").and_then(|part| part.strip_suffix("\n\n")).map(str::to_owned);
    let mut data: Vec<String> = answered.parts.iter().map(|part| data(part).expect("an event")).collect();
    let is_done = data.pop_if(|last| last == "[DONE]").is_some();
    (data.iter().map(|data| serde_json::from_str(data).expect("an object")).collect(), is_done)
}

fn text_of(events: &[Value]) -> String {
    events.iter().filter_map(|event| event.pointer("/choices/0/delta/content")?.as_str()).collect()
}

#[test]
fn completion_has_text_and_usage_in_both_forms() {
    let body = whole("hello there", &json!({}));
    assert_eq!(body["choices"][0]["message"]["content"], "You wrote: hello there");
    assert_eq!(body["choices"][0]["finish_reason"], "stop");
    // Eleven characters are three tokens; a message and the answer have seven of their own.
    let usage = json!({
        "prompt_tokens": 10, "completion_tokens": 4, "total_tokens": 14,
        "prompt_tokens_details": { "cached_tokens": 0 }, "completion_tokens_details": { "reasoning_tokens": 0 },
    });
    assert_eq!((&body["usage"], &body["id"]), (&usage, &json!("chatcmpl-t00000001")));

    let streamed = answered("hello there", &json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let (events, is_done) = events(&streamed);
    assert!(is_done);
    assert_eq!(text_of(&events), "You wrote: hello there");
    let (last, earlier) = events.split_last().expect("events");
    assert_eq!((&last["choices"], &last["usage"]), (&json!([]), &usage));
    assert!(earlier.iter().all(|event| event.get("usage") == Some(&Value::Null)));
    assert_eq!(earlier.last().expect("one")["choices"][0]["finish_reason"], "stop");

    let (events, is_done) = self::events(&answered("hello there", &json!({ "stream": true })));
    assert!(is_done && events.iter().all(|event| event.get("usage").is_none()), "usage only where it is wanted");
}

#[test]
fn same_request_has_the_same_answer_under_another_id() {
    let upstream = upstream();
    let body = request("hello", &json!({ "stream": true }));
    let [first, second] = [(), ()].map(|()| upstream.answer(&call(&body)));
    let without_id = |answered: &Answered| answered.parts.concat().replace("t00000002", "t00000001");
    assert_ne!(first.parts, second.parts);
    assert_eq!(without_id(&first), without_id(&second));
    let totals = Totals { calls: 2, completions: 2, prompt_tokens: 18, completion_tokens: 6 };
    assert_eq!(upstream.totals(), totals);
    let shown = upstream.answer(&Call { method: "GET", path: TOTALS, authorization: None, ..call("") });
    assert_eq!(shown.parts.concat(), r#"{"calls":2,"completion_tokens":6,"completions":2,"prompt_tokens":18}"#);
}

#[test]
fn limit_cuts_the_answer() {
    for limit in ["max_tokens", "max_completion_tokens"] {
        let body = whole("one two three four", &json!({ limit: 3 }));
        assert_eq!(body["choices"][0]["message"]["content"], "You wrote: one ", "{limit}");
        assert_eq!(body["choices"][0]["finish_reason"], "length", "{limit}");
        assert_eq!(body["usage"]["completion_tokens"], 3, "{limit}");
    }
}

#[test]
fn tool_is_called_and_its_result_answered() {
    let parameters =
        json!({ "type": "object", "properties": { "city": { "type": "string" }, "days": { "type": "integer" } } });
    let tools = json!([{ "type": "function", "function": { "name": "weather", "parameters": parameters } }]);
    let body = whole("the weather", &json!({ "tools": tools }));
    let call = &body["choices"][0]["message"]["tool_calls"][0];
    assert_eq!((&call["function"]["name"], &call["id"]), (&json!("weather"), &json!("call_t00000001")));
    assert_eq!(call["function"]["arguments"], r#"{"city":"fake","days":1}"#);
    assert_eq!(body["choices"][0]["finish_reason"], "tool_calls");

    let (events, _) = events(&answered("the weather", &json!({ "tools": tools, "stream": true })));
    let pointer = "/choices/0/delta/tool_calls/0/function/arguments";
    let arguments: String = events.iter().filter_map(|event| event.pointer(pointer)?.as_str()).collect();
    assert_eq!(arguments, r#"{"city":"fake","days":1}"#);

    let of_tool = json!([{ "role": "tool", "tool_call_id": "call_1", "content": "sunny" }]);
    let body = whole("", &json!({ "tools": tools, "messages": of_tool }));
    assert_eq!(body["choices"][0]["message"]["content"], "The tool returned: sunny");
    let body = whole("hello", &json!({ "tools": tools, "tool_choice": "none" }));
    assert_eq!(body["choices"][0]["message"]["content"], "You wrote: hello");
}

#[test]
fn answer_has_the_wanted_format() {
    let schema = json!({ "type": "object", "properties": { "ok": { "type": "boolean" }, "of": { "enum": ["a"], "type": "string" } } });
    let rows = [
        (json!({ "type": "text" }), "You wrote: hello"),
        (json!({ "type": "json_object" }), "{}"),
        (json!({ "type": "json_schema", "json_schema": { "name": "a", "schema": schema } }), r#"{"of":"a","ok":true}"#),
    ];
    for (format, content) in rows {
        let body = whole("hello", &json!({ "response_format": format }));
        assert_eq!(body["choices"][0]["message"]["content"], content, "{format}");
    }
}

#[test]
fn failing_word_gives_its_status() {
    let rows = [
        ("fail-400", 400, None),
        ("fail-401", 401, None),
        ("fail-403", 403, None),
        ("fail-404", 404, None),
        ("fail-429", 429, Some("7")),
        ("fail-quota", 429, None),
        ("fail-500", 500, None),
        ("fail-503", 503, None),
        ("fail-429-once", 429, Some("7")),
        ("fail-500-once", 500, None),
    ];
    for (word, status, retry_after) in rows {
        let (upstream, body) = (upstream(), request(word, &json!({ "stream": true })));
        let first = upstream.answer(&call(&body));
        let header = first.headers.iter().find(|(name, _)| *name == "retry-after").map(|(_, value)| value.as_str());
        assert_eq!((first.status, header), (status, retry_after), "{word}");
        let error: Value = serde_json::from_str(&first.parts.concat()).expect("an object");
        assert!(["message", "type", "param", "code"].iter().all(|name| error["error"].get(name).is_some()), "{error}");
        let second = if word.ends_with("-once") { 200 } else { status };
        assert_eq!(upstream.answer(&call(&body)).status, second, "{word}");
    }
    assert_eq!(rows.len(), WORDS.iter().filter(|word| word.word.starts_with("fail-")).count());
}

#[test]
fn word_changes_how_an_answer_arrives() {
    let of = |text: &str| answered(text, &json!({ "stream": true, "stream_options": { "include_usage": true } }));
    let plain = of("a b c d");
    assert_eq!((plain.wait, plain.pace_ms, plain.end, plain.parts.len()), (Wait::None, 0, End::Whole, 10));
    assert_eq!(of("slow").wait, Wait::Seconds(3));
    assert_eq!(of("hangs").wait, Wait::ForEver);
    assert_eq!(of("trickle").pace_ms, 50);
    for (word, end) in [("stalls", End::Stalls), ("breaks", End::Breaks)] {
        let ended = of(&format!("a b c {word}"));
        assert_eq!((ended.end, ended.parts.len()), (end, 4), "{word}");
        assert_eq!(text_of(&events(&ended).0), "You wrote: a ", "{word}");
    }
    let (errs, is_done) = events(&of("errs-midway a b c"));
    assert_eq!((errs.len(), is_done, errs[4].pointer("/error/type")), (5, false, Some(&json!("server_error"))));
    let (undone, is_done) = events(&of("no-done"));
    assert_eq!((is_done, undone.last().expect("one").get("usage")), (false, Some(&Value::Null)));
    assert_eq!(of("long").parts.len(), 404);
    assert_eq!(of("garbage").parts, ["<html>"]);
}

#[test]
fn word_changes_the_usage_that_is_reported() {
    let usage = |text: &str| whole(text, &json!({})).get("usage").cloned();
    assert_eq!(usage("no-usage"), None);
    assert_eq!(usage("huge-usage").expect("usage")["total_tokens"], 2_000_000);
    assert_eq!(usage("cached 0123456789").expect("usage")["prompt_tokens_details"]["cached_tokens"], 6);
}

#[test]
fn echo_has_the_whole_request() {
    let body = request("echo \u{e9}", &json!({ "unknown_field": { "a": [1.50] }, "temperature": 0.2 }));
    let answered = upstream().answer(&call(&body));
    let answer: Value = serde_json::from_str(&answered.parts.concat()).expect("an object");
    assert_eq!(answer["choices"][0]["message"]["content"], body.as_str());
}

#[test]
fn word_with_a_name_holds_at_that_upstream() {
    let body = request("fail-500@second hello", &json!({}));
    assert_eq!(upstream().answer(&call(&body)).status, 200);
    assert_eq!(upstream().named("second").answer(&call(&body)).status, 500);
}

#[test]
fn refused_request_is_counted_and_generates_nothing() {
    let upstream = upstream();
    let with = |more: Value| request("hello", &more);
    let rows = [
        ("{".to_owned(), 400, Value::Null),
        ("{}".to_owned(), 400, json!("model")),
        (with(json!({ "model": "another" })), 404, json!("model")),
        (with(json!({ "messages": [] })), 400, json!("messages")),
        (with(json!({ "messages": "hello" })), 400, json!("messages")),
        (with(json!({ "n": 2 })), 400, json!("n")),
        (with(json!({ "stream": "yes" })), 400, json!("stream")),
        (with(json!({ "stream_options": { "include_usage": true } })), 400, json!("stream_options")),
        (with(json!({ "max_tokens": 0 })), 400, json!("max_tokens")),
        (with(json!({ "max_completion_tokens": "many" })), 400, json!("max_completion_tokens")),
        (with(json!({ "tools": [] })), 400, json!("tools")),
        (with(json!({ "response_format": { "type": "xml" } })), 400, json!("response_format")),
    ];
    let count = u64::try_from(rows.len()).expect("a number");
    for (body, status, param) in rows {
        let refused = upstream.answer(&call(&body));
        let error: Value = serde_json::from_str(&refused.parts.concat()).expect("an object");
        assert_eq!((refused.status, &error["error"]["param"]), (status, &param), "{body}");
    }
    assert_eq!(upstream.totals(), Totals { calls: count, ..Totals::default() });

    let good = with(json!({}));
    for (method, path, authorization, status) in [
        ("POST", "/v1/chat/completions", None, 401),
        ("POST", "/v1/chat/completions", Some("Bearer sk-other"), 401),
        ("POST", "/v1/chat/completions", Some("sk-fake"), 401),
        ("GET", "/v1/chat/completions", Some("Bearer sk-fake"), 404),
        ("POST", "/chat/completions", Some("Bearer sk-fake"), 404),
    ] {
        let answered = upstream.answer(&Call { method, path, authorization, ..call(&good) });
        assert_eq!(answered.status, status, "{method} {path} {authorization:?}");
    }
}

#[test]
fn models_are_listed() {
    let upstream = upstream().with_models(["one", "two"]);
    let answered = upstream.answer(&Call { method: "GET", path: "/v1/models", ..call("") });
    let list: Value = serde_json::from_str(&answered.parts.concat()).expect("an object");
    let ids: Vec<&str> = list["data"].as_array().expect("a list").iter().filter_map(|of| of["id"].as_str()).collect();
    assert_eq!((&list["object"], ids), (&json!("list"), vec!["one", "two"]));
    for (model, status) in [("one", 200), ("two-2026-01-01", 200), ("once", 404), ("three", 404)] {
        let body = request("hello", &json!({ "model": model }));
        assert_eq!(upstream.answer(&call(&body)).status, status, "{model}");
    }
}
