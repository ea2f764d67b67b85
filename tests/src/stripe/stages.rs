//! Several stages on one Stripe account: each event reaches all of them, and only the stage that made the order books it.

use super::*;

/// The sample with this order and stage in all metadata that names an order of ours.
fn of(name: &str, order: &str, stage: Option<&str>) -> String {
    fn change(value: &mut Value, order: &str, stage: Option<&str>) -> usize {
        let Value::Object(fields) = value else {
            return value.as_array_mut().into_iter().flatten().map(|item| change(item, order, stage)).sum();
        };
        if fields.contains_key("hookledger_order") {
            fields.insert("hookledger_order".to_owned(), json!(order));
            fields.extend(stage.map(|stage| ("hookledger_stage".to_owned(), json!(stage))));
            return 1;
        }
        fields.values_mut().map(|value| change(value, order, stage)).sum()
    }
    let mut body = sample(name);
    assert!(change(&mut body, order, stage) > 0, "{name} names no order");
    body.to_string()
}

const NAMING: [&str; 9] = [
    "payment_intent_succeeded",
    "payment_intent_payment_failed",
    "charge_succeeded",
    "charge_refunded",
    "checkout_session_completed",
    "checkout_session_expired",
    "customer_subscription_updated",
    "invoice_paid",
    "invoice_paid_2024",
];

#[tokio::test(start_paused = true)]
async fn event_of_another_stage_leaves_no_trace_and_no_alarm() {
    for name in NAMING {
        let world = shop().await;
        let before = world.books();
        crate::log_capture::start_capture();
        // Also in the other mode: a live stage may share the account with a test stage.
        let mut live: Value = serde_json::from_str(&of(name, "HLelsewhere", Some("other"))).expect("JSON");
        live["livemode"] = json!(true);
        accepted(&world, &[of(name, "HLelsewhere", Some("other")), live.to_string()]).await;
        let alarms = crate::log_capture::captured_lines().into_iter().filter(|line| line.get("alarm").is_some());
        assert_eq!((world.books(), alarms.collect::<Vec<_>>()), (before, vec![]), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn event_of_this_stage_or_of_none_named_waits_for_its_order() {
    let known = |name: &str| {
        if name.starts_with("customer") || name.starts_with("invoice") { SUBSCRIPTION_ORDER } else { ORDER }
    };
    for name in NAMING {
        for stage in [Some(testkit::STAGE), Some(""), None] {
            let world = shop().await;
            accepted(&world, &[of(name, "HLelsewhere", stage)]).await;
            let reasons: Vec<_> = world.books().journal.values().filter_map(|row| row.reason.clone()).collect();
            assert_eq!(reasons, ["order_unknown"], "{name} of {stage:?}");
            // The same event about an order of ours is booked.
            let world = shop().await;
            accepted(&world, &[of(name, known(name), stage)]).await;
            let books = world.books();
            books.check();
            assert!(books.journal.values().all(|row| row.status == "processed"), "{name} of {stage:?}");
            assert!(books.journal.keys().any(|id| id.starts_with("stripe#evt_")), "{name} of {stage:?}");
        }
    }
}
