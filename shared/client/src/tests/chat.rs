//! Chat completions: whole, in parts, refused and broken.

use super::*;

const STREAM: &[(&str, &str)] = &[("content-type", "text/event-stream; charset=utf-8"), ("x-request-id", "chat-1")];
const JSON: &[(&str, &str)] =
    &[("content-type", "application/json"), ("x-request-id", "chat-1"), ("x-hookledger-cost", "0.00012")];
const PARTS: &str = ": a comment\r\n\r\n\
    data: {\"model\":\"m-1\",\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}],\"usage\":null}\n\n\
    data: {\"model\":\"m-1\",\"choices\":[{\"delta\":{\"content\":\"Hello \"},\"finish_reason\":null}]}\n\n\
    data:{\"model\":\"m-1\",\"choices\":[{\"delta\":{\"content\":\"thére\"},\"finish_reason\":null}]}\r\n\r\n\
    data: {\"model\":\"m-1\",\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"model\":\"m-1\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\n";

/// The text, or the error in words, and the summary.
async fn read(chat: Result<Chat, Error>) -> (String, ChatSummary) {
    let mut chat = match chat {
        Ok(chat) => chat,
        Err(error) => return (error.to_string(), ChatSummary::default()),
    };
    let mut text = String::new();
    loop {
        match chat.text().await {
            Ok(Some(part)) => text.push_str(&part),
            Ok(None) => return (text, chat.summary),
            Err(error) => return (format!("{text}, then {error}"), chat.summary),
        }
    }
}

fn summary(is_streamed: bool) -> ChatSummary {
    ChatSummary {
        request_id: Some("chat-1".to_owned()),
        model: "m-1".to_owned(),
        finish_reason: Some("stop".to_owned()),
        prompt_tokens: Some(9),
        completion_tokens: Some(2),
        cost: (!is_streamed).then(|| "0.00012".to_owned()),
        is_fallback: false,
    }
}

#[tokio::test]
async fn answer_is_read_whole_and_in_parts() {
    let whole = r#"{"model":"m-1","choices":[{"message":{"content":"Hello thére"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":9,"completion_tokens":2}}"#;
    let (client, server) = Server::client(&[Act::Answer(200, JSON, whole)]);
    let answer = read(client.chat("m", "hello", false).await).await;
    assert_eq!(answer, ("Hello thére".to_owned(), summary(false)));
    let body = r#"{"messages":[{"content":"hello","role":"user"}],"model":"m"}"#;
    assert_eq!(server.seen(), [["POST", "https://api.example/chat/completions", "", body].map(str::to_owned)]);

    let parts: &'static str = format!("{PARTS}data: [DONE]\n\n").leak();
    let (client, server) = Server::client(&[Act::Answer(200, STREAM, parts)]);
    let answer = read(client.chat("m", "hello", true).await).await;
    assert_eq!(answer, ("Hello thére".to_owned(), summary(true)));
    let [[_, _, _, body]] = server.seen().try_into().expect("one request");
    assert!(body.contains(r#""stream":true,"stream_options":{"include_usage":true}"#), "{body}");
}

/// Each answer is charged, so that a repeat is for a person to decide.
#[tokio::test(start_paused = true)]
async fn unusable_answer_is_an_error_and_not_repeated() {
    let with_error: &'static str = format!(
        "{PARTS}data: {{\"error\":{{\"message\":\"Broken.\",\"type\":\"server_error\",\"param\":null,\"code\":\"upstream_failed\"}}}}\n\n"
    )
    .leak();
    let refused = r#"{"error":{"message":"Too few credits.","type":"insufficient_quota","param":null,"code":"insufficient_credits"}}"#;
    let rows = [
        (Act::Answer(402, JSON, refused), "Too few credits. (402 insufficient_credits)"),
        (Act::Answer(503, &[], "<html>"), "the answer is not one of this API: status 503"),
        (Act::Answer(200, STREAM, PARTS), "Hello thére, then no answer: the answer broke off"),
        (Act::Answer(200, STREAM, with_error), "Hello thére, then Broken. (502 upstream_failed)"),
        (Act::Fail, "no answer: "),
        (Act::Hang, "no answer: none within 60 s"),
    ];
    for (act, expected) in rows {
        let (client, server) = Server::client(&[act]);
        let (text, _) = read(client.chat("m", "hello", true).await).await;
        assert!(text.starts_with(expected), "{text}, not {expected}");
        assert_eq!(server.seen().len(), 1, "{expected}");
    }
}

#[tokio::test]
async fn fallback_is_named() {
    let whole =
        r#"{"model":"m-1","fallback":true,"choices":[{"message":{"content":"Later."},"finish_reason":"stop"}]}"#;
    let (client, _) = Server::client(&[Act::Answer(200, JSON, whole)]);
    let (text, summary) = read(client.chat("m", "hello", true).await).await;
    assert_eq!((text.as_str(), summary.is_fallback, summary.prompt_tokens), ("Later.", true, None));
}
