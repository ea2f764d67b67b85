//! A slow store, and concurrent notifications.

use std::sync::Arc;
use std::time::Duration;

use testkit::Fault;

use super::*;

/// A gateway waits five seconds: the reply comes before that, and is a success only if the commit is known.
#[tokio::test(start_paused = true)]
async fn slow_store_gives_an_error_before_the_deadline() {
    for (delay_ms, expected) in [(100, BOOKED), (600, BOOKED), (5_000, (503, "fail")), (60_000, (503, "fail"))] {
        let world = shop().await;
        let slow = move |_: usize, _: &str| Fault::Delay(Duration::from_millis(delay_ms));
        let sandbox = Sandbox::new(&world, 1, slow).await;
        let started = clock();
        let reply = sandbox.deliver(&sample("notify_v1_get"), &moment_within::<Epay>(1)).await.expect("alive");
        assert_eq!(status_and_body(&reply), expected, "{delay_ms} ms");
        assert!(
            clock().duration_since(started) < Duration::from_secs(4),
            "{delay_ms} ms: {:?}",
            clock().duration_since(started)
        );
        let is_paid = world.books().order(ORDER).paid_by.is_some();
        assert!(is_paid || expected != BOOKED, "{delay_ms} ms");
    }
}

/// A hundred notifications by both methods, concurrent with the buyer's return.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hundred_concurrent_notifications_pay_once() {
    let world = shop().await;
    let sandboxes: Vec<_> = {
        let mut sandboxes = Vec::new();
        for seed in 0..10 {
            sandboxes.push(Arc::new(function(world.ledger(seed), &[]).await));
        }
        sandboxes
    };
    let mut senders = tokio::task::JoinSet::new();
    for n in 0..100_u64 {
        let function = Arc::clone(&sandboxes[usize::try_from(n % 10).expect("small")]);
        let form = good(paid());
        let event = match n % 3 {
            0 => sent("GET", &form),
            1 => sent("POST", &form),
            _ => Sent::get(RETURN, &form).event(Shape::HttpApi),
        };
        senders.spawn(async move {
            for _ in 0..20 {
                let reply = function.answer(&event, &moment_within::<Epay>(n)).await;
                if reply.status != 503 {
                    return (reply.status, reply.body.contains("success") || reply.body.contains("已支付"));
                }
            }
            (503, false)
        });
    }
    let replies = senders.join_all().await;
    assert!(replies.iter().all(|reply| *reply == (200, true)), "{replies:?}");
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 1_000_000_000_000);
    assert_eq!(books.processed().filter(|id| id.starts_with("epay#")).count(), 1);
}
