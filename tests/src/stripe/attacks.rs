//! Attacks with genuine or forged Stripe events: each is refused, and no credits are granted.

use super::*;

/// Expects this reason, no credits and an unpaid order.
async fn refused(world: &World, settings: &[(&str, &str)], body: &str, reason: &str) {
    let function = function(world.ledger(1), settings).await;
    let id = serde_json::from_str::<Value>(body).expect("JSON")["id"].as_str().expect("an id").to_owned();
    let reply = edge::Service::answer(&function, &Stripe::signed(body, now()), &invocation(1)).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (200, ""),
        "{reason}: kept, so there is no use in sending it again"
    );
    let books = world.books();
    books.check();
    let row = &books.journal[&format!("stripe#{id}")];
    assert_eq!((row.status.as_str(), row.reason.as_deref()), ("failed", Some(reason)));
    assert!(books.bodies.contains(&format!("stripe#{id}")), "{reason}: the delivery is kept");
    assert!(books.accounts.is_empty(), "{reason}: no credits");
    assert!(books.orders.values().all(|order| order.paid_by.is_none()), "{reason}: nothing is paid");
}

#[tokio::test(start_paused = true)]
async fn event_of_the_other_mode_is_refused() {
    let live = [("STRIPE_LIVEMODE", "true")];
    for name in OF_ONE_PAYMENT.into_iter().chain(["invoice_paid", "customer_subscription_created"]) {
        let world = shop().await;
        refused(&world, &live, &with(name, &[]), "wrong_mode").await;
        assert_eq!(world.books().orders, shop().await.books().orders, "{name}: no order is touched");
    }
    let world = shop().await;
    refused(&world, &[], &with("payment_intent_succeeded", &[("/livemode", json!(true))]), "wrong_mode").await;
}

#[tokio::test(start_paused = true)]
async fn event_of_another_account_is_refused() {
    let ours = [("STRIPE_ACCOUNT", "acct_ours")];
    let mut from_another = sample("payment_intent_succeeded");
    from_another["account"] = json!("acct_theirs");
    let from_another = from_another.to_string();
    refused(&shop().await, &[], &from_another, "wrong_account").await;
    refused(&shop().await, &ours, &from_another, "wrong_account").await;
    refused(&shop().await, &ours, &with("payment_intent_succeeded", &[]), "wrong_account").await;
}

/// Paid twice. The refund of the second payment names the order too, and must not take back the credits of the first.
#[tokio::test(start_paused = true)]
async fn second_payment_grants_nothing_and_its_refund_takes_nothing() {
    let second = |name: &str| {
        with(name, &[]).replace("3Sample0000000000000001", "3Sample0000000000000009").replace("evt_", "evt_second_")
    };
    let world = shop().await;
    accepted(&world, &[with("payment_intent_succeeded", &[]), second("payment_intent_succeeded")]).await;
    let books = world.books();
    assert_eq!(
        books.journal["stripe#evt_second_payment_intent_succeeded"].reason.as_deref(),
        Some("duplicate_payment")
    );
    assert_eq!(books.order(ORDER).anomaly.as_deref(), Some("DUPLICATE_PAYMENT"));
    accepted(&world, &["charge_refunded", "refund_created", "charge_dispute_created"].map(second)).await;
    let books = world.books();
    books.check();
    let order = books.order(ORDER);
    assert_eq!((order.payment.as_str(), order.posted, order.disputed), ("paid", 100_000_000_000, false));
}

/// Each duplicate is listed with its amount and its refund, and raises an alarm for the order.
#[tokio::test(start_paused = true)]
async fn each_duplicate_payment_is_an_anomaly_of_its_own() {
    let of = |name: &str, n: usize| {
        let digit = format!("3Sample000000000000000{n}");
        with(name, &[]).replace("3Sample0000000000000001", &digit).replace("evt_", &format!("evt_{n}_"))
    };
    let world = shop().await;
    accepted(&world, &[with("payment_intent_succeeded", &[])]).await;
    for n in [7, 8, 9] {
        crate::log_capture::start_capture();
        accepted(&world, &[of("payment_intent_succeeded", n), of("charge_succeeded", n)]).await;
        let alarms = crate::log_capture::captured_lines();
        let alarms: Vec<_> = alarms.iter().filter(|line| line["alarm"] == "refused").collect();
        assert!(alarms.len() == 2 && alarms.iter().all(|line| line["subject"] == ORDER), "{alarms:?}");
    }
    accepted(&world, &[of("payment_intent_succeeded", 7), of("charge_refunded", 8)]).await;
    let number = OrderNumber::new(ORDER).expect("a number");
    let order = world.ledger(9).order(&number, &context(9)).await.expect("the books").expect("an order");
    let line = |flag: &ledger::Flag| {
        let payment = flag.anomaly.payment.as_ref().expect("a payment");
        let back = order.refunded_part_of(payment).units();
        format!("{} {} {} back {back}", flag.anomaly.reason.as_str(), payment.by, payment.money)
    };
    assert_eq!(
        order.anomalies.listed().map(line).collect::<Vec<_>>(),
        [
            "duplicate_payment stripe#pi_3Sample0000000000000007 19.99 USD back 0",
            "duplicate_payment stripe#pi_3Sample0000000000000008 19.99 USD back 500",
            "duplicate_payment stripe#pi_3Sample0000000000000009 19.99 USD back 0",
        ]
    );
    world.books().check();
}

/// The stored pointer of a payment takes precedence over metadata that was edited at Stripe later.
#[tokio::test(start_paused = true)]
async fn payment_pointer_takes_precedence_over_edited_metadata() {
    let world = shop().await;
    made(&world, order("HLother")).await;
    let other = with("charge_succeeded", &[("/data/object/metadata/hookledger_order", json!("HLother"))]);
    accepted(&world, &[with("payment_intent_succeeded", &[]), other]).await;
    let books = world.books();
    books.check();
    assert_eq!((books.order(ORDER).payment.as_str(), books.order("HLother").payment.as_str()), ("paid", "unpaid"));
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
}

/// A refund belongs to the order that its payment paid, also if the metadata was edited in between.
#[tokio::test(start_paused = true)]
async fn refund_with_edited_metadata_is_taken_back_from_the_paid_order() {
    let world = shop().await;
    made(&world, order("HLother")).await;
    let edited = with("charge_refunded", &[("/data/object/metadata/hookledger_order", json!("HLother"))]);
    accepted(&world, &[with("payment_intent_succeeded", &[]), edited]).await;
    let books = world.books();
    books.check();
    let payments = [ORDER, "HLother"].map(|number| books.order(number).payment.as_str());
    assert_eq!(payments, ["partly_refunded", "unpaid"]);
    assert_eq!(books.balance("alice/credits"), 74_987_493_746);
}

/// A role plants the pointer of a payment before the payment arrives: the signed metadata names the order that it pays.
#[tokio::test(start_paused = true)]
async fn planted_pointer_diverts_no_payment() {
    let payment = "3Sample0000000000000001";
    for (pointer, leads_to) in [("pi_", "HLplanted"), ("ch_", "HLplanted"), ("pi_", "HLmissing")] {
        for event in ["payment_intent_succeeded", "charge_succeeded"] {
            let world = shop().await;
            made(&world, order("HLplanted")).await;
            let row = json!({ "id": { "S": format!("stripe#{pointer}{payment}") }, "v": { "N": "1" }, "order": { "S": leads_to } });
            let put = json!({ "TableName": "hookledger-local-orders", "Item": row });
            world.engine.request("PutItem", &put).expect("planted");
            accepted(&world, &[with(event, &[]), with("charge_refunded", &[])]).await;
            let books = world.books();
            books.check();
            let states = [ORDER, "HLplanted"].map(|number| books.order(number).payment.clone());
            assert_eq!(states, ["partly_refunded", "unpaid"], "{event}: {pointer} leads to {leads_to}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn event_without_our_metadata_leaves_no_trace() {
    let world = shop().await;
    let before = world.books();
    let rows = [
        with("payment_intent_succeeded", &[("/data/object/metadata", json!({}))]),
        with("payment_intent_succeeded", &[("/data/object/metadata", json!({ "order_id": "4711" }))]),
        with("charge_succeeded", &[("/data/object/metadata", json!({}))]),
        with("checkout_session_completed", &[("/data/object/metadata", json!({}))]),
        with("customer_subscription_created", &[("/data/object/metadata", json!({}))]),
        with("invoice_paid", &[("/data/object/parent", Value::Null)]),
    ];
    accepted(&world, &rows).await;
    assert_eq!(world.books(), before);
}
