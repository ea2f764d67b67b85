//! Orders that a hand other than a payment's marks as paid: nothing that they buy is delivered, by the stream or by the clock.

use serde_json::json;

use super::*;

/// Marks the order as paid by `pi_1`, as a role could that may write orders and proves no payment.
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
        ("tokens that are sent", vec![tokens(true)]),
        ("a report", vec![Grant::Report(word("full"))]),
        ("a top-up", vec![airtime(PHONE)]),
        ("all of it", vec![credits, tokens(true), Grant::Report(word("full")), airtime(PHONE)]),
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
            assert!(work(&worker, &run_at(attempt, 1)).await, "{name}: no record is brought again");
            let after_s = MINUTE * 20 * i64::try_from(attempt).expect("small");
            let swept = swept::run(&world, &unitel, &[], swept::UNFULFILLED, after_s).await;
            assert_eq!(swept, reconcile::Delivered::default(), "{name}: it is in no queue");
        }
        let books = world.books();
        assert!(books.accounts.values().all(|account| account.balance == 0), "{name}: {:?}", books.accounts);
        assert_eq!(keys(&world).len(), before.len() + 1, "{name}: one step, that flags it: {:?}", keys(&world));
        assert_eq!(unitel.calls(ORDER).calls, 0, "{name}");
        assert!(fireblocks.transfers().is_empty(), "{name}");
        let order = books.order(ORDER);
        assert_eq!(order.anomaly.as_deref(), Some("PAYMENT_UNPROVEN"), "{name}");
    }
}

async fn worked(world: &World, attempt: u64) -> String {
    let worker = worker(world.ledger(attempt), None, None).await;
    assert!(work(&worker, &run_at(attempt, 1)).await);
    told(&world.books())
}

/// A row of the payment that says something else proves nothing. Once it says what it must and the flag is cleared, all is delivered.
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
        crate::heard::listen();
        let worker = worker(world.ledger(1), None, None).await;
        for attempt in 1..3 {
            assert!(work(&worker, &run_at(attempt, 1)).await, "{attribute}");
        }
        let alarms = crate::heard::heard().iter().filter(|line| line["alarm"] == "payment_unproven").count();
        assert_eq!(alarms, 1, "{attribute}: once");
        assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("PAYMENT_UNPROVEN"), "{attribute}");
        let delivered = world.books().accounts.values().any(|account| account.balance != 0);
        assert!(!delivered, "{attribute}");
        change(&before);
        cleared(&world, 5).await;
        assert_eq!(
            worked(&world, 6).await,
            "paid, done: alice/POSX 10, bob/commission-usd 1.99, carol/commission-usd 0.39",
            "{attribute}"
        );
    }
}

async fn cleared(world: &World, attempt: u64) {
    let ledger = world.ledger(attempt);
    let order = ledger.order(&number(), &context(attempt)).await.expect("read").expect("there");
    let cleared = order.clear(ledger::Clearing::default());
    let decision = order.step("test", "cleared", Vec::new(), cleared).expect("something to clear");
    ledger.commit(&decision, &context(attempt)).await.expect("cleared");
}

/// What a genuine event would correct of a planted order is refused, kept, and tried again once the payment is proven.
#[tokio::test(start_paused = true)]
async fn genuine_refund_of_planted_order_posts_nothing() {
    let world = planted(vec![Grant::Credits(crate::sandbox::amount("100"))]).await;
    let ledger = world.ledger(1);
    for report in [Report::Refunded(1), Report::Disputed(DisputeStage::Open), Report::Disputed(DisputeStage::Won)] {
        let order = ledger.order(&number(), &context(1)).await.expect("read").expect("there");
        let effects = report.effects(&order);
        let Some(decision) = order.step("test", "report", Vec::new(), effects) else { continue };
        let told = ledger.commit(&decision, &context(2)).await;
        let is_unproven = matches!(told, Err(CommitError::Rejected(ledger::Reason::PaymentUnproven)));
        let moves_nothing = world.books().balance("alice/credits") == 0;
        assert!((is_unproven || told.is_ok()) && moves_nothing, "{report:?}: {told:?}");
    }
}
