//! Transfers on chain: one for each allocation, of the tokens that remain after clawbacks, and never a second.

use std::sync::Arc;

use testkit::NetFault;

use super::*;
use crate::log_capture::{captured_lines, start_capture};

/// Fireblocks' id of its first transfer.
const FIRST: &str = "00000007-0000-4000-8000-000000000001";
const ALLOCATED: i128 = 10_000_000_000_000_000_000;

pub(super) async fn send(world: &World, net: &FireblocksNet, attempt: u64, after_s: i64) -> bool {
    net.set_now(now().plus_seconds(after_s));
    work(&worker(world.ledger(attempt), None, Some(net)).await, &run_at(attempt, after_s)).await
}

#[tokio::test(start_paused = true)]
async fn allocation_is_sent_as_one_transfer() {
    let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
    for attempt in 1..4 {
        assert!(send(&world, &net, attempt, 1).await);
    }
    let transfers = net.transfers();
    let [transfer] = transfers.as_slice() else { panic!("{transfers:?}") };
    let sent_values = [&transfer.external_id, &transfer.asset, &transfer.amount, &transfer.wallet, &transfer.vault];
    assert_eq!(sent_values, ["grant#HL1#1", "POSX_ETH", "10", WALLET, "7"]);
    let order = world.books().order(ORDER).clone();
    assert_eq!((order.fulfilment.as_str(), order.transfer.as_deref()), ("pending", Some("SUBMITTED")));
}

/// Without a custodian, tokens stay in the books and the order is done.
#[tokio::test(start_paused = true)]
async fn without_a_custodian_nothing_is_sent() {
    let world = paid(vec![tokens(true)]).await;
    assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await);
    let order = world.books().order(ORDER).clone();
    assert_eq!((order.fulfilment.as_str(), order.transfer), ("done", None));
}

#[tokio::test(start_paused = true)]
async fn clawed_back_tokens_are_not_sent() {
    use ledger::DisputeStage::{Lost, Open, Won};
    let rows: [(&[Report], &[&str]); 7] = [
        (&[], &["10"]),
        (&[Report::Refunded(1_000)], &["4.997498749374687343"]),
        (&[Report::Refunded(1_999)], &[]),
        (&[Report::Disputed(Open)], &[]),
        // A transfer cannot be taken back, so even the undisputed part waits.
        (&[Report::DisputedPart(Open, 1_000)], &[]),
        (&[Report::DisputedPart(Open, 1_000), Report::DisputedPart(Lost, 1_000)], &["4.997498749374687343"]),
        (&[Report::Disputed(Open), Report::Disputed(Won)], &["10"]),
    ];
    for (reports, amounts) in rows {
        let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
        // The tokens are allocated, and Fireblocks does not answer.
        net.fail(|_, _| NetFault::Status(503));
        assert!(send(&world, &net, 1, 1).await, "left to the sweep");
        assert_eq!(world.books().balance("alice/POSX"), ALLOCATED);
        for report in reports {
            apply(&world, *report).await;
        }
        net.recover();
        assert!(send(&world, &net, 2, 2).await, "{reports:?}");
        // The first request may have been applied: a query has to find nothing before another amount is requested.
        query(&world, &net, 122).await.expect("queried");
        assert!(send(&world, &net, 3, 123).await, "{reports:?}");
        let transfers = net.transfers();
        let sent_values: Vec<&str> = transfers.iter().map(|transfer| transfer.amount.as_str()).collect();
        assert_eq!(sent_values, amounts, "{reports:?}");
        world.books().check();
    }
}

#[tokio::test(start_paused = true)]
async fn custodian_fault_at_any_call_ends_in_one_transfer() {
    for fault in FireblocksNet::transient_faults() {
        for at in 0..3 {
            let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
            let name = format!("{fault:?} at {at}");
            net.fail(move |n, _| if n == at { fault } else { NetFault::None });
            send(&world, &net, 1, 1).await;
            net.recover();
            assert!(send(&world, &net, 2, 2).await, "{name}");
            assert_eq!(net.transfers().len(), 1, "{name}");
            assert_eq!(world.books().order(ORDER).transfer.as_deref(), Some("SUBMITTED"), "{name}");
            world.books().check();
        }
    }
}

/// Without a webhook, the sweep queries the status of each transfer; a failed one is flagged.
#[tokio::test(start_paused = true)]
async fn transfer_without_a_webhook_is_queried() {
    let rows = [("", "COMPLETED", "done", None), ("0001", "FAILED", "failed", Some("TRANSFER_FAILED"))];
    for (ending, status, fulfilment, anomaly) in rows {
        let start: String = WALLET.chars().take(WALLET.len() - ending.len()).collect();
        let wallet = format!("{start}{ending}");
        let on_chain = Some(OnChain { asset: "POSX_ETH".to_owned(), wallet: Some(wallet) });
        let amount = Amount::parse("10", 18).expect("an amount");
        let grant = Grant::Token { code: word("POSX"), scale: 18, amount, on_chain };
        let (world, net) = (paid(vec![grant]).await, FireblocksNet::default());
        assert!(send(&world, &net, 1, 1).await);
        for step in 0..6 {
            net.go_on();
            let run = run_at(10 + step, 300);
            net.set_now(run.now);
            let worker = worker(world.ledger(2), None, Some(&net)).await;
            let order = worker.ledger.order(&number(), &run.context()).await.expect("read").expect("there");
            worker.query_pending(&order, &run).await.expect("queried");
        }
        let order = world.books().order(ORDER).clone();
        assert_eq!((order.transfer.as_deref(), order.fulfilment.as_str()), (Some(status), fulfilment));
        let tokens = if status == "COMPLETED" { 0 } else { ALLOCATED };
        assert_eq!(world.books().balance("alice/POSX"), tokens);
        world.books().check();
        assert_eq!(order.anomaly.as_deref(), anomaly);
    }
}

/// The transfer completes; its payment is refunded or disputed before or after that, and the worker runs in between.
#[tokio::test(start_paused = true)]
async fn clawback_of_completed_transfer_is_owed() {
    use ledger::DisputeStage::{Lost, Open, Won};
    let rows: [(&[Report], &[Report], &str); 8] = [
        (&[], &[], "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39"),
        (&[], &[Report::Refunded(1_999)], "refunded, done: alice/POSX -10"),
        (&[Report::Refunded(1_999)], &[], "refunded, done: alice/POSX -10"),
        (
            &[],
            &[Report::Refunded(1_000)],
            "partly_refunded, done: alice/POSX -5.002501250625312657, bob/commission-usd 0.99, carol/commission-usd 0.19",
        ),
        (&[], &[Report::Disputed(Open)], "paid, done: alice/POSX -10"),
        (&[Report::Disputed(Open)], &[Report::Disputed(Lost)], "disputed_lost, done: alice/POSX -10"),
        (
            &[Report::Disputed(Open)],
            &[Report::Disputed(Won)],
            "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39",
        ),
        (
            &[],
            &[Report::Disputed(Open), Report::Disputed(Won)],
            "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39",
        ),
    ];
    for (before, after, expected) in rows {
        let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
        assert!(send(&world, &net, 1, 1).await);
        for report in before {
            apply(&world, *report).await;
            assert!(send(&world, &net, 2, 2).await);
        }
        complete(&net);
        query(&world, &net, 300).await.expect("queried");
        for (attempt, report) in (3..).zip(after) {
            apply(&world, *report).await;
            assert!(send(&world, &net, attempt, 301).await);
        }
        assert_eq!(summary(&world.books()), expected, "{before:?}, completed, {after:?}");
        assert_eq!(net.transfers().len(), 1, "{before:?}, completed, {after:?}");
    }
}

/// The completion is committed in full or not at all; the next query ends the same.
#[tokio::test(start_paused = true)]
async fn store_fault_while_completing_posts_it_once() {
    let mut faulty_runs = 0_u32;
    for fault in testkit::Fault::ALL {
        for at in 0.. {
            let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
            assert!(send(&world, &net, 1, 1).await);
            complete(&net);
            let run = run_at(2, 300);
            net.set_now(run.now);
            let (ledger, faults) = world.faulty(2, move |n, _| if n == at { fault } else { testkit::Fault::None });
            let dying = worker(ledger, None, Some(&net)).await;
            let order = world.ledger(0).order(&number(), &run.context()).await.expect("read").expect("there");
            tokio::select! {
                biased;
                _ = dying.query_pending(&order, &run) => {}
                () = faults.killed() => {}
            }
            if faults.calls().len() <= at {
                break;
            }
            faulty_runs += 1;
            world.books().check();
            query(&world, &net, 600).await.expect("queried");
            assert_eq!(
                summary(&world.books()),
                "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39",
                "{fault:?} at {at}"
            );
        }
    }
    assert!(faulty_runs >= 30, "{faulty_runs}");
}

/// Brings the transfer to completion.
fn complete(net: &FireblocksNet) {
    for _ in 0..6 {
        net.go_on();
    }
}

/// The sweep's worker queries the transfer.
pub(super) async fn query(
    world: &World,
    net: &FireblocksNet,
    after_s: i64,
) -> Result<fulfil::PendingOutcome, fulfil::FulfilError> {
    let run = run_at(100 + u64::try_from(after_s).expect("later"), after_s);
    net.set_now(run.now);
    let worker = worker(world.ledger(2), None, Some(net)).await;
    let order = worker.ledger.order(&number(), &run.context()).await.expect("read").expect("there");
    worker.query_pending(&order, &run).await
}

/// The key of our transfer was used for another: before we send, or found by a query. The order is flagged, an alarm is
/// raised, and nothing is sent, however often the worker and the sweep run.
#[tokio::test(start_paused = true)]
async fn transfer_that_differs_is_flagged_and_never_adopted() {
    let rows = [
        ("the same", due(), None),
        ("the amount in another form", providers::NewTransfer { amount: "10.000".to_owned(), ..due() }, None),
        ("another asset", providers::NewTransfer { asset: "ETH".to_owned(), ..due() }, Some("ASSET_MISMATCH")),
        (
            "another wallet",
            providers::NewTransfer { wallet: "0x1111111111111111111111111111111111111111".to_owned(), ..due() },
            Some("DESTINATION_MISMATCH"),
        ),
        (
            "less",
            providers::NewTransfer { amount: "9.999999999999999999".to_owned(), ..due() },
            Some("AMOUNT_MISMATCH"),
        ),
        (
            "more",
            providers::NewTransfer { amount: "10.000000000000000001".to_owned(), ..due() },
            Some("AMOUNT_MISMATCH"),
        ),
    ];
    for (name, existing, flag) in rows {
        for is_queried in [false, true] {
            let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
            let name = format!("{name}, queried {is_queried}");
            if is_queried {
                // It is sent as it is due, and the query finds another.
                net.fail(|_, _| NetFault::Reply(200, r#"{"id":"tx_1","status":"SUBMITTED"}"#));
                assert!(send(&world, &net, 1, 1).await, "{name}");
                assert_eq!(world.books().order(ORDER).transfer.as_deref(), Some("SUBMITTED"), "{name}");
                net.recover();
            }
            create_elsewhere(&net, &existing).await;
            if is_queried {
                assert_eq!(net.transfers()[0].id, FIRST, "{name}");
                net.fail(|_, _| NetFault::Altered(FIRST, "tx_1"));
            }
            start_capture();
            for attempt in 2..5 {
                assert!(send(&world, &net, attempt, 300).await, "{name}");
                query(&world, &net, 300).await.expect("queried");
            }
            let alarms: Vec<_> =
                captured_lines().into_iter().filter(|line| line["alarm"] == "transfer_mismatch").collect();
            let (books, order) = (world.books(), world.books().order(ORDER).clone());
            books.check();
            assert_eq!((order.anomaly.as_deref(), alarms.len()), (flag, flag.iter().count()), "{name}");
            let status = if flag.is_some() { "MISMATCHED" } else { "SUBMITTED" };
            assert_eq!(order.transfer.as_deref(), Some(status), "{name}");
            assert_eq!((net.transfers().len(), books.balance("alice/POSX")), (1, ALLOCATED), "{name}");
            let requests = net.calls().len();
            assert!(send(&world, &net, 9, 600).await, "{name}");
            assert_eq!(net.calls().len(), requests, "{name}: nothing more is requested");
        }
    }
}

/// The transfer of an order as it was paid.
pub(super) fn due() -> providers::NewTransfer {
    providers::NewTransfer {
        external_id: "grant#HL1#1".to_owned(),
        asset: "POSX_ETH".to_owned(),
        amount: "10".to_owned(),
        wallet: WALLET.to_owned(),
    }
}

/// A transfer that is made in the console of the workspace.
pub(super) async fn create_elsewhere(net: &FireblocksNet, new: &providers::NewTransfer) {
    let [(_, api_key), (_, secret)] = fireblocks_settings();
    let keys = providers::FireblocksKeys::parse(Some(&api_key), Some(&secret)).expect("keys");
    let config = FireblocksConfig { base: FIREBLOCKS_BASE.to_owned(), vault: "7".to_owned() };
    let other = providers::Fireblocks::new(Http::over(net.clone(), fastrand::Rng::new()), config, Arc::new(keys));
    other.create(new, now(), deadline(std::time::Duration::from_secs(8))).await.expect("made");
}
