//! The sweep closes all holds whose time is over, and counts those that it cannot close.

use edge::Worker as _;
use reconcile::{HoldsReport, Report};
use serde_json::Value;

use super::*;
use crate::log_capture::{captured_lines, start_capture};
use crate::stripe::{self as of_stripe, run_at};

async fn sweep(world: &World, seconds: i64) -> HoldsReport {
    let attempt = 1_000 + u64::try_from(seconds).expect("later");
    let reconcile = of_stripe::reconcile(world.ledger(0), &[]);
    let report = reconcile.work(r#"{"sweep":"holds"}"#, &run_at(attempt, seconds)).await.expect("a run");
    let Report::Holds(report) = report else { panic!("another sweep") };
    report
}

#[tokio::test(start_paused = true)]
async fn sweep_closes_what_is_due() {
    let world = world().await;
    let holds = [("h1", None), ("h2", Some("0.5")), ("h3", None), ("h4", None)];
    for (id, charge) in holds {
        let hold = hold_of("alice", id, "2", None, charge);
        world.ledger(0).open_hold(&hold, &context(0)).await.expect("a hold");
    }
    let settled = hold_of("alice", "h3", "2", None, None);
    world.ledger(0).close_hold(&settled, &settle("1"), &later(0, 1)).await.expect("settled");
    // Neither a row that cannot be read keeps others waiting, nor one whose account holds less.
    let row = json!({
        "id": { "S": "bad" }, "v": { "N": "1" }, "status": { "S": "open" }, "open_holds": { "S": "open#0" },
        "account": { "S": "alice/credits" }, "expires_at": { "S": now().to_string() },
    });
    world.engine.request("PutItem", &json!({ "TableName": "hookledger-local-holds", "Item": row })).expect("a row");
    assert_eq!(sweep(&world, TTL - 1).await, HoldsReport { failed: 1, ..HoldsReport::default() });
    let expected = HoldsReport { released: 2, charged: 1, failed: 1, ..HoldsReport::default() };
    assert_eq!(sweep(&world, TTL).await, expected);
    assert_eq!(sweep(&world, TTL + 60).await, HoldsReport { failed: 1, ..HoldsReport::default() });
    let deleted = json!({ "TableName": "hookledger-local-holds", "Key": { "id": { "S": "bad" } } });
    world.engine.request("DeleteItem", &deleted).expect("removed");
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 16 * ONE + ONE / 2);
    assert_eq!(books.journal["usage#hold.h2"].change, -ONE / 2);
}

/// One partition of the index lists five hundred at once. Each run says how many are still open, and how late the oldest
/// is.
#[tokio::test(start_paused = true)]
async fn sweep_closes_more_than_it_lists_at_once() {
    let world = world().await;
    for number in 0..1_030 {
        let hold = hold_of("alice", &format!("h{number}"), "0.01", None, None);
        world.ledger(0).open_hold(&hold, &context(0)).await.expect("a hold");
    }
    committed(&world, &credit("bob", "b1", "1", None), 0).await;
    world.ledger(0).open_hold(&hold_of("bob", "late", "1", None, None), &context(0)).await.expect("a hold");
    // Of this account nothing can be freed.
    let held = json!({
        "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "bob/credits" } },
        "UpdateExpression": "SET held_units = :n", "ExpressionAttributeValues": { ":n": { "N": "0" } },
    });
    world.engine.request("UpdateItem", &held).expect("altered");
    start_capture();
    let expected = HoldsReport { released: 1_030, failed: 1, ..HoldsReport::default() };
    assert_eq!(sweep(&world, TTL + 120).await, expected);
    assert_eq!(sweep(&world, TTL + 700).await, HoldsReport { failed: 1, ..HoldsReport::default() });
    let backlog =
        |line: &Value| (line["backlog"] == "holds").then(|| (line["waiting"].clone(), line["oldest_s"].clone()));
    let backlogs: Vec<_> = captured_lines().iter().filter_map(backlog).collect();
    assert_eq!(backlogs, [(json!(1), json!(120)), (json!(1), json!(700))]);
    assert_eq!(world.books().accounts["alice/credits"].held, 0);
}
