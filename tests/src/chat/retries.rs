//! Retries of upstreams: their pauses, and the time that a call may take with them.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use testkit::{NetFault, OpenAiFault};

use super::*;

/// Over the HTTP API, which gives up after 30 seconds.
const WITHIN: Duration = Duration::from_secs(26);

/// The reply to a request of which each call fails so, when each was made, and how long it has taken in all.
async fn failing(
    seed: u64,
    settings: &[(&str, &str)],
    fault: NetFault<OpenAiFault>,
) -> (Reply, Vec<Duration>, Duration) {
    let shop = Shop::new("10").await;
    let began = instant();
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let noted = Arc::clone(&times);
    shop.net.fail(move |_, _| {
        noted.lock().expect("one thread").push(instant());
        fault
    });
    let chat = shop.chat(shop.world.ledger(seed), seed, settings).await;
    let reply = reply_at(&chat, 1, 0, &post(&request("hello"))).await;
    let took = instant().duration_since(began);
    assert_eq!(shop.held(), 0);
    let times = times.lock().expect("one thread").iter().map(|time| time.duration_since(began)).collect();
    (reply, times, took)
}

/// Each pause is random, up to a bound that doubles, and there are two of them.
#[tokio::test(start_paused = true)]
async fn pause_between_attempts_is_random_below_a_bound_that_doubles() {
    let ms = Duration::from_millis;
    for fault in [NetFault::Status(500), NetFault::Disconnect] {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        for seed in 0..60 {
            let (reply, times, _) = failing(seed, &[], fault).await;
            assert_eq!(reply.status, 502, "{}", reply.body);
            let [one, two, three] = times[..] else { panic!("{times:?}") };
            first.push(two.saturating_sub(one));
            second.push(three.saturating_sub(two));
        }
        for (pauses, bound) in [(first, ms(250)), (second, ms(500))] {
            let (shortest, longest) = (pauses.iter().min().expect("some"), pauses.iter().max().expect("some"));
            assert!(*longest <= bound + ms(1), "{longest:?} of {bound:?}");
            assert!(*longest > bound * 3 / 4 && *shortest < bound / 4, "{shortest:?} to {longest:?}: no jitter");
        }
    }
}

/// `LLM_TIMEOUT_MS` is over the whole call, with its retries and pauses.
#[tokio::test(start_paused = true)]
async fn retries_end_with_the_time_of_the_call() {
    for seed in 0..20 {
        for within in [1, 100, 300, 700] {
            let settings = [("LLM_TIMEOUT_MS", within.to_string())];
            let settings = [(settings[0].0, settings[0].1.as_str())];
            let (reply, times, took) = failing(seed, &settings, NetFault::Status(503)).await;
            assert!([502, 504].contains(&reply.status), "{}", reply.body);
            assert!(times.len() <= 3, "{times:?}");
            // The timer is exact to a millisecond.
            assert!(took <= Duration::from_millis(within + 2), "{took:?} of {within} ms");
            let (reply, times, took) = failing(seed, &settings, NetFault::DelayReply(Duration::from_secs(50))).await;
            assert_eq!(code_of(&reply).1, "upstream_timeout");
            assert_eq!(times.len(), 1, "no attempt begins when the time is over");
            assert!(took <= Duration::from_millis(within + 2), "{took:?} of {within} ms");
        }
    }
}

/// However long a call may take, the HTTP API gets its reply before it gives up.
#[tokio::test(start_paused = true)]
async fn call_behind_the_api_ends_within_26_seconds() {
    for (body, status) in [(request("hangs"), 504), (streamed("hangs"), 504), (streamed("stalls"), 200)] {
        let shop = Shop::new("10").await;
        let chat = shop.chat(shop.world.ledger(1), 1, &[("LLM_TIMEOUT_MS", "600000")]).await;
        let invocation = Invocation { deadline: deadline(Chat::<DynamoLedger>::REPLY_WITHIN), ..moment(1, 0) };
        let (responder, reader) = edge::responder(false, invocation.deadline);
        let (began, event) = (instant(), post(&body));
        let answer = Box::pin(chat.answer(&event, &invocation, responder));
        let ((), reply) = futures_util::future::join(answer, reader.collect()).await;
        let (reply, took) = (reply.expect("a reply"), instant().duration_since(began));
        assert_eq!(reply.status, status, "{}", reply.body);
        assert!(reply.body.contains("upstream_timeout"), "{}", reply.body);
        assert!(took >= WITHIN && took <= WITHIN + Duration::from_millis(150), "{took:?}");
        assert_eq!(shop.held(), 0);
        let is_charged = shop.balance() < 10 * 1_000_000_000;
        assert_eq!(is_charged, status == 200, "what was generated, and nothing else");
    }
}
