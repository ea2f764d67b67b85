//! Callers that leave or read slowly, and upstreams that stall or break off: what was generated is charged.

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
    let event = post(&streamed("hello"));
    let read = async {
        reader.head().await.expect("a head");
        let mut text = String::new();
        while let Some(part) = reader.part().await {
            tokio::time::sleep(Duration::from_secs(1)).await;
            text.push_str(std::str::from_utf8(&part).expect("text"));
        }
        text
    };
    let ((), text) = futures_util::future::join(Box::pin(chat.answer(&event, &invocation, responder)), read).await;
    assert!(text.ends_with("data: [DONE]\n\n"), "{text}");
    assert_eq!(shop.held(), 0);
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

#[tokio::test(start_paused = true)]
async fn error_in_the_middle_of_a_stream_is_sent_on() {
    let shop = Shop::new("10").await;
    let reply = shop.asked(1, &streamed("errs-midway")).await;
    let events = events(&reply);
    let last: Value = serde_json::from_str(events.last().expect("an event")).expect("JSON");
    assert!(last["error"].is_object() && !reply.body.contains("[DONE]"), "{}", reply.body);
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
}
