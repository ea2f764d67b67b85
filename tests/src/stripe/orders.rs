//! Convergence of one payment's events: any order, repetition or concurrency gives the same ledger.

use std::sync::Arc;
use std::time::Duration;

use testkit::Fault;
use tokio::task::JoinSet;

use super::*;

async fn ended(bodies: &[String]) -> Ending {
    let world = shop().await;
    accepted(&world, bodies).await;
    reconciled(&world).await;
    Ending::of(&world.books())
}

#[tokio::test(start_paused = true)]
async fn event_pair_in_either_order_gives_the_same_ledger() {
    for (n, one) in OF_ONE_PAYMENT.iter().enumerate() {
        for other in &OF_ONE_PAYMENT[n..] {
            // Both in the same second, and one second apart.
            for apart in [0, 60] {
                let (one, other) = (with(one, &[at(0)]), with(other, &[at(apart)]));
                let there = ended(&[one.clone(), other.clone()]).await;
                let back = ended(&[other.clone(), one.clone()]).await;
                assert_eq!(there, back, "{one}\n{other}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn shuffled_and_repeated_events_give_the_same_ledger() {
    for seed in 0..60 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut bodies: Vec<String> = OF_ONE_PAYMENT.iter().map(|name| with(name, &[at(rng.i64(0..3))])).collect();
        let expected = ended(&bodies).await;
        rng.shuffle(&mut bodies);
        let again: Vec<String> = bodies.iter().filter(|_| rng.bool()).cloned().collect();
        bodies.extend(again);
        assert_eq!(ended(&bodies).await, expected, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn concurrent_event_pair_gives_the_same_ledger() {
    for (n, one) in OF_ONE_PAYMENT.iter().enumerate() {
        for other in &OF_ONE_PAYMENT[n..] {
            let bodies = [with(one, &[]), with(other, &[])];
            let expected = ended(&bodies).await;
            let world = shop().await;
            let mut deliveries = JoinSet::new();
            for (attempt, body) in (1..).zip(bodies.clone()) {
                // Each store call is delayed, so that both have read before either has written.
                let late = |_: usize, _: &str| Fault::Delay(Duration::from_millis(10));
                let sandbox = Arc::new(Sandbox::new(&world, attempt, late).await);
                deliveries.spawn(async move { sandbox.deliver(&body, &invocation(attempt)).await });
            }
            while let Some(reply) = deliveries.join_next().await {
                assert_eq!(reply.expect("no panic").map(|reply| reply.status), Some(200), "{one} and {other}");
            }
            reconciled(&world).await;
            assert_eq!(Ending::of(&world.books()), expected, "{one} and {other}");
        }
    }
}

/// Real threads: events of fifty payments, each from its own sender, to one store.
#[test]
fn concurrent_payments_of_one_owner_are_all_booked() {
    const PAYMENTS: usize = 50;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let world = World::new();
        let (mut senders, mut bodies) = (JoinSet::new(), Vec::new());
        for n in 0..PAYMENTS {
            made(&world, order(&format!("N{n}"))).await;
            for name in
                ["payment_intent_succeeded", "charge_succeeded", "checkout_session_completed", "charge_refunded"]
            {
                let sample = with(name, &[]);
                // A session id begins with a lowercase letter.
                let body = sample
                    .replace(ORDER, &format!("N{n}"))
                    .replace("ample0000000000000001", &format!("ample{n:016}"))
                    .replace(&format!("evt_{name}"), &format!("evt_{name}_{n}"));
                bodies.push(body.clone());
                let sandbox = Sandbox::faultless(&world).await;
                senders.spawn(async move { sandbox.deliver(&body, &invocation(7)).await.map(|reply| reply.status) });
            }
        }
        while let Some(status) = senders.join_next().await {
            // Contention on one account may give 503: the sender retries, and nothing is lost.
            assert!(matches!(status.expect("no panic"), Some(200 | 503)), "accepted, or retried");
        }
        accepted(&world, &bodies).await;
        let books = world.books();
        books.check();
        let ended = |order: &OrderRow| (order.payment == "partly_refunded", order.posted);
        assert!(books.orders.values().all(|order| ended(order) == (true, 74_987_493_746)), "{:?}", books.orders);
        assert_eq!(books.balance("alice/credits"), 74_987_493_746 * i128::try_from(PAYMENTS).expect("few"));
    });
}

/// A name, the events, and the result: payment, fulfilment, and the credits that the buyer keeps.
type Row = (&'static str, &'static [&'static str], (&'static str, &'static str, i128));

#[tokio::test(start_paused = true)]
async fn event_sequence_gives_its_payment_state_and_credits() {
    const PAID: &str = "payment_intent_succeeded";
    let rows: &[Row] = &[
        ("nothing", &[], ("unpaid", "none", 0)),
        ("paid", &[PAID], ("paid", "done", 100_000_000_000)),
        ("paid by its charge", &["charge_succeeded"], ("paid", "done", 100_000_000_000)),
        ("paid by its session", &["checkout_session_completed"], ("paid", "done", 100_000_000_000)),
        ("all three", &[PAID, "charge_succeeded", "checkout_session_completed"], ("paid", "done", 100_000_000_000)),
        ("a session that is not paid yet", &["checkout_session_completed_unpaid"], ("unpaid", "none", 0)),
        (
            "and then is",
            &["checkout_session_completed_unpaid", "checkout_session_async_payment_succeeded"],
            ("paid", "done", 100_000_000_000),
        ),
        (
            "and then fails",
            &["checkout_session_completed_unpaid", "checkout_session_async_payment_failed"],
            ("failed", "none", 0),
        ),
        ("declined", &["payment_intent_payment_failed"], ("failed", "none", 0)),
        ("declined, then paid", &["payment_intent_payment_failed", PAID], ("paid", "done", 100_000_000_000)),
        ("canceled, then paid", &["payment_intent_canceled", PAID], ("paid", "done", 100_000_000_000)),
        ("expired, then paid", &["checkout_session_expired", PAID], ("paid", "done", 100_000_000_000)),
        ("paid, then a late decline", &[PAID, "payment_intent_payment_failed"], ("paid", "done", 100_000_000_000)),
        // 500 of 1999 cents are refunded: of 100 credits the buyer keeps 74.987493, rounded down.
        ("refunded in part", &[PAID, "charge_refunded"], ("partly_refunded", "done", 74_987_493_746)),
        (
            "and reported again",
            &[PAID, "charge_refunded", "refund_created", "refund_updated"],
            ("partly_refunded", "done", 74_987_493_746),
        ),
        (
            "a refund that failed",
            &[PAID, "charge_refunded", "refund_created", "refund_failed"],
            ("paid", "done", 100_000_000_000),
        ),
        ("refunded before it was paid", &["charge_refunded", PAID], ("partly_refunded", "done", 74_987_493_746)),
        ("disputed", &[PAID, "charge_dispute_created"], ("paid", "done", 0)),
        (
            "disputed and won",
            &[PAID, "charge_dispute_created", "charge_dispute_closed_won"],
            ("paid", "done", 100_000_000_000),
        ),
        ("disputed and lost", &[PAID, "charge_dispute_created", "charge_dispute_closed"], ("disputed_lost", "done", 0)),
    ];
    for (name, events, (payment, fulfilment, posted)) in rows {
        let world = shop().await;
        let bodies: Vec<String> = events.iter().map(|name| with(name, &[])).collect();
        accepted(&world, &bodies).await;
        let books = world.books();
        books.check();
        let order = books.order(ORDER);
        assert_eq!(
            (order.payment.as_str(), order.fulfilment.as_str(), order.posted),
            (*payment, *fulfilment, *posted),
            "{name}"
        );
        assert_eq!(books.balance("alice/credits"), *posted, "{name}");
    }
}

/// Each clawback is a ledger entry of its own, which names the payment that it reverses.
#[tokio::test(start_paused = true)]
async fn reversal_names_the_payment_that_it_reverses() {
    let world = shop().await;
    let events = ["payment_intent_succeeded", "charge_refunded", "charge_dispute_created", "charge_dispute_closed_won"];
    accepted(&world, &events.map(|name| with(name, &[]))).await;
    let books = world.books();
    let moved: Vec<(&str, i128, Option<&str>)> = books
        .journal
        .iter()
        .filter(|(_, row)| row.account.is_some())
        .map(|(id, row)| (id.as_str(), row.change, row.reverses.as_deref()))
        .collect();
    let payment = "payment#stripe#pi_3Sample0000000000000001";
    assert_eq!(
        moved,
        [
            (payment, 100_000_000_000, None),
            ("reversal#hk_sample_order#1", -25_012_506_254, Some(payment)),
            ("reversal#hk_sample_order#2", -74_987_493_746, Some(payment)),
            ("reversal#hk_sample_order#3", 74_987_493_746, Some(payment)),
        ]
    );
    assert!(books.bodies.contains("stripe#evt_charge_refunded"), "a payment's body is kept");
}

#[tokio::test(start_paused = true)]
async fn event_before_its_order_is_booked_by_the_sweep() {
    let world = World::new();
    let body = with("payment_intent_succeeded", &[]);
    accepted(&world, std::slice::from_ref(&body)).await;
    let row = &world.books().journal["stripe#evt_payment_intent_succeeded"];
    assert_eq!((row.reason.as_deref(), row.needs_attention), (Some("order_unknown"), true));
    made(&world, order(ORDER)).await;
    reconciled(&world).await;
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
    assert!(!books.journal["stripe#evt_payment_intent_succeeded"].needs_attention);
}
