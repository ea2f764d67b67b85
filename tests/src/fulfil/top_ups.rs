//! Top-ups: at most one call for each, and an unknown outcome is for a person.

use std::time::Duration;

use ledger::{TopUpState, Verdict, Writer};
use testkit::{Fault, NetFault};

use super::*;

const CHECK: (&str, &str) = ("UNITEL_CHECK_PATH", "/service/check_transaction_result");
const HOUR: i64 = 3_600;

async fn top_up(world: &World, net: &UnitelNet, settings: &[(&str, &str)], attempt: u64, after_s: i64) -> bool {
    net.set_now(now().plus_seconds(after_s));
    work(&worker(world.ledger(attempt), Some((net, settings)), None).await, &run_at(attempt, after_s)).await
}

async fn top_up_call(world: &World) -> ledger::TopUpCall {
    let order = world.ledger(0).order(&number(), &context(0)).await.expect("read").expect("there");
    order.top_up_call.expect("claimed")
}

/// The operator's answer; the order after the call, and how many top-ups the operator made.
#[tokio::test(start_paused = true)]
async fn each_answer_leads_to_one_outcome_and_one_call() {
    let unknown = "paid, unknown, TOP_UP_UNKNOWN: bob/commission-usd 1.99, carol/commission-usd 0.39";
    let of = |state: &str| format!("paid, {state}: bob/commission-usd 1.99, carol/commission-usd 0.39");
    let failed = "paid, failed, TOP_UP_FAILED: bob/commission-usd 1.99, carol/commission-usd 0.39";
    let rows: [(&str, NetFault, String, u64); 17] = [
        ("88000000", NetFault::None, of("done"), 1),
        ("88000001", NetFault::None, failed.to_owned(), 0),
        ("88000002", NetFault::None, of("pending"), 0),
        ("88000003", NetFault::None, of("pending"), 0),
        ("88000004", NetFault::None, unknown.to_owned(), 1),
        ("88000005", NetFault::None, unknown.to_owned(), 1),
        ("88000006", NetFault::None, of("done"), 1),
        ("88000007", NetFault::None, unknown.to_owned(), 1),
        ("88000008", NetFault::None, of("done"), 1),
        (PHONE, NetFault::DropRequest, unknown.to_owned(), 0),
        (PHONE, NetFault::DropResponse, unknown.to_owned(), 1),
        (PHONE, NetFault::Disconnect, unknown.to_owned(), 0),
        (PHONE, NetFault::Reset, unknown.to_owned(), 1),
        (PHONE, NetFault::Status(503), unknown.to_owned(), 0),
        (PHONE, NetFault::StatusApplied(500), unknown.to_owned(), 1),
        (PHONE, NetFault::Garbage, unknown.to_owned(), 1),
        (PHONE, NetFault::Truncated, unknown.to_owned(), 1),
    ];
    for (phone, fault, expected, given) in rows {
        let (world, net) = (paid(vec![airtime(phone)]).await, UnitelNet::default());
        let name = format!("{phone} {fault:?}");
        net.fail(move |_, what| if what == "POST /service/recharge" { fault } else { NetFault::None });
        assert!(top_up(&world, &net, &[], 1, 1).await, "{name}");
        assert_eq!(summary(&world.books()), expected, "{name}");
        // A later run does not call again, however late.
        for (attempt, after_s) in [(2, 2), (3, 200), (4, 48 * HOUR)] {
            assert!(top_up(&world, &net, &[], attempt, after_s).await, "{name}");
        }
        assert_eq!(summary(&world.books()), expected, "{name}, again");
        assert_eq!(net.top_ups(ORDER).given, given, "{name}");
        assert!(
            net.calls().iter().filter(|request| request.endpoint == "POST /service/recharge").count() <= 2,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn completed_top_up_keeps_the_operators_number_and_receipt() {
    let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
    assert!(top_up(&world, &net, &[], 1, 1).await);
    let top_up_call = top_up_call(&world).await;
    assert_eq!((top_up_call.state, top_up_call.at), (TopUpState::Done, now().plus_seconds(1)));
    assert!(top_up_call.seq.is_some(), "{top_up_call:?}");
    let receipt: serde_json::Value = serde_json::from_str(&top_up_call.receipt.expect("a receipt")).expect("JSON");
    assert!(receipt["billId"].is_string(), "{receipt}");
}

/// Without an access token nothing is claimed: the failure is transient and needs no person.
#[tokio::test(start_paused = true)]
async fn failed_login_is_retried_without_a_claim() {
    for fault in [NetFault::Status(503), NetFault::DropRequest, NetFault::Reply(401, "{}"), NetFault::Garbage] {
        let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
        let name = format!("{fault:?}");
        net.fail(move |_, _| fault);
        assert!(top_up(&world, &net, &[], 1, 1).await, "{name}: left to the sweep");
        assert_eq!(world.books().order(ORDER).top_up_call, None, "{name}");
        net.recover();
        assert!(top_up(&world, &net, &[], 2, 2).await, "{name}");
        assert_eq!((world.books().order(ORDER).fulfilment.as_str(), net.top_ups(ORDER).calls), ("done", 1), "{name}");
    }
    let world = paid(vec![airtime(PHONE)]).await;
    assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await, "left to the sweep");
    assert_eq!(world.books().order(ORDER).fulfilment, "pending");
}

#[tokio::test(start_paused = true)]
async fn concurrent_workers_make_one_call() {
    for seed in 0..20_u64 {
        let (world, net) = (paid(vec![airtime("88000006")]).await, UnitelNet::default());
        let mut workers = Vec::new();
        for n in 1..=6 {
            let mut rng = fastrand::Rng::with_seed(seed * 10 + n);
            let plan = move |_: usize, _: &str| Fault::Delay(Duration::from_millis(rng.u64(0..100)));
            workers.push((n, worker(world.faulty(n, plan).0, Some((&net, &[])), None).await));
        }
        let working = workers.iter().map(|(n, worker)| async move { work(worker, &run_at(*n, 1)).await });
        futures_util::future::join_all(working).await;
        assert_eq!(net.top_ups(ORDER).calls, 1, "seed {seed}");
        assert_eq!(world.books().order(ORDER).fulfilment, "done", "seed {seed}");
    }
}

/// A refunded or disputed payment, be it of one cent, stops the top-up: it cannot be taken back.
#[tokio::test(start_paused = true)]
async fn refunded_or_disputed_order_is_not_topped_up() {
    use ledger::DisputeStage::{Lost, Open, Won};
    let rows: [(&[Report], u64, &str); 7] = [
        (&[Report::DisputedPart(Open, 1)], 0, "none"),
        (&[Report::DisputedPart(Lost, 1)], 0, "none"),
        (&[Report::Refunded(1)], 0, "none"),
        (&[Report::Refunded(1_999)], 0, "none"),
        (&[Report::Disputed(Open)], 0, "none"),
        (&[Report::Disputed(Lost)], 0, "none"),
        (&[Report::Disputed(Open), Report::Disputed(Won)], 1, "done"),
    ];
    for (reports, calls, fulfilment) in rows {
        let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
        for report in reports {
            apply(&world, *report).await;
        }
        assert!(top_up(&world, &net, &[], 1, 1).await);
        assert_eq!(
            (net.top_ups(ORDER).calls, world.books().order(ORDER).fulfilment.as_str()),
            (calls, fulfilment),
            "{reports:?}"
        );
    }
}

/// The operator refused the top-up and the payment was refunded: the anomaly is resolved.
#[tokio::test(start_paused = true)]
async fn refund_resolves_a_failed_top_up() {
    let (world, net) = (paid(vec![airtime("88000001")]).await, UnitelNet::default());
    assert!(top_up(&world, &net, &[], 1, 1).await);
    assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("TOP_UP_FAILED"));
    apply(&world, Report::Refunded(1_999)).await;
    assert!(top_up(&world, &net, &[], 2, 2).await);
    assert_eq!(summary(&world.books()), "refunded, failed: ");
}

/// After a claim without an answer no other call is made until a person resolves it.
#[tokio::test(start_paused = true)]
async fn claim_without_an_answer_becomes_unknown_until_resolved() {
    for (verdict, calls, expected) in [
        (Verdict::Done, 0, "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39"),
        (Verdict::Failed, 0, "paid, failed, TOP_UP_FAILED: bob/commission-usd 1.99, carol/commission-usd 0.39"),
        (Verdict::Again, 1, "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39"),
    ] {
        let (world, net) = (paid(vec![airtime(PHONE)]).await, UnitelNet::default());
        net.fail(|_, what| if what == "POST /service/recharge" { NetFault::DropRequest } else { NetFault::None });
        let dying = worker(world.ledger(1), Some((&net, &[])), None).await;
        let died = tokio::time::timeout(Duration::from_secs(2), work(&dying, &run_at(1, 1))).await;
        assert!(died.is_err(), "the worker waits for the answer");
        assert_eq!(world.books().order(ORDER).top_up_call.as_deref(), Some("claimed"));
        // Too soon: the call may be in progress.
        assert!(top_up(&world, &net, &[], 2, 100).await);
        assert_eq!(world.books().order(ORDER).top_up_call.as_deref(), Some("claimed"));
        assert_eq!(resolve(&world, verdict, 100).await, None, "a person may not resolve it yet");
        assert!(top_up(&world, &net, &[], 3, 122).await);
        assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("TOP_UP_UNKNOWN"));
        net.recover();
        assert_eq!(resolve(&world, verdict, 130).await, Some(()));
        assert!(top_up(&world, &net, &[], 4, 140).await);
        assert_eq!((net.top_ups(ORDER).calls, summary(&world.books()).as_str()), (calls, expected), "{verdict:?}");
    }
}

async fn resolve(world: &World, verdict: Verdict, after_s: i64) -> Option<()> {
    let (ledger, run) = (world.ledger(0), run_at(900, after_s));
    let order = ledger.order(&number(), &run.context()).await.expect("read").expect("there");
    let effects = order.resolve(verdict, None, run.now)?;
    let decision = order.step(Writer::Manual, "resolve", Vec::new(), effects).expect("news");
    ledger.commit(&decision, &run.context()).await.expect("written");
    Some(())
}

/// The answer to a query of the operator; the order after it, and its anomaly.
#[tokio::test(start_paused = true)]
async fn open_top_up_is_queried_for_a_day() {
    use fulfil::PendingOutcome::{NeedsDecision, Open, Settled};
    const WITH_CHECK: &[(&str, &str)] = &[CHECK];
    type Row = (
        &'static str,
        &'static [(&'static str, &'static str)],
        i64,
        fulfil::PendingOutcome,
        &'static str,
        Option<&'static str>,
    );
    let rows: [Row; 7] = [
        ("88000002", WITH_CHECK, 300, Settled, "done", None),
        ("88000003", WITH_CHECK, 300, Open, "pending", None),
        ("88000003", WITH_CHECK, 25 * HOUR, NeedsDecision, "pending", Some("TOP_UP_UNKNOWN")),
        ("88000003", &[], 300, NeedsDecision, "pending", Some("TOP_UP_UNKNOWN")),
        ("88000004", WITH_CHECK, 300, Settled, "done", None),
        ("88000007", WITH_CHECK, 300, Settled, "done", None),
        ("88000004", &[], 300, NeedsDecision, "unknown", Some("TOP_UP_UNKNOWN")),
    ];
    for (phone, settings, after_s, query_outcome, fulfilment, anomaly) in rows {
        let (world, net) = (paid(vec![airtime(phone)]).await, UnitelNet::default());
        assert!(top_up(&world, &net, settings, 1, 1).await);
        net.set_now(now().plus_seconds(after_s));
        let run = run_at(2, after_s);
        let worker = worker(world.ledger(2), Some((&net, settings)), None).await;
        let order = worker.ledger.order(&number(), &run.context()).await.expect("read").expect("there");
        let name = format!("{phone} {settings:?} {after_s}");
        assert_eq!(worker.query_pending(&order, &run).await.expect(&name), query_outcome, "{name}");
        let books = world.books();
        books.check();
        let order = books.order(ORDER);
        assert_eq!((order.fulfilment.as_str(), order.anomaly.as_deref()), (fulfilment, anomaly), "{name}");
        assert_eq!(net.top_ups(ORDER).calls, 1, "{name}");
    }
}
