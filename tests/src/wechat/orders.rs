//! Convergence of one order's events: every pair in either order, and all at once.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use testkit::{Books, OrderRow};

use super::*;

/// The samples of one payment, which WeChat's API reports as paid and partly refunded.
const OF_ONE_PAYMENT: [&str; 10] = [
    "v3_payment",
    "v2_payment",
    "cloudrun_payment",
    "cloudrun_payment_without_attach",
    "v2_payment_failed",
    "cloudrun_payment_failed",
    "v3_refund",
    "v3_refund_closed",
    "v3_refund_abnormal",
    "v2_refund",
];

/// The state that must not depend on the order of events.
#[derive(Debug, PartialEq, Eq)]
struct Ending {
    balances: BTreeMap<String, i128>,
    orders: BTreeMap<String, OrderRow>,
}

impl Ending {
    fn of(books: &Books) -> Self {
        books.check();
        let balances = books.accounts.iter().filter(|(_, account)| account.balance != 0);
        let order = |order: &OrderRow| OrderRow { version: 0, postings: 0, ..order.clone() };
        Self {
            balances: balances.map(|(id, account)| (id.clone(), account.balance)).collect(),
            orders: books.orders.iter().map(|(number, row)| (number.clone(), order(row))).collect(),
        }
    }
}

async fn after(names: &[&str]) -> Ending {
    let world = shop().await;
    for name in names {
        let got = deliver_sample(&world, &paid(), &[], NOTIFY, &sample(name)).await;
        assert!(is(&got, success_of(name)), "{names:?} {name}: {got:?}");
    }
    Ending::of(&world.books())
}

#[tokio::test(start_paused = true)]
async fn event_pair_in_either_order_gives_the_same_ledger() {
    for (first, second) in OF_ONE_PAYMENT.iter().flat_map(|first| OF_ONE_PAYMENT.map(|second| (*first, second))) {
        let (ending, other) = (after(&[first, second]).await, after(&[second, first]).await);
        assert_eq!(ending, other, "{first} and {second}");
        assert_eq!(after(&[first, second, first, second]).await, ending, "{first} and {second} again");
    }
}

#[tokio::test(start_paused = true)]
async fn payment_reported_in_every_form_is_booked_once() {
    let world = shop().await;
    for name in PAYMENTS {
        deliver_sample(&world, &paid(), &[], NOTIFY, &sample(name)).await;
    }
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
    let money: Vec<&String> = books.journal.keys().filter(|id| id.starts_with("payment#")).collect();
    assert_eq!(money, [&format!("payment#wechat#{TRANSACTION}")]);
    assert!(books.journal.values().all(|row| row.status == "processed"), "no form contradicts another");
}

/// CNY 5.00 of 19.99 are refunded: the clawback is proportional, rounded in the shop's favour by less than one unit.
#[tokio::test(start_paused = true)]
async fn refund_claws_back_its_share_once() {
    for refund in ["v3_refund", "v2_refund"] {
        let world = shop().await;
        for name in ["v3_payment", refund, "v3_refund", "v2_refund", refund] {
            let got = deliver_sample(&world, &paid(), &[], NOTIFY, &sample(name)).await;
            assert!(is(&got, success_of(name)), "{name}: {got:?}");
        }
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 74_987_493_746, "{refund}");
        assert_eq!(books.order(ORDER).payment, "partly_refunded", "{refund}");
    }
}

/// A card that rejects a refund leaves it stuck: an alarm is raised, and the clawback follows when the refund succeeds.
#[tokio::test(start_paused = true)]
async fn stuck_refund_counts_once_it_succeeds() {
    let world = shop().await;
    for (name, credits) in
        [("v3_payment", 100_000_000_000), ("v3_refund_abnormal", 100_000_000_000), ("v3_refund", 74_987_493_746)]
    {
        deliver_sample(&world, &paid(), &[], NOTIFY, &sample(name)).await;
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), credits, "{name}");
    }
}

/// A refund that succeeded is final: an older status changes nothing and raises no alarm.
#[tokio::test(start_paused = true)]
async fn older_status_of_a_succeeded_refund_changes_nothing() {
    for older in ["v3_refund_closed", "v3_refund_abnormal"] {
        for names in [["v3_payment", "v3_refund", older], ["v3_payment", older, "v3_refund"]] {
            let world = shop().await;
            crate::log_capture::start_capture();
            for name in names {
                let got = deliver_sample(&world, &paid(), &[], NOTIFY, &sample(name)).await;
                assert!(is(&got, success_of(name)), "{names:?} {name}: {got:?}");
            }
            let alarms =
                crate::log_capture::captured_lines().iter().filter(|line| line["alarm"] == "refund_stuck").count();
            let is_stuck_at_first = names == ["v3_payment", "v3_refund_abnormal", "v3_refund"];
            assert_eq!(alarms, usize::from(is_stuck_at_first), "{names:?}");
            let books = world.books();
            books.check();
            assert_eq!(books.balance("alice/credits"), 74_987_493_746, "{names:?}");
            assert_eq!(books.order(ORDER).payment, "partly_refunded", "{names:?}");
        }
    }
}

/// Two refunds of CNY 15.00 of an order of CNY 19.99.
#[tokio::test(start_paused = true)]
async fn refunds_above_the_payment_are_flagged() {
    let world = shop().await;
    let refund =
        |id: &str| with("v3_refund", &[("/resource/amount/refund", json!(1_500)), ("/resource/refund_id", json!(id))]);
    deliver_sample(&world, &paid(), &[], NOTIFY, &sample("v3_payment")).await;
    for (id, flag, alarms, credits) in [("1", None, 0, 24_962_481_240), ("2", Some("REFUNDED_TOO_MUCH"), 1, 0)] {
        crate::log_capture::start_capture();
        let got = deliver_sample(&world, &paid(), &[], NOTIFY, &refund(id)).await;
        assert!(is(&got, V3_SUCCESS), "{got:?}");
        let alarm_lines = crate::log_capture::captured_lines();
        let alarm_lines: Vec<_> = alarm_lines.iter().filter(|line| line["alarm"] == "refunded_too_much").collect();
        assert!(
            alarm_lines.len() == alarms && alarm_lines.iter().all(|line| line["subject"] == ORDER),
            "{alarm_lines:?}"
        );
        let books = world.books();
        books.check();
        assert_eq!((books.order(ORDER).anomaly.as_deref(), books.balance("alice/credits")), (flag, credits));
    }
}

/// A hundred callbacks for one order in every form, on real threads, each in a sandbox of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn hundred_concurrent_callbacks_pay_once() {
    let (world, net) = (Arc::new(shop().await), paid());
    let mut deliveries = Vec::new();
    for attempt in 0..100_u64 {
        let (world, net) = (Arc::clone(&world), net.clone());
        let name = PAYMENTS[usize::try_from(attempt).expect("small") % PAYMENTS.len()];
        deliveries.push(tokio::spawn(async move {
            let mut tries = 0_u64;
            loop {
                let function = function(world.ledger(attempt), &net, &[]).await;
                let invocation = invocation(attempt * 1_000 + tries + 1);
                let got = status_and_body(function.answer(&event(CALLBACK, &sent(&sample(name))), &invocation).await);
                if is(&got, success_of(name)) {
                    return;
                }
                tries += 1;
                assert!(tries < 100, "{name}: {got:?}");
            }
        }));
    }
    for context in deliveries {
        context.await.expect("a delivery");
    }
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
    assert_eq!(books.order(ORDER).payment, "paid");
    assert_eq!(books.order(ORDER).version, 2, "one write for the order and one for its payment");
    assert_eq!(books.journal.keys().filter(|id| id.starts_with("payment#")).count(), 1);
}
