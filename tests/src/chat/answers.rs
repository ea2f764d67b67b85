//! Answers: what a caller gets, and what it is charged.

use super::*;

fn cost_of(usage: &Value) -> i128 {
    let count = |name: &str| i128::from(usage[name].as_u64().expect(name));
    count("prompt_tokens") * IN + count("completion_tokens") * OUT
}

#[tokio::test(start_paused = true)]
async fn whole_answer_costs_its_tokens() {
    let shop = Shop::new("10").await;
    let reply = shop.asked(1, &request("hello")).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let answer = json_of(&reply);
    let cost = cost_of(&answer["usage"]);
    assert!(cost > 0);
    assert_eq!(shop.balance(), 10 * 1_000_000_000 - cost);
    assert_eq!(shop.held(), 0);
    let id = header(&reply, "x-request-id").expect("an id");
    let HoldState::Settled { cost: settled, .. } = shop.hold(id).await.state else { panic!("not settled") };
    assert_eq!(i128::try_from(settled.units()), Ok(cost));
    let row = &shop.world.books().journal[&format!("usage#{id}")];
    assert_eq!((row.status.as_str(), row.change), ("processed", -cost));
}

#[tokio::test(start_paused = true)]
async fn stream_is_charged_before_its_end() {
    for wants_usage in [false, true] {
        let shop = Shop::new("10").await;
        let mut body = streamed("hello");
        if wants_usage {
            body["stream_options"] = json!({ "include_usage": true });
        }
        let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
        let invocation = moment(1, 0);
        let (responder, mut reader) = edge::responder(true, invocation.deadline);
        let event = post(&body);
        let read = async {
            let head = reader.head().await.expect("a head");
            assert_eq!(head.status, 200);
            let mut text = String::new();
            while let Some(part) = reader.part().await {
                text.push_str(std::str::from_utf8(&part).expect("text"));
                let is_charged = shop.balance() < 10 * 1_000_000_000;
                assert!(is_charged || !text.contains("[DONE]"), "{text}");
            }
            text
        };
        let ((), text) = futures_util::future::join(Box::pin(chat.answer(&event, &invocation, responder)), read).await;
        assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
        let usage = text.split("\n\n").filter(|event| event.contains("\"usage\":{")).count();
        assert_eq!(usage, usize::from(wants_usage), "{text}");
        assert_eq!(shop.held(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn request_reaches_the_upstream_byte_for_byte() {
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let body = "{ \"model\":\"gpt-4o\",\"max_tokens\":9, \"messages\":[{\"role\":\"user\",\"content\":\"echo \\u00e9\"}],\"x\":{\"b\":1.10,\"a\":[ ]} }";
    let reply = reply_at(&chat, 1, 0, &post_by(KEY, body)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(shop.net.calls()[0].body, body);
}

#[tokio::test(start_paused = true)]
async fn request_that_is_refused_costs_nothing_and_calls_no_upstream() {
    let shop = Shop::new("0.0001").await;
    testkit::service_key(&shop.world.ledger(0), "shop", "spend").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let with = |name: &str, value: Value| {
        let mut body = request("hi");
        body[name] = value;
        body.to_string()
    };
    let rows = [
        (KEY, request("hi").to_string(), (402, "insufficient_credits", "")),
        ("no-key", request("hi").to_string(), (401, "invalid_api_key", "")),
        ("hs_shop", request("hi").to_string(), (403, "owner_key_needed", "")),
        (KEY, with("model", "gpt-5".into()), (400, "model_not_found", "model")),
        (KEY, with("model", "no-price".into()), (400, "model_not_found", "model")),
        (KEY, with("messages", json!([])), (400, "invalid_value", "messages")),
        (KEY, with("n", 2.into()), (400, "invalid_value", "n")),
        (KEY, with("max_tokens", 16_385.into()), (400, "invalid_value", "max_tokens")),
        (KEY, "no JSON".to_owned(), (400, "body_invalid", "")),
        (KEY, format!("{{\"a\":\"{}\"}}", "x".repeat(1_024 * 1_024)), (413, "body_too_large", "")),
    ];
    let before = shop.world.books();
    for (key, body, (status, code, param)) in rows {
        let reply = reply_at(&chat, 1, 0, &post_by(key, &body)).await;
        assert_eq!(code_of(&reply), (status, code.to_owned(), param.to_owned()), "{}", reply.body);
    }
    assert_eq!(shop.world.books(), before);
    assert!(shop.net.calls().is_empty());
    // A model that is free needs no credits.
    let reply = reply_at(&chat, 1, 0, &post_by(KEY, &with("model", "qwen-2.5-0.5b:free".into()))).await;
    assert_eq!(shop.net.calls().len(), 1, "{}", reply.body);
    assert_eq!(shop.world.books(), before);
}

#[tokio::test(start_paused = true)]
async fn budget_of_the_key_is_counted_and_not_exceeded() {
    let shop = Shop::new("10").await;
    limited(&shop.world, KEY, "0.2").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let mut refused = 0;
    for attempt in 0..20 {
        let reply = reply_at(&chat, attempt, 0, &post(&request("hello"))).await;
        if reply.status == 402 {
            assert_eq!(code_of(&reply).1, "budget_exceeded");
            refused += 1;
        }
    }
    assert!(refused > 0);
    assert!(10 * 1_000_000_000 - shop.balance() <= 200_000_000);
}

#[tokio::test(start_paused = true)]
async fn models_are_those_with_an_upstream_and_a_price() {
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let sent = Sent::get("/v1/models", "").with("authorization", format!("Bearer {KEY}"));
    let reply = reply_at(&chat, 1, 0, &sent.event(Shape::HttpApi)).await;
    let list = json_of(&reply);
    let ids: Vec<&str> =
        list["data"].as_array().expect("a list").iter().filter_map(|model| model["id"].as_str()).collect();
    assert_eq!(ids, ["gpt-4o", "gpt-4o-mini", "qwen-2.5-0.5b:free"]);
    let sent = Sent::get("/v1/models", "").event(Shape::HttpApi);
    assert_eq!(reply_at(&chat, 1, 0, &sent).await.status, 401);
    let sent = Sent::get("/v1/chat/completions", "").with("authorization", format!("Bearer {KEY}"));
    assert_eq!(code_of(&reply_at(&chat, 1, 0, &sent.event(Shape::HttpApi)).await).0, 405);
}

/// An upstream that reports no tokens, or more than is possible, is charged within the hold.
#[tokio::test(start_paused = true)]
async fn unusual_usage_is_charged_within_the_hold() {
    for (words, is_all_held) in [("no-usage", false), ("huge-usage", true)] {
        for body in [request(words), streamed(words)] {
            let shop = Shop::new("10").await;
            let reply = shop.asked(1, &body).await;
            assert_eq!(reply.status, 200, "{}", reply.body);
            let charged = 10 * 1_000_000_000 - shop.balance();
            let hold = shop.hold(header(&reply, "x-request-id").expect("an id")).await;
            let most = i128::try_from(hold.amount.units()).expect("small");
            assert!(charged > 0 && charged <= most, "{words}: {charged} of {most}");
            assert_eq!(charged == most, is_all_held, "{words}: {charged} of {most}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn function_without_an_upstream_says_so() {
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[("LLM_BASE_URL", "")]).await;
    let reply = reply_at(&chat, 1, 0, &post(&request("hello"))).await;
    assert_eq!(code_of(&reply), (503, "not_configured".to_owned(), String::new()));
    assert_eq!(shop.balance(), 10 * 1_000_000_000);
}

#[tokio::test(start_paused = true)]
async fn prompt_and_answer_are_in_no_log_line_and_no_row() {
    crate::log_capture::start_capture();
    let shop = Shop::new("10").await;
    for body in [
        request("a-word-of-the-prompt"),
        streamed("a-word-of-the-prompt breaks"),
        request("a-word-of-the-prompt fail-400"),
    ] {
        shop.asked(1, &body).await;
    }
    let lines = crate::log_capture::captured_lines();
    assert!(lines.iter().any(|line| line["source"] == "chat"), "lines of chat");
    let text = format!("{lines:?}");
    assert!(!text.contains("a-word-of-the-prompt") && !text.contains(OPENAI_KEY), "{text}");
    assert!(!format!("{:?}", shop.world.books()).contains("a-word-of-the-prompt"));
}
