//! Orders that a role other than a payment's marks as paid: neither the stream nor the sweeps deliver anything for
//! them.

use ledger::Writer;
use serde_json::json;

use super::*;

/// Marks the order as paid by `pi_1`, as a role could that can write orders but not payments.
pub(crate) fn plant(world: &World) {
    let values = json!({
        ":one": { "N": "1" }, ":paid": { "S": "paid" }, ":by": { "S": "stripe#pi_1" },
        ":at": { "S": now().to_string() }, ":pending": { "S": "pending" }, ":work": { "S": "fulfilment" },
        ":wakes": { "S": "fulfil" },
    });
    let set = "SET payment = :paid, paid_by = :by, paid_at = :at, fulfilment = :pending, #work = :work, due_at = :at, \
               wakes = :wakes ADD version :one";
    let request = json!({
        "TableName": "hookledger-local-orders", "Key": { "id": { "S": ORDER } }, "UpdateExpression": set,
        "ExpressionAttributeNames": { "#work": "work" }, "ExpressionAttributeValues": values,
    });
    world.engine.request("UpdateItem", &request).expect("written");
}

pub(crate) async fn planted(grants: Vec<Grant>) -> World {
    let world = World::new();
    made(&world, order(grants)).await;
    plant(&world);
    world
}

fn keys(world: &World) -> Vec<String> {
    world.books().journal.keys().cloned().collect()
}

fn each_grant() -> [(&'static str, Vec<Grant>); 6] {
    let credits = Grant::Credits(crate::sandbox::amount("100"));
    [
        ("credits", vec![credits.clone()]),
        ("tokens", vec![tokens(false)]),
        ("tokens on chain", vec![tokens(true)]),
        ("a report", vec![Grant::Report(word("full"))]),
        ("a top-up", vec![airtime(PHONE)]),
        ("everything", vec![credits, tokens(true), Grant::Report(word("full")), airtime(PHONE)]),
    ]
}

#[tokio::test(start_paused = true)]
async fn planted_paid_order_delivers_nothing() {
    for (name, grants) in each_grant() {
        let (unitel, fireblocks) = (UnitelNet::default(), FireblocksNet::default());
        let world = planted(grants).await;
        let before = keys(&world);
        for attempt in 1..4 {
            let worker = worker(world.ledger(attempt), Some((&unitel, &[])), Some(&fireblocks)).await;
            assert!(work(&worker, &run_at(attempt, 1)).await, "{name}: no record is delivered again");
            let after_s = MINUTE * 20 * i64::try_from(attempt).expect("small");
            let swept = swept::run(&world, &unitel, &[], swept::UNFULFILLED, after_s).await;
            assert_eq!(swept, reconcile::Delivered::default(), "{name}: it is in no queue");
        }
        let books = world.books();
        assert!(books.accounts.values().all(|account| account.balance == 0), "{name}: {:?}", books.accounts);
        assert_eq!(keys(&world).len(), before.len() + 1, "{name}: one step, which flags the order: {:?}", keys(&world));
        assert_eq!(unitel.top_ups(ORDER).calls, 0, "{name}");
        assert!(fireblocks.transfers().is_empty(), "{name}");
        let order = books.order(ORDER);
        assert_eq!(order.anomaly.as_deref(), Some("PAYMENT_UNPROVEN"), "{name}");
    }
}

async fn work_off(world: &World, attempt: u64) -> String {
    let worker = worker(world.ledger(attempt), None, None).await;
    assert!(work(&worker, &run_at(attempt, 1)).await);
    summary(&world.books())
}

/// A payment row of something else proves nothing. Once it is right and the flag is cleared, the order is delivered.
#[tokio::test(start_paused = true)]
async fn payment_row_of_another_order_amount_or_currency_proves_nothing() {
    let rows = [
        ("order", json!({ "S": "HL2" })),
        ("paid_units", json!({ "N": "1" })),
        ("paid_currency", json!({ "S": "JPY" })),
        ("status", json!({ "S": "failed" })),
    ];
    for (attribute, value) in rows {
        let world = paid(vec![tokens(false)]).await;
        let change = |value: &serde_json::Value| {
            let request = json!({
                "TableName": "hookledger-local-journal", "Key": { "id": { "S": "payment#stripe#pi_1" } },
                "UpdateExpression": "SET #a = :v", "ExpressionAttributeNames": { "#a": attribute },
                "ExpressionAttributeValues": { ":v": value }, "ReturnValues": "ALL_OLD",
            });
            world.engine.request("UpdateItem", &request).expect("written")["Attributes"][attribute].clone()
        };
        let before = change(&value);
        crate::log_capture::start_capture();
        let worker = worker(world.ledger(1), None, None).await;
        for attempt in 1..3 {
            assert!(work(&worker, &run_at(attempt, 1)).await, "{attribute}");
        }
        let alarms =
            crate::log_capture::captured_lines().iter().filter(|line| line["alarm"] == "payment_unproven").count();
        assert_eq!(alarms, 1, "{attribute}: once");
        assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("PAYMENT_UNPROVEN"), "{attribute}");
        let delivered = world.books().accounts.values().any(|account| account.balance != 0);
        assert!(!delivered, "{attribute}");
        change(&before);
        clear(&world, &number(), 5).await;
        assert_eq!(
            work_off(&world, 6).await,
            "paid, done: alice/POSX 10, bob/commission-usd 1.99, carol/commission-usd 0.39",
            "{attribute}"
        );
    }
}

pub(crate) async fn clear(world: &World, number: &OrderNumber, attempt: u64) {
    let ledger = world.ledger(attempt);
    let order = ledger.order(number, &context(attempt)).await.expect("read").expect("there");
    let effects = order.clear(ledger::Clearing::default());
    let decision = order.step(Writer::Manual, "cleared", Vec::new(), effects).expect("something to clear");
    ledger.commit(&decision, &context(attempt)).await.expect("cleared");
}

/// An event that would adjust a planted order is refused, kept, and retried once the payment is proven.
#[tokio::test(start_paused = true)]
async fn genuine_refund_of_planted_order_posts_nothing() {
    let world = planted(vec![Grant::Credits(crate::sandbox::amount("100"))]).await;
    let ledger = world.ledger(1);
    for report in [Report::Refunded(1), Report::Disputed(DisputeStage::Open), Report::Disputed(DisputeStage::Won)] {
        let order = ledger.order(&number(), &context(1)).await.expect("read").expect("there");
        let effects = report.effects(&order);
        let Some(decision) = order.step(Writer::Manual, "report", Vec::new(), effects) else { continue };
        let outcome = ledger.commit(&decision, &context(2)).await;
        let is_unproven = matches!(outcome, Err(CommitError::Rejected(ledger::Reason::PaymentUnproven)));
        let moves_nothing = world.books().balance("alice/credits") == 0;
        assert!((is_unproven || outcome.is_ok()) && moves_nothing, "{report:?}: {outcome:?}");
    }
}
