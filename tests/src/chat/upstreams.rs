//! Upstreams that fail: classes of errors, retries, the next upstream, and breakers that sandboxes share.

use testkit::NetFault;

use super::*;

#[tokio::test(start_paused = true)]
async fn failure_of_the_upstream_has_its_class_and_costs_nothing() {
    // The words, the status, its code, and the calls that were made.
    let rows = [
        ("fail-400", 400, "upstream_refused", 1),
        ("fail-404", 400, "upstream_refused", 1),
        ("fail-401", 502, "upstream_key_refused", 1),
        ("fail-quota", 502, "upstream_key_refused", 1),
        ("fail-403", 403, "upstream_forbidden", 1),
        ("fail-429", 429, "upstream_rate_limited", 1),
        ("fail-500", 502, "upstream_failed", 3),
        ("fail-503", 502, "upstream_failed", 3),
        ("garbage", 502, "upstream_failed", 3),
        ("hangs", 504, "upstream_timeout", 1),
    ];
    for (words, status, code, calls) in rows {
        for body in [request(words), streamed(words)] {
            let shop = Shop::new("10").await;
            let reply = shop.asked(1, &body).await;
            let (got, its_code, _) = code_of(&reply);
            assert_eq!((got, its_code.as_str()), (status, code), "{words}: {}", reply.body);
            assert_eq!(shop.net.calls().len(), calls, "{words}");
            assert_eq!((shop.balance(), shop.held()), (10 * 1_000_000_000, 0), "{words}");
        }
    }
    let shop = Shop::new("10").await;
    assert_eq!(header(&shop.asked(1, &request("fail-429")).await, "retry-after"), Some("7"));
}

#[tokio::test(start_paused = true)]
async fn failure_that_ends_is_retried() {
    for fault in [NetFault::Disconnect, NetFault::Reset, NetFault::Status(500), NetFault::Garbage, NetFault::Truncated]
    {
        for body in [request("hello"), streamed("hello")] {
            let shop = Shop::new("10").await;
            shop.net.fail(move |call, _| if call < 2 { fault } else { NetFault::None });
            let reply = shop.asked(1, &body).await;
            assert_eq!(reply.status, 200, "{fault:?}: {}", reply.body);
            assert!(shop.balance() < 10 * 1_000_000_000);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn next_upstream_answers_for_one_that_fails() {
    let more = second();
    for words in ["fail-500@main", "fail-401@main", "fail-429@main", "garbage@main"] {
        for body in [request(words), streamed(words)] {
            let shop = Shop::new("10").await;
            let chat = shop.chat(shop.world.ledger(1), 1, &[(more.0, &more.1)]).await;
            let reply = reply_at(&chat, 1, 0, &post(&body)).await;
            assert_eq!(reply.status, 200, "{words}: {}", reply.body);
            let calls = shop.net.endpoints();
            assert_eq!(calls.len(), 2, "{words}: {calls:?}");
            assert!(calls[1].contains(OPENAI_SECOND_BASE), "{words}: {calls:?}");
        }
    }
    // No other upstream makes a wrong request right.
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[(more.0, &more.1)]).await;
    assert_eq!(reply_at(&chat, 1, 0, &post(&request("fail-400"))).await.status, 400);
    assert_eq!(shop.net.calls().len(), 1);
}

/// Two sandboxes share a breaker: the failures of one stop the calls of the other, within five seconds.
#[tokio::test(start_paused = true)]
async fn breaker_is_shared_by_two_sandboxes() {
    let shop = Shop::new("10").await;
    let [one, other] = [shop.chat(shop.world.ledger(1), 1, &[]).await, shop.chat(shop.world.ledger(2), 2, &[]).await];
    let (bad, good) = (post(&request("fail-500")), post(&request("hello")));
    assert_eq!(reply_at(&other, 1, 0, &good).await.status, 200);
    for attempt in 0..5 {
        assert_eq!(reply_at(&one, attempt, 0, &bad).await.status, 502);
    }
    shop.net.recover();
    let refused = reply_at(&one, 9, 1, &good).await;
    assert_eq!(code_of(&refused), (503, "upstream_unavailable".to_owned(), String::new()));
    assert!(header(&refused, "retry-after").is_some());
    // The other one has read the breaker less than five seconds ago.
    assert_eq!(reply_at(&other, 4, 1, &good).await.status, 200);
    let is_closed_by_success = reply_at(&one, 5, 7, &good).await.status == 503;
    assert!(is_closed_by_success, "a success of a sandbox that knew of no failure writes nothing");
    assert_eq!(reply_at(&other, 6, 7, &good).await.status, 503);
    assert_eq!(shop.net.calls().len(), 1);
    // After the pause one of them tries, and its success closes the breaker for both.
    assert_eq!(reply_at(&other, 7, 40, &good).await.status, 200);
    assert_eq!(reply_at(&one, 8, 46, &good).await.status, 200);
    assert_eq!((shop.held(), shop.net.calls().len()), (0, 3));
    // A trial that fails opens it again.
    for attempt in 0..5 {
        assert_eq!(reply_at(&one, 10 + attempt, 50, &bad).await.status, 502);
    }
    assert_eq!(reply_at(&one, 20, 90, &bad).await.status, 502);
    assert_eq!(reply_at(&one, 21, 91, &good).await.status, 503);
}

/// What a request brings upon itself stops no one else's: a long answer in one piece that does not come in time, and a
/// prompt that is moderated. An upstream without an answer of the usual length is left alone.
#[tokio::test(start_paused = true)]
async fn breaker_opens_for_no_fault_of_a_request() {
    let mut long = request("hangs");
    long["max_tokens"] = 16_384.into();
    let mut streamed_long = streamed("hangs");
    streamed_long["max_tokens"] = 16_384.into();
    let rows = [
        (long, 504, 200),
        (request("fail-403"), 403, 200),
        (request("fail-400"), 400, 200),
        (request("hangs"), 504, 503),
        (streamed_long, 504, 503),
    ];
    for (body, status, then) in rows {
        let shop = Shop::new("100").await;
        let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
        for attempt in 0..5 {
            assert_eq!(reply_at(&chat, attempt, 0, &post(&body)).await.status, status, "{body}");
        }
        assert_eq!(reply_at(&chat, 7, 1, &post(&request("hello"))).await.status, then, "{body}");
        assert_eq!(shop.held(), 0, "{body}");
    }
}

/// A stream that breaks off behind its first part is a failure, although each has begun. One that is longer than its time is
/// none, nor one whose caller leaves.
#[tokio::test(start_paused = true)]
async fn streams_that_break_off_open_the_breaker() {
    for (words, then) in
        [("breaks", 503), ("stalls", 503), ("errs-midway", 503), ("long trickle", 200), ("no-done", 200)]
    {
        let shop = Shop::new("100").await;
        let chat = shop.chat(shop.world.ledger(1), 1, &[("LLM_TIMEOUT_MS", "6000")]).await;
        for attempt in 0..5 {
            let reply = reply_at(&chat, attempt, 0, &post(&streamed(words))).await;
            assert_eq!(reply.status, 200, "{words}: {}", reply.body);
        }
        assert_eq!(reply_at(&chat, 7, 1, &post(&request("hello"))).await.status, then, "{words}");
        assert_eq!(shop.held(), 0, "{words}");
    }
}

/// The end of a stream closes a breaker, and not its beginning.
#[tokio::test(start_paused = true)]
async fn stream_closes_a_breaker_at_its_end() {
    for (words, then) in [("hello", 200), ("breaks", 503)] {
        let shop = Shop::new("100").await;
        let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
        for attempt in 0..5 {
            reply_at(&chat, attempt, 0, &post(&streamed("breaks"))).await;
        }
        assert_eq!(reply_at(&chat, 6, 6, &post(&request("hello"))).await.status, 503);
        assert_eq!(reply_at(&chat, 7, 40, &post(&streamed(words))).await.status, 200, "the one trial");
        assert_eq!(reply_at(&chat, 8, 46, &post(&request("hello"))).await.status, then, "{words}");
    }
}

/// The trial of a breaker that is half open shows that the upstream lives, whatever it says of that request.
#[tokio::test(start_paused = true)]
async fn refusal_of_one_request_closes_a_breaker_that_is_half_open() {
    let shop = Shop::new("10").await;
    let chat = shop.chat(shop.world.ledger(1), 1, &[]).await;
    for attempt in 10..15 {
        assert_eq!(reply_at(&chat, attempt, 0, &post(&request("fail-500"))).await.status, 502);
    }
    assert_eq!(reply_at(&chat, 3, 6, &post(&request("hello"))).await.status, 503);
    assert_eq!(reply_at(&chat, 4, 40, &post(&request("fail-400"))).await.status, 400);
    assert_eq!(reply_at(&chat, 5, 46, &post(&request("hello"))).await.status, 200);
}

/// An answer beyond what a sandbox can hold was paid for: it is not asked for again, nor counted as an outage.
#[tokio::test(start_paused = true)]
async fn answer_that_is_too_long_is_not_asked_for_again() {
    let shop = Shop::new("10").await;
    let padding: &str = Box::leak(format!("{}\"choices\"", " ".repeat(3 << 20)).into_boxed_str());
    shop.net.fail(move |_, _| NetFault::Altered("\"choices\"", padding));
    let reply = shop.asked(1, &request("hello")).await;
    assert_eq!(code_of(&reply), (400, "answer_too_long".to_owned(), String::new()));
    assert_eq!((shop.net.calls().len(), shop.balance(), shop.held()), (1, 10 * 1_000_000_000, 0));
}

#[tokio::test(start_paused = true)]
async fn open_breaker_leads_to_the_next_upstream() {
    let shop = Shop::new("10").await;
    let more = second();
    let chat = shop.chat(shop.world.ledger(1), 1, &[(more.0, &more.1)]).await;
    for attempt in 0..6 {
        assert_eq!(reply_at(&chat, attempt, 0, &post(&request("fail-500@main"))).await.status, 200);
    }
    shop.net.recover();
    assert_eq!(reply_at(&chat, 9, 1, &post(&request("hello"))).await.status, 200);
    let calls = shop.net.endpoints();
    assert_eq!(calls.len(), 1);
    assert!(calls[0].contains(OPENAI_SECOND_BASE), "{calls:?}");
}

/// A store without breakers stops no request.
#[tokio::test(start_paused = true)]
async fn breakers_that_cannot_be_read_count_as_closed() {
    let shop = Shop::new("10").await;
    let (ledger, _) = shop.world.faulty(1, |_, operation| {
        if ["BatchGetItem", "UpdateItem"].contains(&operation) {
            testkit::Fault::ServerError
        } else {
            testkit::Fault::None
        }
    });
    let chat = shop.chat(ledger, 1, &[]).await;
    assert_eq!(reply_at(&chat, 1, 0, &post(&request("hello"))).await.status, 200);
    assert_eq!(reply_at(&chat, 2, 0, &post(&request("fail-500"))).await.status, 502);
}

#[tokio::test(start_paused = true)]
async fn rule_answers_when_no_upstream_does() {
    for body in [request("are you there? fail-500"), streamed("are you there? fail-500")] {
        let shop = Shop::new("10").await;
        let reply = shop.asked(1, &body).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert!(reply.body.contains("\"fallback\":true"), "{}", reply.body);
        assert_eq!((shop.balance(), shop.held()), (10 * 1_000_000_000, 0));
    }
    // A request that is at fault gets its error.
    let shop = Shop::new("10").await;
    assert_eq!(shop.asked(1, &request("are you there? fail-400")).await.status, 400);
}
