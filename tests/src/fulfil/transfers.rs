//! Tokens that leave the books: one transfer for each allocation, as much as stands, and nothing of what was taken back before.

use testkit::FireblocksFault;

use super::*;
use crate::heard::{heard, listen};

/// The id that the custodian gives its first transfer.
const FIRST: &str = "00000007-0000-4000-8000-000000000001";
const ALLOCATED: i128 = 10_000_000_000_000_000_000;

async fn sent(world: &World, net: &FireblocksNet, attempt: u64, after_s: i64) -> bool {
    net.set_now(now().plus_seconds(after_s));
    work(&worker(world.ledger(attempt), None, Some(net)).await, &run_at(attempt, after_s)).await
}

#[tokio::test(start_paused = true)]
async fn an_allocation_is_one_transfer() {
    let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
    for attempt in 1..4 {
        assert!(sent(&world, &net, attempt, 1).await);
    }
    let transfers = net.transfers();
    let [transfer] = transfers.as_slice() else { panic!("{transfers:?}") };
    let told = [&transfer.external_id, &transfer.asset, &transfer.amount, &transfer.wallet, &transfer.vault];
    assert_eq!(told, ["grant#HL1#1", "POSX_ETH", "10", WALLET, "7"]);
    let order = world.books().order(ORDER).clone();
    assert_eq!((order.fulfilment.as_str(), order.transfer.as_deref()), ("pending", Some("SUBMITTED")));
}

/// Where nobody sends them, tokens stay in the books, and that is all of it.
#[tokio::test(start_paused = true)]
async fn without_a_custodian_nothing_is_sent() {
    let world = paid(vec![tokens(true)]).await;
    assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await);
    let order = world.books().order(ORDER).clone();
    assert_eq!((order.fulfilment.as_str(), order.transfer), ("done", None));
}

#[tokio::test(start_paused = true)]
async fn what_is_taken_back_before_it_was_sent_is_not_sent() {
    use ledger::DisputeStage::{Lost, Open, Won};
    let rows: [(&[Report], &[&str]); 7] = [
        (&[], &["10"]),
        (&[Report::Refunded(1_000)], &["4.997498749374687343"]),
        (&[Report::Refunded(1_999)], &[]),
        (&[Report::Disputed(Open)], &[]),
        // What is sent does not come back, so that even the undisputed part waits.
        (&[Report::DisputedPart(Open, 1_000)], &[]),
        (&[Report::DisputedPart(Open, 1_000), Report::DisputedPart(Lost, 1_000)], &["4.997498749374687343"]),
        (&[Report::Disputed(Open), Report::Disputed(Won)], &["10"]),
    ];
    for (reports, amounts) in rows {
        let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
        // Allocated, and the custodian does not answer.
        net.fail(|_, _| FireblocksFault::Status(503));
        assert!(sent(&world, &net, 1, 1).await, "left to the clock");
        assert_eq!(world.books().balance("alice/POSX"), ALLOCATED);
        for report in reports {
            happens(&world, *report).await;
        }
        net.fail(|_, _| FireblocksFault::None);
        assert!(sent(&world, &net, 2, 2).await, "{reports:?}");
        let transfers = net.transfers();
        let told: Vec<&str> = transfers.iter().map(|transfer| transfer.amount.as_str()).collect();
        assert_eq!(told, amounts, "{reports:?}");
        world.books().check();
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_custodian_ends_in_one_transfer() {
    for fault in FireblocksFault::ALL {
        for at in 0..3 {
            let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
            let name = format!("{fault:?} at {at}");
            let failing = fault.clone();
            net.fail(move |n, _| if n == at { failing.clone() } else { FireblocksFault::None });
            sent(&world, &net, 1, 1).await;
            net.fail(|_, _| FireblocksFault::None);
            assert!(sent(&world, &net, 2, 2).await, "{name}");
            assert_eq!(net.transfers().len(), 1, "{name}");
            assert_eq!(world.books().order(ORDER).transfer.as_deref(), Some("SUBMITTED"), "{name}");
            world.books().check();
        }
    }
}

/// Nobody has told us: it is asked how each stands, and what has failed is for somebody to look at.
#[tokio::test(start_paused = true)]
async fn what_is_on_its_way_is_asked_about() {
    let rows = [("", "COMPLETED", "done", None), ("0001", "FAILED", "failed", Some("TRANSFER_FAILED"))];
    for (ending, status, fulfilment, anomaly) in rows {
        let start: String = WALLET.chars().take(WALLET.len() - ending.len()).collect();
        let wallet = format!("{start}{ending}");
        let on_chain = Some(OnChain { asset: "POSX_ETH".to_owned(), wallet });
        let amount = Amount::parse("10", 18).expect("an amount");
        let grant = Grant::Token { code: word("POSX"), scale: 18, amount, on_chain };
        let (world, net) = (paid(vec![grant]).await, FireblocksNet::default());
        assert!(sent(&world, &net, 1, 1).await);
        for step in 0..6 {
            net.go_on();
            let run = run_at(10 + step, 300);
            net.set_now(run.now);
            let worker = worker(world.ledger(2), None, Some(&net)).await;
            let order = worker.ledger.order(&number(), &run.context()).await.expect("read").expect("there");
            worker.ask(&order, &run).await.expect("asked");
        }
        let order = world.books().order(ORDER).clone();
        assert_eq!((order.transfer.as_deref(), order.fulfilment.as_str()), (Some(status), fulfilment));
        let tokens = if status == "COMPLETED" { 0 } else { ALLOCATED };
        assert_eq!(world.books().balance("alice/POSX"), tokens);
        world.books().check();
        assert_eq!(order.anomaly.as_deref(), anomaly);
    }
}

/// The transfer completes; its payment is refunded or disputed before that or after it, and the worker comes in between.
#[tokio::test(start_paused = true)]
async fn completed_transfer_leaves_nothing_and_what_is_taken_back_is_owed() {
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
        assert!(sent(&world, &net, 1, 1).await);
        for report in before {
            happens(&world, *report).await;
            assert!(sent(&world, &net, 2, 2).await);
        }
        completes(&net);
        asks(&world, &net, 300).await.expect("asked");
        for (attempt, report) in (3..).zip(after) {
            happens(&world, *report).await;
            assert!(sent(&world, &net, attempt, 301).await);
        }
        assert_eq!(told(&world.books()), expected, "{before:?}, completed, {after:?}");
        assert_eq!(net.transfers().len(), 1, "{before:?}, completed, {after:?}");
    }
}

/// Its transaction is written in full or not at all; whoever asks again brings it to the same end.
#[tokio::test(start_paused = true)]
async fn every_fault_while_completion_is_learned_posts_it_once() {
    let mut tried = 0_u32;
    for fault in testkit::Fault::ALL {
        for at in 0.. {
            let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
            assert!(sent(&world, &net, 1, 1).await);
            completes(&net);
            let run = run_at(2, 300);
            net.set_now(run.now);
            let (ledger, faults) = world.faulty(2, move |n, _| if n == at { fault } else { testkit::Fault::None });
            let dying = worker(ledger, None, Some(&net)).await;
            let order = world.ledger(0).order(&number(), &run.context()).await.expect("read").expect("there");
            tokio::select! {
                biased;
                _ = dying.ask(&order, &run) => {}
                () = faults.killed() => {}
            }
            if faults.calls().len() <= at {
                break;
            }
            tried += 1;
            world.books().check();
            asks(&world, &net, 600).await.expect("asked");
            assert_eq!(
                told(&world.books()),
                "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39",
                "{fault:?} at {at}"
            );
        }
    }
    assert!(tried >= 30, "{tried}");
}

/// To its end.
fn completes(net: &FireblocksNet) {
    for _ in 0..6 {
        net.go_on();
    }
}

/// The clock's worker asks the custodian how it stands.
async fn asks(world: &World, net: &FireblocksNet, after_s: i64) -> Result<fulfil::Asked, fulfil::FulfilError> {
    let run = run_at(100 + u64::try_from(after_s).expect("later"), after_s);
    net.set_now(run.now);
    let worker = worker(world.ledger(2), None, Some(net)).await;
    let order = worker.ledger.order(&number(), &run.context()).await.expect("read").expect("there");
    worker.ask(&order, &run).await
}

/// Somebody has used our key for something else: before we ask, or so that a query finds it. It is flagged, an alarm is raised, and
/// nothing is sent, however often the worker and the clock come.
#[tokio::test(start_paused = true)]
async fn transfer_that_differs_from_what_is_due_is_flagged_and_never_adopted() {
    let due = || providers::NewTransfer {
        external_id: "grant#HL1#1".to_owned(),
        asset: "POSX_ETH".to_owned(),
        amount: "10".to_owned(),
        wallet: WALLET.to_owned(),
    };
    let rows = [
        ("the same", due(), None),
        ("the amount in other words", providers::NewTransfer { amount: "10.000".to_owned(), ..due() }, None),
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
    for (name, there, flag) in rows {
        for is_queried in [false, true] {
            let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
            let name = format!("{name}, queried {is_queried}");
            if is_queried {
                // Asked for as it is due, and what is found is another.
                net.fail(|_, _| FireblocksFault::Said(r#"{"id":"tx_1","status":"SUBMITTED"}"#));
                assert!(sent(&world, &net, 1, 1).await, "{name}");
                assert_eq!(world.books().order(ORDER).transfer.as_deref(), Some("SUBMITTED"), "{name}");
                net.fail(|_, _| FireblocksFault::None);
            }
            made_by_another(&net, &there).await;
            if is_queried {
                assert_eq!(net.transfers()[0].id, FIRST, "{name}");
                net.fail(|_, _| FireblocksFault::Altered(FIRST, "tx_1"));
            }
            listen();
            for attempt in 2..5 {
                assert!(sent(&world, &net, attempt, 300).await, "{name}");
                asks(&world, &net, 300).await.expect("asked");
            }
            let alarms: Vec<_> = heard().into_iter().filter(|line| line["alarm"] == "transfer_mismatch").collect();
            let (books, order) = (world.books(), world.books().order(ORDER).clone());
            books.check();
            assert_eq!((order.anomaly.as_deref(), alarms.len()), (flag, flag.iter().count()), "{name}");
            let status = if flag.is_some() { "MISMATCHED" } else { "SUBMITTED" };
            assert_eq!(order.transfer.as_deref(), Some(status), "{name}");
            assert_eq!((net.transfers().len(), books.balance("alice/POSX")), (1, ALLOCATED), "{name}");
            let asked = net.asked().len();
            assert!(sent(&world, &net, 9, 600).await, "{name}");
            assert_eq!(net.asked().len(), asked, "{name}: nothing more is asked for");
        }
    }
}

async fn made_by_another(net: &FireblocksNet, new: &providers::NewTransfer) {
    let [(_, api_key), (_, secret)] = fireblocks_settings();
    let keys = providers::FireblocksKeys::parse(Some(&api_key), Some(&secret)).expect("keys");
    let config = FireblocksConfig { base: FIREBLOCKS_BASE.to_owned(), vault: "7".to_owned() };
    let other = providers::Fireblocks::new(Http::over(net.clone(), fastrand::Rng::new()), config, Arc::new(keys));
    other.create(new, now(), deadline(std::time::Duration::from_secs(8))).await.expect("made");
}
