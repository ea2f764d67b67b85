//! Fault injection: every single fault at every call. After the gateway's retries the ledger equals the one of a run without faults.
//! Also a slow store, and concurrent notifications.

use std::sync::Arc;
use std::time::Duration;

use testkit::{Books, Fault, Row};

use super::*;
use crate::sandbox::SETTLED;

const TRIES_MAX: u64 = 12;

#[tokio::test(start_paused = true)]
async fn single_fault_at_any_call_gives_the_same_ledger() {
    let rows = [
        ("a payment", sample("notify_v1_get"), BOOKED),
        ("a payment by V2", sample("notify_v2"), BOOKED),
        ("another amount", sample("notify_v1_get").replace("\"648\"", "\"1\""), (409, "fail")),
        ("an order that is not there", sample("notify_v1_get").replace(ORDER, "hk_none"), (409, "fail")),
        ("an unparsed notification", sample("notify_v1_post").replace("\"648.00\"", "\"1e2\""), (400, "fail")),
    ];
    for (name, body, expected) in rows {
        let (without, calls) = play(&body, expected, None).await;
        for (call, fault) in (0..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            let (books, _) = play(&body, expected, Some((call, fault))).await;
            assert_eq!(books, without, "{name}: {fault:?} at call {call}");
        }
    }
}

/// Delivers until the reply is the one of a run without faults. Returns the ledger and the number of calls.
async fn play(body: &str, expected: (u16, &str), fault: Option<(usize, Fault)>) -> (Books, usize) {
    let world = shop().await;
    let mut calls = 0;
    for attempt in 1..=TRIES_MAX {
        let from = calls;
        let plan = move |call: usize, _: &str| {
            fault.filter(|(at, _)| *at == from + call).map_or(Fault::None, |(_, fault)| fault)
        };
        let sandbox = Sandbox::new(&world, attempt, plan).await;
        let started = clock();
        let reply = sandbox.deliver(body, &moment_within::<Epay>(attempt)).await;
        assert!(
            clock().duration_since(started) <= Epay::REPLY_WITHIN,
            "{fault:?}: {:?}",
            clock().duration_since(started)
        );
        calls += sandbox.faults.calls().len();
        match reply.as_ref().map(status_and_body) {
            None | Some((500 | 503, "fail")) => {}
            Some(got) => {
                assert_eq!(got, expected, "{fault:?}");
                tokio::time::sleep(SETTLED).await;
                let mut books = world.books();
                books.check();
                for row in books.journal.values_mut() {
                    *row = Row { attempts: 0, ..row.clone() };
                }
                return (books, calls);
            }
        }
    }
    panic!("{fault:?}: never acknowledged");
}

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
