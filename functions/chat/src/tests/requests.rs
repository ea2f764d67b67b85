//! Requests: which fields are checked, and what passes byte for byte.

use super::config;
use crate::config::{Config, ConfigError};
use crate::parse::{ChatRequest, RequestSize};

fn read(body: &str) -> Result<ChatRequest, String> {
    ChatRequest::read(body.as_bytes(), &config()).map_err(|failure| failure.reply().body)
}

const HI: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

#[test]
fn upstream_gets_the_request_with_its_limit_and_its_wish_for_usage() {
    let rows = [
        (format!(r#"{{"model":"gpt-4o",{HI}}}"#), format!(r#"{{"max_tokens":1024,"model":"gpt-4o",{HI}}}"#)),
        // Everything else stays as it is spelled.
        (
            format!("{{ \"model\" : \"gpt-4o\",\n\t{HI} , \"x\":{{\"a\":1.0e2,\"a\":2}},\"max_tokens\":5 }}"),
            format!("{{ \"model\" : \"gpt-4o\",\n\t{HI} , \"x\":{{\"a\":1.0e2,\"a\":2}},\"max_tokens\":5 }}"),
        ),
        (
            format!(r#"{{"model":"gpt-4o","max_tokens":null,{HI}}}"#),
            format!(r#"{{"model":"gpt-4o","max_tokens":1024,{HI}}}"#),
        ),
        (
            format!(r#"{{"model":"o3-mini","max_completion_tokens":9,{HI}}}"#),
            format!(r#"{{"model":"o3-mini","max_completion_tokens":9,{HI}}}"#),
        ),
        // A gateway that knows only the older name would set no limit.
        (
            format!("{{\"model\":\"gpt-4o\",\"max_completion_token\\u0073\"\n: 9,{HI}}}"),
            format!("{{\"model\":\"gpt-4o\",\"max_tokens\"\n: 9,{HI}}}"),
        ),
        (
            format!(r#"{{"model":"gpt-4o","max_completion_tokens":9,"max_tokens":null,{HI}}}"#),
            format!(r#"{{"model":"gpt-4o","max_completion_tokens":null,"max_tokens":9,{HI}}}"#),
        ),
        (
            format!(r#"{{"model":"gpt-4o","max_tokens":8,"max_completion_tokens":9,{HI}}}"#),
            format!(r#"{{"model":"gpt-4o","max_tokens":8,"max_completion_tokens":9,{HI}}}"#),
        ),
        (
            format!(r#"{{"model":"openai/gpt-5","a":1,{HI}}}"#),
            format!(r#"{{"max_completion_tokens":1024,"model":"openai/gpt-5","a":1,{HI}}}"#),
        ),
        (
            format!(r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,{HI}}}"#),
            format!(
                r#"{{"stream_options":{{"include_usage":true}},"model":"gpt-4o","max_tokens":5,"stream":true,{HI}}}"#
            ),
        ),
        (
            format!(r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,"stream_options":null,{HI}}}"#),
            format!(
                r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,"stream_options":{{"include_usage":true}},{HI}}}"#
            ),
        ),
        (
            format!(r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,"stream_options":{{ }},{HI}}}"#),
            format!(
                r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,"stream_options":{{"include_usage":true }},{HI}}}"#
            ),
        ),
        (
            format!(r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,"stream_options":{{"b":[1]}},{HI}}}"#),
            format!(
                r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,"stream_options":{{"include_usage":true,"b":[1]}},{HI}}}"#
            ),
        ),
        (
            format!(
                r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,"stream_options":{{"include_usage": false}},{HI}}}"#
            ),
            format!(
                r#"{{"model":"gpt-4o","max_tokens":5,"stream":true,"stream_options":{{"include_usage": true}},{HI}}}"#
            ),
        ),
    ];
    for (body, expected) in rows {
        let request = read(&body).expect("a request");
        assert_eq!(request.body.0, expected);
        assert!(!request.wants_usage);
        serde_json::from_str::<serde_json::Value>(&request.body.0).expect("JSON");
    }
    let wanted = r#""stream":true,"stream_options":{"include_usage":true}"#;
    let body = format!(r#"{{"model":"gpt-4o","max_tokens":5,{wanted},{HI}}}"#);
    let request = read(&body).expect("a request");
    assert_eq!((request.body.0.as_str(), request.wants_usage), (body.as_str(), true));
}

#[test]
fn wrong_field_is_named() {
    let rows = [
        ("", "body_invalid", ""),
        ("[]", "body_invalid", ""),
        ("{\"model\":1", "body_invalid", ""),
        (r#"{"model":"a","model":"b"}"#, "invalid_value", "model"),
        (r#"{"model":"gpt-4o","messages":[{"role":"user","role":"system"}]}"#, "invalid_value", "messages[0].role"),
        (
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","t\u0079pe":"file"}]}]}"#,
            "invalid_value",
            "messages[0].content[0].type",
        ),
        (r#"{"messages":[]}"#, "invalid_value", "model"),
        (r#"{"model":1}"#, "invalid_value", "model"),
        (r#"{"model":""}"#, "invalid_value", "model"),
        (r#"{"model":"gpt-4o"}"#, "invalid_value", "messages"),
        (r#"{"model":"gpt-4o","messages":[]}"#, "invalid_value", "messages"),
        (r#"{"model":"gpt-4o","messages":"hi"}"#, "invalid_value", "messages"),
        (r#"{"model":"gpt-4o","messages":["hi"]}"#, "invalid_value", "messages[0]"),
        (r#"{"model":"gpt-4o","messages":[{"role":"user"},{}]}"#, "invalid_value", "messages[1].role"),
        (r#"{"model":"gpt-4o","messages":[{"role":7}]}"#, "invalid_value", "messages[0].role"),
        (r#"{"model":"gpt-4o","messages":[{"role":"user","content":7}]}"#, "invalid_value", "messages[0].content"),
        (r#"{"model":"gpt-4o","stream":"yes"}"#, "invalid_value", "stream"),
        (r#"{"model":"gpt-4o","n":2}"#, "invalid_value", "n"),
        (r#"{"model":"gpt-4o","n":"1"}"#, "invalid_value", "n"),
        (r#"{"model":"gpt-4o","n":0}"#, "invalid_value", "n"),
        // Some upstreams ignore the case of a name, and take the last of two.
        (r#"{"model":"gpt-4o-mini","Model":"o1-pro"}"#, "invalid_value", "Model"),
        (r#"{"model":"gpt-4o","Max_Tokens":16384}"#, "invalid_value", "Max_Tokens"),
        (r#"{"model":"gpt-4o","max_token\u017f":16384}"#, "invalid_value", "max_token\u{17f}"),
        (r#"{"model":"gpt-4o","max_to\u212aens":16384}"#, "invalid_value", "max_to\u{212a}ens"),
        (r#"{"model":"gpt-4o","N":9}"#, "invalid_value", "N"),
        (r#"{"model":"gpt-4o","\u0053tream":true}"#, "invalid_value", "Stream"),
        (r#"{"model":"gpt-4o","messages":[{"role":"user","Content":"a"}]}"#, "invalid_value", "messages[0].Content"),
        (
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"Image_url":{}}]}]}"#,
            "invalid_value",
            "messages[0].content[0].Image_url",
        ),
        // What the rate card has no price for.
        (r#"{"model":"gpt-4o","service_tier":"priority"}"#, "invalid_value", "service_tier"),
        (r#"{"model":"gpt-4o","Service_Tier":"priority"}"#, "invalid_value", "Service_Tier"),
        (r#"{"model":"gpt-4o","web_search_options":{}}"#, "invalid_value", "web_search_options"),
        (r#"{"model":"gpt-4o","models":["o1-pro"]}"#, "invalid_value", "models"),
        (r#"{"model":"gpt-4o","plugins":[{"id":"web"}]}"#, "invalid_value", "plugins"),
        (r#"{"model":"gpt-4o","audio":{"voice":"alloy"}}"#, "invalid_value", "audio"),
        (
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"type":"text","text":"a"},{"video_url":{"url":"x"}}]}]}"#,
            "invalid_value",
            "messages[0].content[1].video_url",
        ),
        (
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"Type":"text"}]}]}"#,
            "invalid_value",
            "messages[0].content[0].Type",
        ),
        (
            r#"{"model":"gpt-4o","messages":[{"role":"user","content":[{"Video_URL":{"url":"x"}}]}]}"#,
            "invalid_value",
            "messages[0].content[0].Video_URL",
        ),
    ];
    for (body, code, param) in rows {
        let error: serde_json::Value = serde_json::from_str(&read(body).expect_err(body)).expect("JSON");
        assert_eq!(error["error"]["code"], code, "{body}");
        assert_eq!(error["error"]["param"].as_str().unwrap_or_default(), param, "{body}");
    }
    for limit in ["0", "-1", "1.5", "16385", "\"9\"", "[]", "1e3"] {
        for name in ["max_tokens", "max_completion_tokens"] {
            let body = format!(r#"{{"model":"gpt-4o",{HI},"{name}":{limit}}}"#);
            assert!(read(&body).expect_err(&body).contains(&format!(r#""param":"{name}""#)), "{body}");
        }
    }
    for more in [r#""service_tier":"auto""#, r#""audio":null"#, r#""modalities":["text"]"#, r#""Temperature":1"#] {
        let body = format!(r#"{{"model":"gpt-4o","max_tokens":5,{more},{HI}}}"#);
        assert_eq!(read(&body).expect("a request").body.0, body);
    }
    let message = r#"{"role":"user"}"#;
    let many = |count: usize| format!(r#"{{"model":"gpt-4o","messages":[{}]}}"#, [message].repeat(count).join(","));
    assert!(read(&many(1_000)).is_ok());
    assert!(read(&many(1_001)).expect_err("too many").contains(r#""param":"messages""#));
    for options in ["1", "[]", r#"{"include_usage":"yes"}"#] {
        let body = format!(r#"{{"model":"gpt-4o",{HI},"stream":true,"stream_options":{options}}}"#);
        assert!(read(&body).expect_err(&body).contains("stream_options"), "{body}");
    }
    let body = format!(r#"{{"model":"gpt-4o",{HI},"stream_options":{{}}}}"#);
    assert!(read(&body).expect_err("no stream").contains("stream_options"));
}

/// A gateway may make one of its own of any other.
#[test]
fn unknown_field_is_refused_where_only_known_ones_pass() {
    let variable = |name: &str| (name == "CHAT_UNKNOWN_FIELDS").then(|| "refuse".to_owned());
    let config = Config::read(variable).expect("settings");
    let read = |more: &str| {
        let body = format!(r#"{{"model":"gpt-4o",{HI},{more}}}"#);
        ChatRequest::read(body.as_bytes(), &config).map_err(|failure| failure.reply().body)
    };
    for (more, param) in [
        (r#""provider":{"only":["dear"]}"#, "provider"),
        (r#""Temperature":1"#, "Temperature"),
        (r#""top-p":1"#, "top-p"),
        (r#""user":"a","unheard_of":false"#, "unheard_of"),
    ] {
        let refused = read(more).expect_err(more);
        assert!(refused.contains(&format!(r#""param":"{param}""#)), "{more}: {refused}");
    }
    for more in [
        r#""temperature":0,"top_p":1,"seed":7,"stop":["a"],"user":"a","metadata":{"a":"b"},"store":false"#,
        r#""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":"auto","parallel_tool_calls":false"#,
        r#""response_format":{"type":"json_object"},"reasoning_effort":"low","verbosity":"low","logprobs":true"#,
        r#""stream":true,"stream_options":{"include_usage":true},"n":1,"provider":null"#,
    ] {
        read(more).unwrap_or_else(|refused| panic!("{more}: {refused}"));
    }
    let unreadable = Config::read(|name| (name == "CHAT_UNKNOWN_FIELDS").then(|| "drop".to_owned()));
    assert_eq!(unreadable, Err(ConfigError::UnknownFields));
}

/// A few bytes of a part, or its address, may be a film or a book.
#[test]
fn part_without_a_price_is_refused_by_name() {
    let of_part = |part: &str| format!(r#"{{"model":"gpt-4o","messages":[{{"role":"user","content":[{part}]}}]}}"#);
    for part in [
        r#"{"type":"file","file":{"file_id":"file-1"}}"#,
        r#"{"type":"file","file":{"file_data":"https://a.invalid/1.pdf"}}"#,
        r#"{"type":"file","file":{"file_data":"data:application/pdf;base64,AAAA"}}"#,
        r#"{"file":{"file_id":"file-1"}}"#,
        r#"{"type":"video","video":["https://a.invalid/1.jpg"]}"#,
        r#"{"type":"image","source":{"type":"url","url":"https://a.invalid/1.jpg"}}"#,
        r#"{"type":"input_audio","input_audio":{"data":"https://a.invalid/1.mp3","format":"mp3"}}"#,
        r#"{"type":["text"],"text":"a"}"#,
    ] {
        let refused = read(&of_part(part)).expect_err(part);
        assert!(refused.contains(r#""param":"messages[0].content[0].type""#), "{part}: {refused}");
    }
    for (image, at) in [
        (r#"{"url":"data:application/pdf;base64,AAAA"}"#, ""),
        (r#""DATA:video/mp4;base64,AAAA""#, ""),
        (r#"{"url":"data:image/svg+xml;base64,AAAA"}"#, ""),
        (r#"{"url":" data:application/pdf;base64,AAAA"}"#, ""),
        (r#"{"url":"gs://bucket/film"}"#, ""),
        (r#"{"url":"https://a.invalid/Film.MP4?a=.png"}"#, ""),
        (r#"{"url":"https://generativelanguage.googleapis.com/v1beta/files/1"}"#, ""),
        (r#"{"url":7}"#, ""),
        (r#"{"url":"https://a.invalid/1.png","url":"data:application/pdf;base64,AAAA"}"#, ".url"),
        (r#"{"URL":"data:application/pdf;base64,AAAA"}"#, ".URL"),
        (r#"{"url":"data:image/png;base64,AAAA","format":"application/pdf"}"#, ".format"),
        (r#"{"detail":"low"}"#, ".url"),
        (r#"{"url":"https://a.invalid/1.png","detail":"original"}"#, ".detail"),
        ("7", ""),
    ] {
        let refused = read(&of_part(&format!(r#"{{"type":"image_url","image_url":{image}}}"#))).expect_err(image);
        let param = format!(r#""param":"messages[0].content[0].image_url{at}""#);
        assert!(refused.contains(&param), "{image}: {refused}");
    }
    let part = r#"{"type":"image_url","image_url":"https://a.invalid/1.png","max_pixels":16777216}"#;
    assert!(read(&of_part(part)).expect_err(part).contains(r#""param":"messages[0].content[0].max_pixels""#));
    let thought = r#"{"type":"thinking","thinking":"a","signature":"b"},{"type":"text","text":"c"}"#;
    assert!(read(&of_part(thought)).is_ok());
}

/// What an upstream may bill beyond the tokens of texts and images, or by which it answers with another model.
#[test]
fn field_without_a_price_is_refused_by_name() {
    let more = [
        (r#""fallbacks":["gpt-4o"]"#, "fallbacks"),
        (r#""context_window_fallbacks":[{}]"#, "context_window_fallbacks"),
        (r#""mock_testing_Fallbacks":true"#, "mock_testing_Fallbacks"),
        (r#""search_parameters":{}"#, "search_parameters"),
        (r#""enable_search":true"#, "enable_search"),
        (r#""tools":[{"type":"function"},{"type":"openrouter:web_search"}]"#, "tools[1].type"),
        (r#""tools":[{"Type":"web_search"}]"#, "tools[0].Type"),
        (r#""tools":["web_search"]"#, "tools[0]"),
        (r#""tools":[{"name":"f"}]"#, "tools[0].type"),
        (r#""tools":[{"googleSearch":{}}]"#, "tools[0].type"),
        (r#""tools":[{"type":null,"googleSearch":{}}]"#, "tools[0].type"),
        (r#""tools":[{"type":"function","function":{"name":"a"},"google_search":{}}]"#, "tools[0].google_search"),
        (r#""tools":[{"type":"function","function":{"name":"google\u0053earch"}}]"#, "tools[0].function.name"),
        (r#""tools":[{"type":"function","function":{"Name":"googleSearch"}}]"#, "tools[0].function.Name"),
        (r#""functions":[{"name":"f"},{"name":"codeExecution"}]"#, "functions[1].name"),
        // Through these a gateway takes fields that are not read here, or leaves out those that are.
        (r#""extra_body":{"n":8,"max_tokens":16384}"#, "extra_body"),
        (r#""Extra_Body":{"n":8}"#, "Extra_Body"),
        (r#""additional_drop_params":["max_tokens"]"#, "additional_drop_params"),
        (r#""allowed_openai_params":["n"]"#, "allowed_openai_params"),
        (r#""max_output_tokens":65536"#, "max_output_tokens"),
        (r#""candidate_count":8"#, "candidate_count"),
        (r#""generationConfig":{"candidateCount":8}"#, "generationConfig"),
        (r#""num_retries":20"#, "num_retries"),
        (r#""deferred":true"#, "deferred"),
        (r#""prediction":{"type":"content","content":"a"}"#, "prediction"),
        (r#""speed":"fast""#, "speed"),
        (r#""maxTokens":64000"#, "maxTokens"),
        (r#""max-tokens":64000"#, "max-tokens"),
        (r#""num_predict":-1"#, "num_predict"),
        (r#""inferenceConfig":{"maxTokens":9}"#, "inferenceConfig"),
        (r#""model_id":"dear""#, "model_id"),
        (r#""deployment_id":"o1-pro""#, "deployment_id"),
        (r#""mcp_servers":[{"type":"url"}]"#, "mcp_servers"),
        (r#""headers":{"Authorization":"Bearer bad"}"#, "headers"),
        (r#""provider_specific_header":{}"#, "provider_specific_header"),
        (r#""serviceTier":{"type":"priority"}"#, "serviceTier"),
        (r#""Service_Tier":"auto""#, "Service_Tier"),
        (r#""modalities":["text","audio"]"#, "modalities"),
        (r#""api_key":"x""#, "api_key"),
        (r#""timeout":0"#, "timeout"),
        (r#""preset":"dear""#, "preset"),
        (r#""tools":{}"#, "tools"),
        (r#""Tools":[]"#, "Tools"),
        (r#""stream":true,"stream_options":{"Include_Usage":false}"#, "stream_options.Include_Usage"),
        (
            r#""stream":true,"stream_options":{"include_usage":true,"include_usage":false}"#,
            "stream_options.include_usage",
        ),
    ];
    for (more, param) in more {
        let refused = read(&format!(r#"{{"model":"gpt-4o",{HI},{more}}}"#)).expect_err(more);
        assert!(refused.contains(&format!(r#""param":"{param}""#)), "{more}: {refused}");
    }
    for more in [
        r#""tools":[{"type":"function","function":{"name":"google_search","strict":true}},{"type":"custom"}]"#,
        r#""tools":[{"type":"custom","custom":{"name":"g"},"cache_control":{"type":"ephemeral"}}],"functions":[{"name":"h"}]"#,
        r#""tools":[{"type":"function","function":{"name":"f"},"google_search":null,"strict":true}],"modalities":[ "text" ]"#,
        r#""extra_body":{ },"plugins":[],"enable_search":false,"num_retries":0,"service_tier":"standard","speed":"standard""#,
        r#""tools":null,"functions":null,"fallbacks":null,"extra_body":null,"provider":{"order":["a"]},"unknown":{"n":8}"#,
    ] {
        let body = format!(r#"{{"model":"gpt-4o","max_tokens":5,{more},{HI}}}"#);
        assert_eq!(read(&body).expect("a request").body.0, body);
    }
    let members: Vec<String> = (0..200).map(|n| format!(r#""x{n}":1,"#)).collect();
    let members = members.concat();
    assert!(read(&format!(r#"{{{members}"model":"gpt-4o",{HI}}}"#)).expect_err("many").contains("up to 128 members"));
}

/// Which of the two names sets the limit.
#[test]
fn limit_has_the_name_that_its_model_obeys() {
    for (models, name) in [
        (["o1", "o3-mini", "openai/o4-mini", "gpt-5", "gpt-5.1-mini", "ft:o4-mini:org"], "max_completion_tokens"),
        (["gpt-4o", "gpt-4.1", "gpt-oss-120b", "openai/gpt-4", "opus", "o-model"], "max_tokens"),
    ] {
        for model in models {
            let body = read(&format!(r#"{{"model":"{model}",{HI}}}"#)).expect("a request").body.0;
            assert_eq!(body, format!(r#"{{"{name}":1024,"model":"{model}",{HI}}}"#));
        }
    }
}

#[test]
fn size_bounds_the_tokens() {
    let at_address = r#"{"type":"image_url","image_url":{"url":"https://a.invalid/1.png"}}"#;
    let inline = r#"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#;
    let content = |parts: &str| {
        format!(r#"{{"model":"gpt-4o","max_tokens":7,"messages":[{{"role":"user","content":[{parts}]}}]}}"#)
    };
    let rows = [
        (content(""), 0, 0),
        (content(at_address), 1, 0),
        (content(&format!("{inline},{at_address}")), 2, r#""data:image/png;base64,AAAA""#.len()),
    ];
    for (body, images, inline_bytes) in rows {
        let size = read(&body).expect("a request").size;
        let prompt_bytes = u64::try_from(body.len() - inline_bytes).expect("small");
        assert_eq!(size, RequestSize { prompt_bytes, images, max_tokens: 7 }, "{body}");
    }
    let both = format!(r#"{{"model":"gpt-4o",{HI},"max_tokens":7,"max_completion_tokens":9}}"#);
    assert_eq!(read(&both).expect("a request").size.max_tokens, 9);
}

#[test]
fn last_text_is_that_of_the_user() {
    let rows = [
        (r#"[{"role":"user","content":"one"},{"role":"assistant","content":"two"}]"#, Some("one")),
        (
            r#"[{"role":"user","content":"one"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]"#,
            Some("a b"),
        ),
        (r#"[{"role":"system","content":"one"}]"#, None),
    ];
    for (messages, expected) in rows {
        let request = read(&format!(r#"{{"model":"gpt-4o","messages":{messages}}}"#)).expect("a request");
        assert_eq!(request.body.last_text().as_deref(), expected, "{messages}");
    }
}

#[test]
fn prompt_is_in_no_debug_text() {
    let request = read(&format!(r#"{{"model":"gpt-4o",{HI},"x":"a secret"}}"#)).expect("a request");
    assert!(!format!("{request:?}").contains("secret"));
}
