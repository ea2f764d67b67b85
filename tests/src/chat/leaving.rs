//! Callers that leave or read slowly, and upstreams that stall or break off: what was generated is charged.

use testkit::NetFault;

use super::*;

/// Reads so many parts of a stream, then leaves.
async fn read_and_leave(shop: &Shop, words: &str, parts: usize) {
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let invocation = moment(1, 0);
    let (responder, mut reader) = edge::responder(true, invocation.deadline);
    let event = post(&streamed(words));
    let read = async {
        reader.head().await.expect("a head");
        for _ in 0..parts {
            reader.part().await.expect("a part");
        }
        drop(reader);
    };
    futures_util::future::join(Box::pin(chat.answer(&event, &invocation, responder)), read).await;
}

#[tokio::test(start_paused = true)]
async fn caller_that_leaves_is_charged_for_what_was_generated() {
    let all = Shop::new("10").await;
    all.asked(1, &streamed("long trickle")).await;
    let whole = 10 * 1_000_000_000 - all.balance();
    let mut last = 0;
    for parts in [1, 5, 50] {
        let shop = Shop::new("10").await;
        read_and_leave(&shop, "long trickle", parts).await;
        let charged = 10 * 1_000_000_000 - shop.balance();
        assert!(charged > last && charged < whole, "{parts} parts: {charged} of {whole}");
        assert_eq!(shop.held(), 0);
        last = charged;
    }
}

#[tokio::test(start_paused = true)]
async fn slow_reader_gets_all_of_it() {
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let invocation = moment(1, 0);
    let (responder, mut reader) = edge::responder(true, invocation.deadline);
    let event = post(&streamed("a b c d e f g h i j k l m n o p q r s t u v w x y z"));
    let read = async {
        reader.head().await.expect("a head");
        let mut text = String::new();
        while let Some(part) = reader.part().await {
            tokio::time::sleep(Duration::from_secs(2)).await;
            text.push_str(std::str::from_utf8(&part).expect("text"));
        }
        text
    };
    let began = instant();
    let ((), text) = futures_util::future::join(Box::pin(chat.answer(&event, &invocation, responder)), read).await;
    assert!(instant().duration_since(began) > Duration::from_secs(40), "longer than an upstream may take");
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(shop.held(), 0);
}

/// A caller that reads nothing any more is taken for one that has left, while its hold is open.
#[tokio::test(start_paused = true)]
async fn caller_that_stops_reading_is_charged_for_what_was_generated() {
    let all = Shop::new("10").await;
    all.asked(1, &streamed("long")).await;
    let whole = 10 * 1_000_000_000 - all.balance();
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let invocation = Invocation { deadline: deadline(Duration::from_mins(10)), ..moment(1, 0) };
    let (responder, mut reader) = edge::responder(true, invocation.deadline);
    let event = post(&streamed("long"));
    let began = instant();
    let answer = Box::pin(chat.answer(&event, &invocation, responder));
    let read = async {
        reader.head().await.expect("a head");
        reader.part().await.expect("a part");
        tokio::time::sleep(Duration::from_mins(5)).await;
        shop.held()
    };
    let ended = async {
        answer.await;
        instant().duration_since(began)
    };
    let (took, held) = futures_util::future::join(ended, read).await;
    assert!(took <= Duration::from_secs(121), "before its hold expires: {took:?}");
    let charged = 10 * 1_000_000_000 - shop.balance();
    assert!(charged > 0 && charged < whole, "{charged} of {whole}");
    assert_eq!(held, 0);
}

/// Some upstreams begin a stream with the tokens of the prompt, and none of the answer.
#[tokio::test(start_paused = true)]
async fn usage_that_comes_before_the_text_is_no_measure_of_it() {
    const NONE: &str = r#""usage":null"#;
    const EARLY: &str = r#""usage":{"prompt_tokens":9,"completion_tokens":1}"#;
    let plain = Shop::new("10").await;
    read_and_leave(&plain, "long trickle", 50).await;
    let charged = 10 * 1_000_000_000 - plain.balance();
    let shop = Shop::new("10").await;
    shop.net.fail(move |_, _| NetFault::Altered(NONE, EARLY));
    read_and_leave(&shop, "long trickle", 50).await;
    assert_eq!(10 * 1_000_000_000 - shop.balance(), charged);
}

/// One that goes on to send is not read for longer than its call may take.
#[tokio::test(start_paused = true)]
async fn stream_ends_with_the_time_of_its_call() {
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[("LLM_TIMEOUT_MS", "1000")]).await;
    let began = instant();
    let reply = reply_at(&chat, 1, 0, &post(&streamed("long trickle"))).await;
    let took = instant().duration_since(began);
    assert!(took <= Duration::from_millis(1_200), "{took:?}");
    let events = events(&reply);
    let last: Value = serde_json::from_str(events.last().expect("an event")).expect("JSON");
    assert_eq!(last["error"]["code"], "upstream_timeout", "{}", reply.body);
    assert!(shop.balance() < 10 * 1_000_000_000);
    assert_eq!(shop.held(), 0);
}

/// Tokens that are reported before the text, again and again, and none at its end.
#[tokio::test(start_paused = true)]
async fn whole_stream_costs_no_less_than_its_text() {
    const NONE: &str = r#""usage":null"#;
    const EARLY: &str = r#""usage":{"prompt_tokens":9,"completion_tokens":1}"#;
    let plain = Shop::new("10").await;
    plain.asked(1, &streamed("no-usage long")).await;
    let shop = Shop::new("10").await;
    shop.net.fail(move |_, _| NetFault::Altered(NONE, EARLY));
    shop.asked(1, &streamed("no-usage long")).await;
    let (charged, estimate) = (10 * 1_000_000_000 - shop.balance(), 10 * 1_000_000_000 - plain.balance());
    // The prompt is counted, and the answer estimated.
    assert!(charged > estimate / 2 && charged <= estimate, "{charged} of {estimate}");
}

/// A stream that has begun ends with an error event and without `[DONE]`.
#[tokio::test(start_paused = true)]
async fn stream_that_breaks_off_is_charged_for_its_part() {
    for (words, code) in [("breaks", "upstream_failed"), ("stalls", "upstream_timeout")] {
        let shop = Shop::new("10").await;
        let reply = shop.asked(1, &streamed(words)).await;
        assert_eq!(reply.status, 200);
        let events = events(&reply);
        let last: Value = serde_json::from_str(events.last().expect("an event")).expect("JSON");
        assert_eq!(last["error"]["code"], code, "{words}: {}", reply.body);
        assert!(!reply.body.contains("[DONE]"));
        let charged = 10 * 1_000_000_000 - shop.balance();
        assert!(charged > 0, "{words}");
        assert_eq!(shop.held(), 0);
        assert_eq!(shop.net.calls().len(), 1, "{words}: a stream that has begun is not sent again");
    }
}

/// A caller that leaves behind the last word has had all of the answer, and is charged by the upstream's count.
#[tokio::test(start_paused = true)]
async fn caller_that_leaves_before_the_usage_is_charged_by_it() {
    const WORDS: &str = "a a a a a a a a trickle";
    let all = Shop::new("10").await;
    all.asked(1, &streamed(WORDS)).await;
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    let invocation = moment(1, 0);
    let (responder, mut reader) = edge::responder(true, invocation.deadline);
    let event = post(&streamed(WORDS));
    let read = async {
        reader.head().await.expect("a head");
        let mut text = String::new();
        while !text.contains(r#""finish_reason":"stop""#) {
            text.push_str(std::str::from_utf8(&reader.part().await.expect("a part")).expect("text"));
        }
        assert!(!text.contains("[DONE]"), "{text}");
        drop(reader);
    };
    futures_util::future::join(Box::pin(chat.answer(&event, &invocation, responder)), read).await;
    assert_eq!((shop.balance(), shop.held()), (all.balance(), 0));
}

#[tokio::test(start_paused = true)]
async fn error_in_the_middle_of_a_stream_has_our_code() {
    let shop = Shop::new("10").await;
    let reply = shop.asked(1, &streamed("errs-midway")).await;
    let events = events(&reply);
    let last: Value = serde_json::from_str(events.last().expect("an event")).expect("JSON");
    assert_eq!(last["error"]["code"], "upstream_failed", "{}", reply.body);
    assert!(!reply.body.contains("[DONE]") && !reply.body.contains("The fake"), "{}", reply.body);
    assert!(shop.balance() < 10 * 1_000_000_000);
    assert_eq!(shop.held(), 0);
}

#[tokio::test(start_paused = true)]
async fn stream_without_an_end_of_its_own_is_whole() {
    let shop = Shop::new("10").await;
    let reply = shop.asked(1, &streamed("no-done")).await;
    assert!(!reply.body.contains("error"), "{}", reply.body);
    assert!(shop.balance() < 10 * 1_000_000_000);
    assert_eq!(shop.held(), 0);
    // One that ends without a reason either has broken off.
    let shop = Shop::new("10").await;
    shop.net.fail(|_, _| NetFault::Altered(r#""finish_reason":"stop""#, r#""finish_reason":"""#));
    let reply = shop.asked(1, &streamed("no-done")).await;
    let events = events(&reply);
    let last: Value = serde_json::from_str(events.last().expect("an event")).expect("JSON");
    assert_eq!(last["error"]["code"], "upstream_failed", "{}", reply.body);
    assert!(shop.balance() < 10 * 1_000_000_000);
    assert_eq!(shop.held(), 0);
}
