//! The audit follows the stream of orders: an order that no line of an account names is compared when it changes, by code
//! or by hand, and not again until it changes again.

use edge::Service as _;
use ledger::OrderNumber;
use testkit::{Sent, Shape};

use super::streamed::{OPEN_ORDER, PHONE_ORDER, Streamed, books, deliver, paid_top_up};
use super::*;

const ORDERS_TABLE: &str = "hookledger-local-orders";
const FORM: &str = "application/x-www-form-urlencoded";
const POINTER: &str = "stripe#pi_phone";

/// A paid top-up without its pointer, and the batch that names it.
async fn without_pointer() -> (World, String) {
    let world = World::new();
    let mut streamed = Streamed::of(&world);
    paid_top_up(&world).await;
    Shop { world: world.clone() }.remove("orders", POINTER);
    let event = streamed.event(&world).expect("changes");
    (world, event)
}

fn number(text: &str) -> OrderNumber {
    OrderNumber::new(text).expect("a number")
}

async fn found(world: &World) -> Vec<(DifferenceKind, String)> {
    let open = state(world).await.open;
    let of = |open: &ledger::Open| match open.difference.subject() {
        Subject::Order(order) => (open.difference.difference_kind, order.to_string()),
        other @ (Subject::Account(_) | Subject::Line(_)) => panic!("{other:?}"),
    };
    open.iter().map(of).collect()
}

type Broken = (&'static str, fn(&Shop), &'static [(DifferenceKind, &'static str)]);

fn breaks() -> Vec<Broken> {
    fn pointer_to(order: &str) -> Value {
        json!({ "id": { "S": POINTER }, "v": { "N": "1" }, "order": { "S": order } })
    }
    vec![
        (
            "a paid order marked as unpaid",
            |shop| shop.change("orders", PHONE_ORDER, "SET payment = :s", &json!({ ":s": { "S": "unpaid" } })),
            &[(DifferenceKind::Payment, PHONE_ORDER)],
        ),
        (
            "an unpaid order marked as paid",
            |shop| {
                let values = json!({ ":paid": { "S": "paid" }, ":by": { "S": "stripe#pi_planted" },
                    ":at": { "S": testkit::now().to_string() } });
                shop.change("orders", OPEN_ORDER, "SET payment = :paid, paid_by = :by, paid_at = :at", &values);
            },
            &[
                (DifferenceKind::Unposted, OPEN_ORDER),
                (DifferenceKind::Pointer, OPEN_ORDER),
                (DifferenceKind::Unproven, OPEN_ORDER),
            ],
        ),
        (
            "an order that names another payment",
            |shop| {
                shop.change("orders", PHONE_ORDER, "SET paid_by = :by", &json!({ ":by": { "S": "stripe#pi_other" } }));
            },
            &[(DifferenceKind::Pointer, PHONE_ORDER), (DifferenceKind::Unproven, PHONE_ORDER)],
        ),
        (
            "an order of another price",
            |shop| shop.change("orders", PHONE_ORDER, "SET price_units = :n", &json!({ ":n": { "N": "1" } })),
            &[(DifferenceKind::Unproven, PHONE_ORDER)],
        ),
        (
            "a missing payment row, once its order changes",
            |shop| {
                shop.remove("journal", "payment#stripe#pi_phone");
                shop.change("orders", PHONE_ORDER, "ADD version :n", &json!({ ":n": { "N": "1" } }));
            },
            &[(DifferenceKind::Unproven, PHONE_ORDER)],
        ),
        (
            "an order that cannot be read",
            |shop| shop.change("orders", PHONE_ORDER, "REMOVE price_units", &Value::Null),
            &[(DifferenceKind::OrderUnreadable, PHONE_ORDER)],
        ),
        ("a missing order", |shop| shop.remove("orders", PHONE_ORDER), &[(DifferenceKind::OrderMissing, PHONE_ORDER)]),
        ("a missing pointer", |shop| shop.remove("orders", POINTER), &[(DifferenceKind::Pointer, PHONE_ORDER)]),
        (
            "a pointer that leads to another order",
            |shop| shop.put("orders", &pointer_to("hk_sample_order")),
            &[(DifferenceKind::Pointer, PHONE_ORDER)],
        ),
        (
            "a pointer that leads nowhere",
            |shop| shop.put("orders", &pointer_to("HLlost")),
            &[(DifferenceKind::OrderMissing, "HLlost"), (DifferenceKind::Pointer, PHONE_ORDER)],
        ),
        (
            "a pointer that cannot be read",
            |shop| shop.put("orders", &json!({ "id": { "S": POINTER } })),
            &[(DifferenceKind::Pointer, PHONE_ORDER)],
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn break_without_a_line_is_found_when_it_is_written_and_ends_when_it_is_repaired() {
    for (name, apply, expected) in breaks() {
        let (shop, mut streamed) = books().await;
        let rows = shop.rows();
        apply(&shop);
        streamed.follow(&shop.world, 60).await;
        let mut open = found(&shop.world).await;
        open.sort();
        let expected: Vec<_> = expected.iter().map(|(kind, order)| (*kind, (*order).to_owned())).collect();
        assert_eq!(open, expected, "{name}");
        // The scheduled runs compare it again, as any finding.
        let drift = [check(&shop.world, 360).await.drift, check(&shop.world, 660).await.drift];
        assert_eq!(drift.map(|drift| usize::try_from(drift).expect("a few")), [0, expected.len()], "{name}");
        shop.restore(&rows);
        streamed.follow(&shop.world, 700).await;
        assert_eq!(found(&shop.world).await, [], "{name}: repaired");
    }
}

/// The calls of a batch: what the audit knows, and for each order its row, its lines, its pointer and its payment's row.
#[tokio::test(start_paused = true)]
async fn changed_order_costs_four_reads_and_unchanged_order_none() {
    let (shop, mut streamed) = books().await;
    shop.change("orders", "HLtokens", "ADD version :n", &json!({ ":n": { "N": "1" } }));
    for _ in 0..3 {
        shop.change("orders", PHONE_ORDER, "ADD version :n", &json!({ ":n": { "N": "1" } }));
    }
    let (ledger, faults) = shop.world.faulty(1, |_, _| Fault::None);
    let event = streamed.event(&shop.world).expect("changes");
    deliver(ledger, &event, 9, 60).await.expect("a run");
    let read = |call: &Call| {
        let key = call.request["Key"]["id"]["S"].as_str().map(str::to_owned);
        key.unwrap_or_else(|| call.operation.clone())
    };
    let calls: Vec<String> = faults.calls().iter().map(read).collect();
    let of_phone = [PHONE_ORDER, POINTER, "payment#stripe#pi_phone"];
    let of_tokens = ["HLtokens", "BatchGetItem", "stripe#pi_tokens", "payment#stripe#pi_tokens"];
    assert_eq!(calls, [&["check#audit"][..], &of_phone, &of_tokens].concat(), "once each, and nothing is written");
    assert!(streamed.event(&shop.world).is_none(), "the audit itself changes no order");

    let (ledger, faults) = shop.world.faulty(2, |_, _| Fault::None);
    assert_eq!(check_over(ledger, DAY, RUN).await, Some(whole(LINES, ORDERS)));
    let reads: Vec<String> = faults.calls().iter().map(read).collect();
    assert!(reads.contains(&"HLtokens".to_owned()) && !reads.contains(&PHONE_ORDER.to_owned()), "{reads:?}");
}

/// A run that fails is repeated with the same batch: no finding is lost, and none counts twice.
#[tokio::test(start_paused = true)]
async fn store_fault_at_any_call_loses_no_finding() {
    let calls = {
        let (world, event) = without_pointer().await;
        let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
        deliver(ledger, &event, 1, 60).await.expect("a run");
        faults.calls().len()
    };
    assert_eq!(calls, 6, "four reads, the order once more, and the finding is saved");
    for (call, fault) in (0..calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        let (world, event) = without_pointer().await;
        let (ledger, faults) = world.faulty(1, move |n, _| if n == call { fault } else { Fault::None });
        let done = tokio::select! {
            biased;
            report = deliver(ledger, &event, 1, 60) => report.is_some(),
            () = faults.killed() => false,
        };
        tokio::time::sleep(Duration::from_secs(10)).await;
        if !done {
            deliver(world.ledger(2), &event, 2, 61).await.expect("a run");
        }
        let open = state(&world).await.open;
        let found: Vec<_> = open.iter().map(|open| (open.difference.difference_kind, open.equal_checks)).collect();
        assert_eq!(found, [(DifferenceKind::Pointer, 1)], "{fault:?} at call {call}");
    }
}

/// A batch that no finding can be written for is delivered again.
#[tokio::test(start_paused = true)]
async fn batch_waits_while_the_progress_cannot_be_read() {
    let (shop, mut streamed) = books().await;
    let progress = shop.row("accounts", "check#audit");
    let mut later = progress.clone();
    later["v"]["N"] = json!("2");
    shop.put("accounts", &later);
    shop.remove("orders", POINTER);
    let event = streamed.event(&shop.world).expect("a change");
    assert_eq!(deliver(shop.world.ledger(1), &event, 1, 60).await, None);
    assert_eq!(shop.row("accounts", "check#audit"), later);
    shop.put("accounts", &progress);
    deliver(shop.world.ledger(2), &event, 2, 120).await.expect("a run");
    assert_eq!(found(&shop.world).await, [(DifferenceKind::Pointer, PHONE_ORDER.to_owned())]);
}

/// The commands of `docs/operate.md` for an order that no payment has paid.
#[tokio::test(start_paused = true)]
async fn documented_command_ends_the_finding_of_an_order_that_no_payment_has_paid() {
    const SET_BACK: &str = "SET payment = :unpaid, fulfilment = :none ADD version :one \
                            REMOVE paid_by, paid_at, #work, due_at, wakes";
    for docs in [include_str!("../../../../docs/operate.md"), include_str!("../../../../docs/operate.zh.md")] {
        assert!(docs.contains(&format!("--update-expression \"{SET_BACK}\"")));
    }
    let (shop, mut streamed) = books().await;
    let values = json!({ ":paid": { "S": "paid" }, ":by": { "S": "stripe#pi_planted" },
        ":at": { "S": testkit::now().to_string() } });
    shop.change("orders", OPEN_ORDER, "SET payment = :paid, paid_by = :by, paid_at = :at", &values);
    streamed.follow(&shop.world, 60).await;
    assert_eq!(found(&shop.world).await.len(), 3);
    let change = json!({
        "TableName": ORDERS_TABLE, "Key": { "id": { "S": OPEN_ORDER } }, "UpdateExpression": SET_BACK,
        "ExpressionAttributeNames": { "#work": "work" }, "ConditionExpression": "attribute_exists(id)",
        "ExpressionAttributeValues": { ":unpaid": { "S": "unpaid" }, ":none": { "S": "none" }, ":one": { "N": "1" } },
    });
    shop.world.engine.request("UpdateItem", &change).expect("a change");
    streamed.follow(&shop.world, 120).await;
    assert_eq!(found(&shop.world).await, []);
    let order = shop.world.ledger(0).order(&number(OPEN_ORDER), &context(0)).await.expect("a read").expect("an order");
    assert_eq!((order.payment, order.paid), (ledger::PaymentState::Unpaid, None));
}

/// The sweep saves its progress while a batch is compared: both keep their findings.
#[tokio::test(start_paused = true)]
async fn batch_and_sweep_at_once_keep_both_findings() {
    let (shop, mut streamed) = books().await;
    shop.remove("orders", POINTER);
    shop.change("accounts", "alice/credits", "ADD available_units :n", &json!({ ":n": { "N": "1" } }));
    let event = streamed.event(&shop.world).expect("a change");
    let late = |seed| shop.world.faulty(seed, |_, _| Fault::Delay(Duration::from_millis(10))).0;
    let (sweep, batch) = tokio::join!(check_over(late(1), DAY, RUN), deliver(late(2), &event, 1, DAY));
    assert!(sweep.is_some() && batch.is_some(), "{sweep:?} {batch:?}");
    // A sweep that was overtaken goes on in its next run.
    check(&shop.world, DAY + 300).await;
    let open = state(&shop.world).await.open;
    let kinds: std::collections::BTreeSet<_> = open.iter().map(|open| open.difference.difference_kind).collect();
    assert_eq!(kinds, [DifferenceKind::Available, DifferenceKind::Pointer].into());
}

/// Rows of other kinds in the table, and records that name no order, lead to nothing.
#[tokio::test(start_paused = true)]
async fn rows_that_name_no_order_are_passed_over() {
    let (shop, mut streamed) = books().await;
    shop.put("orders", &json!({ "id": { "S": "places#alice" }, "v": { "N": "1" }, "held_by": { "SS": ["HL1"] } }));
    shop.put("orders", &json!({ "id": { "S": "not a number" }, "order": { "N": "1" } }));
    assert_eq!(streamed.follow(&shop.world, 60).await, empty());
    let (ledger, call) = (shop.world.ledger(7), 7);
    assert_eq!(deliver(ledger, r#"{"Records":[{"dynamodb":{}},{}]}"#, call, 60).await, Some(empty()));
    for unknown in [r#"{"Records":7}"#, "{}", "[]", "no JSON"] {
        assert_eq!(deliver(shop.world.ledger(8), unknown, 8, 60).await, None, "{unknown}");
    }
    assert_eq!(state(&shop.world).await.open, []);
}

/// The order has been paid by a sample of its source, and the audit of all changed orders finds nothing.
async fn agrees(world: &World, streamed: &mut Streamed, paid: &str, orders: u32) {
    let order = world.ledger(0).order(&number(paid), &context(0)).await.expect("a read").expect("an order");
    assert!(order.paid.is_some(), "{paid}");
    let report = streamed.follow(world, 60).await;
    assert_eq!((report, state(world).await.open), (AuditReport { orders, ..empty() }, vec![]));
}

#[tokio::test(start_paused = true)]
async fn order_that_a_source_has_paid_has_no_difference() {
    let world = World::new();
    let mut streamed = Streamed::of(&world);
    orders_of_samples(&world).await;
    for event in ["checkout_session_completed", "customer_subscription_created", "invoice_paid", "charge_refunded"] {
        deliver_sample(&world, event).await;
        deliver_sample(&world, event).await;
    }
    agrees(&world, &mut streamed, "hk_sample_order", 2).await;

    let world = crate::epay::shop().await;
    let mut streamed = Streamed::of(&world);
    let body = crate::epay::notification();
    let event = Sent::post(crate::epay::NOTIFY, body.as_bytes()).with("content-type", FORM).event(Shape::HttpApi);
    crate::epay::function(world.ledger(1), &[]).await.answer(&event, &crate::sandbox::invocation(1)).await;
    agrees(&world, &mut streamed, crate::epay::ORDER, 1).await;
}
