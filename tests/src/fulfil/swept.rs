//! The sweeps of paid orders: those that the stream missed, those that wait for an external party, and those that keep
//! failing.

use ledger::Writer;
use reconcile::{Delivered, Reconcile, Report as Swept};
use testkit::NetFault;

use super::*;
use crate::log_capture::{captured_lines, start_capture};
use crate::stripe as of_stripe;

pub(crate) const UNFULFILLED: &str = r#"{"sweep":"unfulfilled"}"#;
pub(crate) const PENDING_EXTERNAL: &str = r#"{"sweep":"pending_external"}"#;
const CHECK: (&str, &str) = ("UNITEL_CHECK_PATH", "/service/check_transaction_result");

/// One run of a sweep, this long after the order was created and paid.
pub(super) async fn run(
    world: &World,
    net: &UnitelNet,
    settings: &[(&str, &str)],
    sweep: &str,
    after_s: i64,
) -> Delivered {
    net.set_now(now().plus_seconds(after_s));
    let ledger = world.ledger(0);
    let fulfil = worker(ledger.clone(), Some((net, settings)), None).await;
    let reconcile = Reconcile { ledger, fulfil, ..of_stripe::reconcile(world.ledger(0), &[]) };
    let attempt = 1_000 + u64::try_from(after_s).expect("later");
    match reconcile.work(sweep, &of_stripe::run_at(attempt, after_s)).await.expect("a run") {
        Swept::Unfulfilled(delivered) | Swept::PendingExternal(delivered) => delivered,
        other @ (Swept::Refused(_)
        | Swept::StripeBackfill(_)
        | Swept::GatewayLog(_)
        | Swept::Unpaid(_)
        | Swept::Expiring(_)
        | Swept::Holds(_)
        | Swept::Audit(_)
        | Swept::Changes(_)
        | Swept::Paused) => {
            panic!("{other:?}")
        }
    }
}

fn one() -> Delivered {
    Delivered { tried: 1, ..Delivered::default() }
}

#[tokio::test(start_paused = true)]
async fn order_that_the_stream_missed_is_fulfilled_after_a_minute() {
    let grants = vec![tokens(false), Grant::Report(word("full")), airtime(PHONE)];
    let (world, net) = (paid(grants).await, UnitelNet::default());
    assert_eq!(run(&world, &net, &[], UNFULFILLED, MINUTE - 1).await, Delivered::default());
    assert_eq!(run(&world, &net, &[], UNFULFILLED, MINUTE).await, Delivered { moved_on: 1, ..one() });
    let summary = summary(&world.books());
    assert_eq!(
        summary,
        "paid, done: alice/POSX 10, alice/report-full 1, bob/commission-usd 1.99, carol/commission-usd 0.39"
    );
    assert_eq!(run(&world, &net, &[], UNFULFILLED, 10 * MINUTE).await, Delivered::default());
    assert_eq!(net.top_ups(ORDER).calls, 1);
}

/// The metrics that alarms watch: the backlog and the age of its oldest order after each run, and the delay of each
/// fulfilment.
#[tokio::test(start_paused = true)]
async fn each_run_logs_the_backlog_and_its_age() {
    start_capture();
    let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
    net.fail(|_, _| NetFault::Status(503));
    for minute in [1, 2, 3, 4] {
        run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
    }
    net.recover();
    run(&world, &net, &[], UNFULFILLED, 8 * MINUTE).await;
    let lines = captured_lines();
    let backlogs = lines.iter().filter(|line| line["backlog"] == "fulfilment");
    let backlogs: Vec<_> = backlogs
        .map(|line| (line["waiting"].as_u64().expect("a number"), line["oldest_s"].as_u64().expect("an age")))
        .collect();
    assert_eq!(
        backlogs,
        [(1, 60), (1, 120), (1, 180), (1, 240), (0, 0)],
        "in the third minute it waits without an attempt"
    );
    let delays: Vec<_> = lines.iter().filter_map(|line| line["delay_ms"].as_u64()).collect();
    assert!(matches!(delays.as_slice(), [480_000..481_000]), "{delays:?}");
    let top_up_result: Vec<_> = lines.iter().filter(|line| line["outcome"] == "top_up").collect();
    assert_eq!(top_up_result.iter().map(|line| line["reason"].as_str()).collect::<Vec<_>>(), [Some("done")]);
}

/// An order of this number, created and paid this long after the start.
pub(crate) async fn paid_at(world: &World, name: &str, grants: Vec<Grant>, after_s: i64) {
    let mut order = order(grants);
    order.number = OrderNumber::new(name).expect("a number");
    let at = now().plus_seconds(after_s);
    order.created_at = at;
    let by = Reference::new(Provider::Stripe, &format!("pi_{name}")).expect("an id");
    crate::stripe::made(world, order.clone()).await;
    let order = world.ledger(0).order(&order.number, &context(0)).await.expect("read").expect("there");
    let effects = order.pay(&Payment { by, money: order.terms.price, at }).expect("what it costs");
    let paid = order.step(Writer::Manual, "paid", Vec::new(), effects).expect("something to write");
    let late = ledger::CallContext { received_at: at, first_received_at: at, ..context(0) };
    world.ledger(0).commit(&paid, &late).await.expect("booked");
}

/// Every run counts the waiting orders, due or not, except those just paid. In every quarter of an hour some run
/// reports the age of the oldest, though it has waited for days.
#[tokio::test(start_paused = true)]
async fn waiting_orders_are_counted_in_every_run() {
    start_capture();
    let (world, net) = (World::new(), UnitelNet::default());
    net.fail(|_, _| NetFault::Status(503));
    let (mut counted, mut quarters) = (Vec::new(), Vec::new());
    let days = [0, 1_440, 2_880].map(|begins| begins..begins + 45);
    for minute in days.into_iter().flatten() {
        if minute < 12 {
            paid_at(&world, &format!("HL{minute}"), vec![airtime(PHONE)], minute * MINUTE).await;
        }
        run(&world, &net, &[], UNFULFILLED, minute * MINUTE + 30).await;
        let lines = captured_lines();
        start_capture();
        let of =
            |name: &str| lines.iter().find(|line| line["backlog"] == "fulfilment").and_then(|line| line[name].as_u64());
        counted.push(of("waiting").expect("in every run"));
        if minute % 15 == 0 {
            quarters.push(0);
        }
        let quarter = quarters.last_mut().expect("begun");
        *quarter = of("oldest_s").expect("in every run").max(*quarter);
    }
    // The order paid half a minute ago is not counted yet, and from the twelfth minute on there are twelve.
    let expected: Vec<u64> = (0..135).map(|run| run.min(12)).collect();
    assert_eq!(counted, expected);
    assert!(quarters.iter().all(|oldest_s| *oldest_s > 300), "{quarters:?}");
    assert!(quarters[1..].iter().all(|oldest_s| *oldest_s >= 600), "not-fulfilled stays red: {quarters:?}");
}

/// More than a page is counted, by a query that counts.
#[tokio::test(start_paused = true)]
async fn thousands_of_waiting_orders_are_counted() {
    start_capture();
    let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
    let table = "hookledger-local-orders";
    let rows = world.engine.request("Scan", &serde_json::json!({ "TableName": table })).expect("rows")["Items"].clone();
    let row = rows.as_array().expect("rows").iter().find(|row| row["id"]["S"] == ORDER).expect("the order").to_string();
    let tomorrow = now().plus_seconds(86_400).to_string();
    let row = row.replace(&now().plus_seconds(MINUTE).to_string(), &tomorrow);
    let copies: Vec<String> = (0..2_500).map(|n| row.replace(ORDER, &format!("HLcopy{n}"))).collect();
    world.engine.load(table, &format!("[{}]", copies.join(","))).expect("rows");
    run(&world, &net, &[], UNFULFILLED, MINUTE).await;
    let backlogs: Vec<_> = captured_lines().iter().filter_map(|line| line["waiting"].as_u64()).collect();
    assert_eq!(backlogs, [2_500], "all but the one that was due and is fulfilled");
}

/// An unreadable order that is due soon does not block one that is due.
#[tokio::test(start_paused = true)]
async fn unreadable_order_blocks_no_other() {
    let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
    paid_at(&world, "HL2", vec![airtime(PHONE)], MINUTE / 2).await;
    let broken = serde_json::json!({
        "TableName": "hookledger-local-orders",
        "Key": { "id": { "S": "HL2" } },
        "UpdateExpression": "REMOVE price_units",
    });
    world.engine.request("UpdateItem", &broken).expect("a row that no release can parse");
    start_capture();
    assert_eq!(run(&world, &net, &[], UNFULFILLED, MINUTE).await, Delivered { moved_on: 1, ..one() });
    assert_eq!(captured_lines().iter().find_map(|line| line["waiting"].as_u64()), Some(1), "it waits");
}

/// The backoff doubles up to ten minutes, so that the orders do not call an unreachable operator every minute.
#[tokio::test(start_paused = true)]
async fn repeated_failure_backs_off() {
    let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
    net.fail(|_, _| NetFault::Status(503));
    let mut attempts = Vec::new();
    for minute in 1..=300 {
        let outcome = run(&world, &net, &[], UNFULFILLED, minute * MINUTE).await;
        if outcome == (Delivered { failed: 1, ..one() }) {
            attempts.push(minute);
        } else {
            assert_eq!(outcome, Delivered::default(), "{minute}");
        }
    }
    let first = [1, 2, 4, 8, 16];
    assert_eq!(attempts, first.into_iter().chain((26..=300).step_by(10)).collect::<Vec<_>>());
    net.recover();
    assert_eq!(run(&world, &net, &[], UNFULFILLED, 600 * MINUTE).await, Delivered { moved_on: 1, ..one() });
    assert_eq!((world.books().order(ORDER).fulfilment.as_str(), net.top_ups(ORDER).calls), ("done", 1));
}

#[tokio::test(start_paused = true)]
async fn claim_of_a_dead_worker_is_found() {
    let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
    net.fail(|_, what| if what == "POST /service/recharge" { NetFault::DropRequest } else { NetFault::None });
    let dying = worker(world.ledger(1), Some((&net, &[])), None).await;
    let died = tokio::time::timeout(std::time::Duration::from_secs(2), work(&dying, &run_at(1, 0))).await;
    assert!(died.is_err(), "the worker waits for the answer");
    assert_eq!(run(&world, &net, &[], UNFULFILLED, MINUTE).await, Delivered::default(), "the call may be in progress");
    assert_eq!(run(&world, &net, &[], UNFULFILLED, 2 * MINUTE).await, Delivered { moved_on: 1, ..one() });
    assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("TOP_UP_UNKNOWN"));
    assert_eq!(net.top_ups(ORDER).calls, 0);
}

/// Queries run from five minutes to a day after the call, with growing pauses; then the order is for a person.
#[tokio::test(start_paused = true)]
async fn pending_top_up_is_queried_until_it_is_escalated() {
    let (world, net) = (paid(vec![airtime("88000003")]).await, UnitelNet::default());
    assert!(work(&worker(world.ledger(1), Some((&net, &[CHECK])), None).await, &run_at(1, 0)).await);
    let (mut queried, mut escalated) = (Vec::new(), None);
    for minute in (0..=1_600).step_by(5) {
        let outcome = run(&world, &net, &[CHECK], PENDING_EXTERNAL, minute * MINUTE).await;
        if outcome == (Delivered { waiting: 1, ..one() }) {
            queried.push(minute);
        } else if outcome == (Delivered { left: 1, ..one() }) {
            assert_eq!(escalated.replace(minute), None, "once");
        } else {
            assert_eq!(outcome, Delivered::default(), "{minute}");
        }
    }
    assert_eq!(queried.first_chunk(), Some(&[5, 10, 20, 40, 80, 140]));
    assert!(queried.iter().all(|minute| *minute < 24 * 60), "{queried:?}");
    assert!(escalated.is_some_and(|minute| minute >= 24 * 60), "{escalated:?}");
    assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("TOP_UP_UNKNOWN"));
    assert_eq!(net.top_ups(ORDER).calls, 1);
}

/// An operator that never answers blocks no other order.
#[tokio::test(start_paused = true)]
async fn overlapping_runs_call_the_operator_once() {
    let (world, net) = (paid(vec![tokens(false), airtime("88000006")]).await, UnitelNet::default());
    let runs = (0..4).map(|_| run(&world, &net, &[], UNFULFILLED, MINUTE));
    futures_util::future::join_all(runs).await;
    assert_eq!(net.top_ups(ORDER).calls, 1);
    assert_eq!(
        summary(&world.books()),
        "paid, done: alice/POSX 10, bob/commission-usd 1.99, carol/commission-usd 0.39"
    );
}
