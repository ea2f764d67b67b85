//! The cost of an idle run: the same calls and the same read units at any number of orders.

use fakes::Stripe;
use ledger::{Audit as _, AuditProgress};
use reconcile::Reconcile;
use serde_json::Value;
use testkit::StripeNet;

use super::unpaid::api;
use super::*;

/// Every schedule, and the calls of a run that finds nothing: DynamoDB's, with the table or index and the read units,
/// and the number of Stripe's.
const SWEEPS: [(&str, &[Cost], usize); 8] = [
    (REFUSED, &[("Query", "journal/attention", "0.5"); 5], 0),
    (r#"{"sweep":"stripe_backfill"}"#, &[("GetItem", "accounts", "1.0")], 1),
    // No gateway is set.
    (r#"{"sweep":"gateway_log"}"#, &[], 0),
    (r#"{"sweep":"unpaid"}"#, &[("Query", "orders/work", "0.5"); 3], 0),
    (r#"{"sweep":"unfulfilled"}"#, &[("Query", "orders/work", "0.5")], 0),
    (r#"{"sweep":"pending_external"}"#, &[("Query", "orders/work", "0.5")], 0),
    (r#"{"sweep":"expiring"}"#, &[("Query", "accounts/expiring", "0.5"); 4], 0),
    (r#"{"sweep":"audit"}"#, &[("GetItem", "accounts", "1.0")], 0),
];
const OWNERS: usize = 1_000;

type Cost = (&'static str, &'static str, &'static str);

/// A table, and its rows of one order with a genuine payment.
type Template = (String, Vec<String>);

async fn paid() -> Vec<Template> {
    let world = World::new();
    orders_of_samples(&world).await;
    deliver_sample(&world, "payment_intent_succeeded").await;
    let is_of_payment = |row: &Value| {
        let id = row["id"]["S"].as_str().expect("an id");
        ["payment#", "hk_sample_order", "alice/"].iter().any(|begins| id.starts_with(begins))
    };
    let rows = |name| {
        let table = format!("hookledger-local-{name}");
        let all = world.engine.request("Scan", &json!({ "TableName": table })).expect("rows")["Items"].clone();
        let rows =
            all.as_array().expect("rows").iter().filter(|row| is_of_payment(row)).map(Value::to_string).collect();
        (table, rows)
    };
    ["journal", "orders", "accounts"].map(rows).into()
}

/// Copies the template under other names: its order, its entry and, for the first thousand, its account.
fn plant(world: &World, template: &[Template], orders: std::ops::Range<usize>) {
    for (table, rows) in template {
        assert_eq!(rows.len(), 1, "{table}: {rows:?}");
        let orders: Vec<usize> = orders.clone().filter(|n| !table.ends_with("accounts") || *n < OWNERS).collect();
        for orders in orders.chunks(10_000) {
            let rows: Vec<String> = orders.iter().map(|n| copy(&rows[0], *n)).collect();
            world.engine.load(table, &format!("[{}]", rows.join(","))).expect("rows");
        }
    }
}

fn copy(row: &str, n: usize) -> String {
    let owner = format!("owner{}", n % OWNERS);
    row.replace("hk_sample_order", &format!("HL{n}"))
        .replace("3Sample0000000000000001", &n.to_string())
        .replace("alice", &owner)
}

#[tokio::test(start_paused = true)]
async fn idle_run_of_each_sweep_costs_the_same_at_any_size() {
    let (world, template, mut planted) = (World::new(), paid().await, 0);
    let done = AuditProgress {
        version: 1,
        began_at: Some(testkit::now()),
        ended_at: Some(testkit::now()),
        ..AuditProgress::default()
    };
    assert!(world.ledger(0).save_audit_progress(&done, &context(0)).await.expect("a write"), "today's audit is done");
    for orders in [0, 1_000, 100_000] {
        plant(&world, &template, planted..orders);
        planted = orders;
        let last = ledger::OrderNumber::new(&format!("HL{}", orders.saturating_sub(1))).expect("a number");
        let last = world.ledger(0).order(&last, &context(0)).await.expect("a read");
        assert_eq!(last.map(|last| last.payment), (orders > 0).then_some(ledger::PaymentState::Paid));
        for (sweep, expected, stripe_calls) in SWEEPS {
            let net = StripeNet::new(Stripe::new("https://pay.invalid", false, "s"));
            let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
            let sweeper = Reconcile { stripe_api: Some(api(&net).await), ..of_stripe::reconcile(ledger, &[]) };
            sweeper.work(sweep, &run_at(1, HOUR)).await.expect("a run");
            let calls: Vec<(String, String, String)> = faults.calls().iter().map(cost).collect();
            let calls: Vec<(&str, &str, &str)> =
                calls.iter().map(|(operation, of, units)| (operation.as_str(), of.as_str(), units.as_str())).collect();
            assert_eq!((calls.as_slice(), net.calls().len()), (expected, stripe_calls), "{sweep} at {orders} orders");
        }
    }
}

/// The operation, its table or index, and the units that DynamoDB bills.
fn cost(call: &Call) -> (String, String, String) {
    let answer = call.answer.as_ref().expect("an answer");
    let table = call.request["TableName"].as_str().expect("a table").trim_start_matches("hookledger-local-");
    let of = call.request["IndexName"].as_str().map_or(table.to_owned(), |index| format!("{table}/{index}"));
    assert!(answer["ScannedCount"].is_null() || answer["ScannedCount"] == 0, "no read row is discarded: {answer}");
    (call.operation.clone(), of, answer["ConsumedCapacity"]["CapacityUnits"].to_string())
}
