//! Subscriptions: their status in any order of events, and credits once for each invoice.

use super::*;

const SUBSCRIPTION: &str = "stripe#sub_1Sample0000000000000001";

#[derive(Debug)]
struct Row {
    name: &'static str,
    /// The samples, each with its time in seconds.
    events: &'static [(&'static str, i64)],
    status: Option<&'static str>,
    credits: i128,
}

const ROWS: &[Row] = &[
    Row { name: "begun", events: &[("customer_subscription_created", 0)], status: Some("active"), credits: 0 },
    Row { name: "a period is paid", events: &[("invoice_paid", 0)], status: None, credits: 500 },
    Row {
        name: "and reported by two events",
        events: &[("invoice_paid", 0), ("invoice_payment_succeeded", 0)],
        status: None,
        credits: 500,
    },
    Row {
        name: "two periods",
        events: &[("customer_subscription_created", 0), ("invoice_paid", 1), ("invoice_paid_2024", 2)],
        status: Some("active"),
        credits: 1_000,
    },
    Row {
        name: "a payment that fails",
        events: &[("customer_subscription_created", 0), ("invoice_payment_failed", 5)],
        status: Some("past_due"),
        credits: 0,
    },
    Row {
        name: "and recovers",
        events: &[
            ("customer_subscription_created", 0),
            ("invoice_payment_failed", 5),
            ("customer_subscription_updated", 9),
        ],
        status: Some("active"),
        credits: 0,
    },
    Row {
        name: "ended",
        events: &[("customer_subscription_created", 0), ("invoice_paid", 0), ("customer_subscription_deleted", 9)],
        status: Some("ended"),
        credits: 500,
    },
    Row {
        name: "ended in the second in which it is changed",
        events: &[("customer_subscription_deleted", 9), ("customer_subscription_updated", 9)],
        status: Some("ended"),
        credits: 0,
    },
    Row {
        name: "begun and failed in one second",
        events: &[("customer_subscription_created", 3), ("invoice_payment_failed", 3)],
        status: Some("active"),
        credits: 0,
    },
];

#[tokio::test(start_paused = true)]
async fn any_order_of_events_gives_the_same_subscription() {
    for Row { name, events, status, credits } in ROWS {
        for order in permutations(events.len()) {
            let bodies: Vec<String> = order.iter().map(|n| with(events[*n].0, &[at(events[*n].1)])).collect();
            let world = shop().await;
            accepted(&world, &bodies).await;
            accepted(&world, &bodies).await;
            let books = world.books();
            books.check();
            let subscription = books.subscriptions.get(SUBSCRIPTION);
            assert_eq!(subscription.and_then(|row| row.status.as_deref()), *status, "{name}: {order:?}");
            assert!(subscription.is_none_or(|row| row.owner == "alice" && row.order == SUBSCRIPTION_ORDER), "{name}");
            assert_eq!(books.balance("alice/credits"), credits * 1_000_000_000, "{name}: {order:?}");
        }
    }
}

/// All permutations of `0..count`.
pub(super) fn permutations(count: usize) -> Vec<Vec<usize>> {
    (0..count).fold(vec![Vec::new()], |orders, next| {
        let placed = |order: Vec<usize>| {
            (0..=order.len()).map(move |place| {
                let mut order = order.clone();
                order.insert(place, next);
                order
            })
        };
        orders.into_iter().flat_map(placed).collect()
    })
}

#[tokio::test(start_paused = true)]
async fn invoice_of_another_amount_grants_nothing() {
    let rows = [
        ("/data/object/amount_paid", json!(998), Some("amount_mismatch")),
        ("/data/object/amount_paid", json!(99_900), Some("amount_mismatch")),
        ("/data/object/currency", json!("eur"), Some("currency_mismatch")),
        // A trial.
        ("/data/object/amount_paid", json!(0), None),
    ];
    for (pointer, value, reason) in rows {
        let world = shop().await;
        crate::log_capture::start_capture();
        accepted(&world, &[with("invoice_paid", &[(pointer, value.clone())])]).await;
        let lines = crate::log_capture::captured_lines();
        let alarms: Vec<_> = lines.iter().filter(|line| line["alarm"] == "refused").collect();
        assert_eq!(alarms.len(), usize::from(reason.is_some()), "{value}");
        assert!(alarms.iter().all(|line| line["subject"] == SUBSCRIPTION_ORDER), "{value}: {alarms:?}");
        let books = world.books();
        books.check();
        assert_eq!(books.journal["stripe#evt_invoice_paid"].reason.as_deref(), reason, "{value}");
        assert_eq!(books.order(SUBSCRIPTION_ORDER).anomaly.is_some(), reason.is_some(), "{value}");
        assert!(books.accounts.is_empty(), "{value}");
    }
}

/// The invoice names the subscription, whose row names the order.
#[tokio::test(start_paused = true)]
async fn invoice_without_metadata_finds_its_order_by_subscription() {
    let bare = with("invoice_paid", &[("/data/object/parent/subscription_details/metadata", json!({}))]);
    let world = shop().await;
    accepted(&world, &[with("customer_subscription_created", &[]), bare]).await;
    assert_eq!(world.books().balance("alice/credits"), 500_000_000_000);
}

#[tokio::test(start_paused = true)]
async fn event_before_its_order_waits_for_it() {
    let world = World::new();
    let bodies = ["invoice_paid", "customer_subscription_created"].map(|name| with(name, &[]));
    accepted(&world, &bodies).await;
    assert!(
        world.books().journal.values().all(|row| row.reason.as_deref() == Some("order_unknown") && row.needs_attention)
    );
    made(&world, subscription_order(SUBSCRIPTION_ORDER)).await;
    reconciled(&world).await;
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 500_000_000_000);
    assert_eq!(books.subscriptions[SUBSCRIPTION].status.as_deref(), Some("active"));
}

/// The session of a subscription pays its order; the credits of each period come with the invoices.
#[tokio::test(start_paused = true)]
async fn subscription_session_pays_the_order() {
    let session = super::invoices::session();
    let world = shop().await;
    accepted(&world, &[session, with("invoice_paid", &[])]).await;
    let books = world.books();
    books.check();
    let order = books.order(SUBSCRIPTION_ORDER);
    assert_eq!((order.payment.as_str(), order.paid_by.as_deref(), order.posted), ("paid", Some(SUBSCRIPTION), 0));
    assert_eq!(books.balance("alice/credits"), 500_000_000_000);
}
