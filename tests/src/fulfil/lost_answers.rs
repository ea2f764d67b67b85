//! A transfer whose answer is lost, or whose request never arrives, and a refund or a dispute before the next attempt:
//! what Fireblocks has is adopted as it was requested, and what it does not have is never sent.

use std::time::Duration;

use reconcile::Reconcile;
use testkit::NetFault;

use super::transfers::{create_elsewhere, due, query, send};
use super::*;
use crate::stripe as of_stripe;

const POST: &str = "POST /v1/transactions";
const DISPUTED_HALF: &str =
    "paid, pending: alice/POSX 4.997498749374687343, bob/commission-usd 0.99, carol/commission-usd 0.19";
const PAID: &str = "paid, done: bob/commission-usd 1.99, carol/commission-usd 0.39";

/// The sweeps run every 100 seconds, and the transfers go on.
async fn sweeps(world: &World, net: &FireblocksNet, from_s: i64) {
    for after_s in (0..25).map(|step| from_s + step * 100) {
        net.set_now(now().plus_seconds(after_s));
        net.go_on();
        let fulfil = worker(world.ledger(0), None, Some(net)).await;
        let reconcile = Reconcile { fulfil, ..of_stripe::reconcile(world.ledger(0), &[]) };
        let attempt = 1_000 + u64::try_from(after_s).expect("later");
        for sweep in [swept::UNFULFILLED, swept::PENDING_EXTERNAL] {
            reconcile.work(sweep, &of_stripe::run_at(attempt, after_s)).await.expect("a run");
        }
    }
}

fn posts(net: &FireblocksNet) -> usize {
    net.endpoints().iter().filter(|endpoint| *endpoint == POST).count()
}

/// Each row: the reports, the books in the end if Fireblocks has made the transfer and if it has not, and what is then
/// sent in its place.
#[tokio::test(start_paused = true)]
async fn transfer_without_an_answer_ends_as_requested_or_as_due() {
    use Report::{Disputed, DisputedPart, Refunded};
    use ledger::DisputeStage::{Lost, Open, Won};
    type Row<'r> = (&'r [Report], &'r str, &'r str, &'r [&'r str]);
    let rows: [Row<'_>; 8] = [
        (&[], PAID, PAID, &["10"]),
        (&[Refunded(1_999)], "refunded, done: alice/POSX -10", "refunded, done: ", &[]),
        (
            &[Refunded(1_000)],
            "partly_refunded, done: alice/POSX -5.002501250625312657, bob/commission-usd 0.99, carol/commission-usd 0.19",
            "partly_refunded, done: bob/commission-usd 0.99, carol/commission-usd 0.19",
            &["4.997498749374687343"],
        ),
        (&[Refunded(500), Refunded(1_499)], "refunded, done: alice/POSX -10", "refunded, done: ", &[]),
        (&[Disputed(Open)], "paid, done: alice/POSX -10", "paid, done: ", &[]),
        (&[Disputed(Open), Disputed(Lost)], "disputed_lost, done: alice/POSX -10", "disputed_lost, done: ", &[]),
        (&[Disputed(Open), Disputed(Won)], PAID, PAID, &["10"]),
        (
            &[DisputedPart(Open, 1_000)],
            "paid, done: alice/POSX -5.002501250625312657, bob/commission-usd 0.99, carol/commission-usd 0.19",
            DISPUTED_HALF,
            &[],
        ),
    ];
    for (reports, made, never_made, amounts) in rows {
        for (is_made, is_streamed) in [(true, true), (true, false), (false, true), (false, false)] {
            let name = format!("{reports:?}, made {is_made}, streamed {is_streamed}");
            let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
            net.fail(move |_, call| match call {
                POST if is_made => NetFault::DropResponse,
                POST => NetFault::DropRequest,
                _ => NetFault::Status(503),
            });
            assert!(send(&world, &net, 1, 1).await, "left to the sweep");
            net.recover();
            for (attempt, report) in (2..).zip(reports) {
                apply(&world, *report).await;
                if is_streamed {
                    assert!(send(&world, &net, attempt, 2).await, "{name}");
                }
            }
            sweeps(&world, &net, 100).await;
            let transfers = net.transfers();
            let sent: Vec<&str> = transfers.iter().map(|transfer| transfer.amount.as_str()).collect();
            assert_eq!(sent, if is_made { &["10"][..] } else { amounts }, "{name}");
            assert!(transfers.iter().all(|transfer| transfer.external_id == "grant#HL1#1"), "{name}");
            assert_eq!(summary(&world.books()), if is_made { made } else { never_made }, "{name}");
            if transfers.is_empty() {
                assert_eq!(posts(&net), 0, "{name}: requested after nothing was due");
            }
        }
    }
}

/// The payment is refunded, and another worker runs, between the request and its answer.
#[tokio::test(start_paused = true)]
async fn answer_after_a_refund_is_adopted_as_requested() {
    let rows = [
        (1_999, "refunded, done: alice/POSX -10"),
        (
            1_000,
            "partly_refunded, done: alice/POSX -5.002501250625312657, bob/commission-usd 0.99, carol/commission-usd 0.19",
        ),
    ];
    for (cents, expected) in rows {
        let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
        net.fail(|_, call| match call {
            POST => NetFault::DelayReply(Duration::from_secs(2)),
            _ => NetFault::None,
        });
        let refund = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(net.transfers().len(), 1, "requested, and not answered");
            apply(&world, Report::Refunded(cents)).await;
            let beside = worker(world.ledger(2), None, Some(&net)).await;
            assert!(work(&beside, &run_at(2, 2)).await);
            assert_eq!(world.books().order(ORDER).transfer.as_deref(), Some("IN_DOUBT"));
        };
        let (is_done, ()) = tokio::join!(send(&world, &net, 1, 1), refund);
        assert!(is_done);
        assert_eq!(world.books().order(ORDER).transfer.as_deref(), Some("SUBMITTED"));
        sweeps(&world, &net, 100).await;
        assert_eq!((summary(&world.books()).as_str(), net.transfers().len()), (expected, 1));
        assert_eq!(posts(&net), 1);
    }
}

/// Until the functions that read the order before its refund have ended, one of them may still request the transfer.
#[tokio::test(start_paused = true)]
async fn request_that_arrives_after_a_query_is_adopted() {
    let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
    net.fail(|_, _| NetFault::DropRequest);
    assert!(send(&world, &net, 1, 1).await);
    net.recover();
    apply(&world, Report::Refunded(1_000)).await;
    assert!(send(&world, &net, 2, 2).await);
    for after_s in [3, 60, 121] {
        let outcome = query(&world, &net, after_s).await.expect("queried");
        assert_eq!(outcome, fulfil::PendingOutcome::Open, "{after_s}");
        assert_eq!(world.books().order(ORDER).transfer.as_deref(), Some("IN_DOUBT"), "{after_s}");
    }
    net.set_now(now());
    create_elsewhere(&net, &due()).await;
    query(&world, &net, 122).await.expect("queried");
    assert_eq!(world.books().order(ORDER).transfer.as_deref(), Some("SUBMITTED"));
    sweeps(&world, &net, 500).await;
    assert_eq!(
        summary(&world.books()),
        "partly_refunded, done: alice/POSX -5.002501250625312657, bob/commission-usd 0.99, carol/commission-usd 0.19"
    );
}

/// What Fireblocks has under the key is not what was requested: it is flagged, and nothing else is sent.
#[tokio::test(start_paused = true)]
async fn other_transfer_found_after_a_refund_is_flagged() {
    // The second is what is due now, which was never requested.
    for amount in ["9", "4.997498749374687343"] {
        let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
        net.fail(|_, _| NetFault::DropRequest);
        assert!(send(&world, &net, 1, 1).await);
        net.recover();
        create_elsewhere(&net, &providers::NewTransfer { amount: amount.to_owned(), ..due() }).await;
        apply(&world, Report::Refunded(1_000)).await;
        assert!(send(&world, &net, 2, 2).await);
        sweeps(&world, &net, 100).await;
        let (books, order) = (world.books(), world.books().order(ORDER).clone());
        books.check();
        assert_eq!(
            (order.transfer.as_deref(), order.anomaly.as_deref(), order.fulfilment.as_str()),
            (Some("MISMATCHED"), Some("AMOUNT_MISMATCH"), "failed"),
            "{amount}"
        );
        assert_eq!((net.transfers().len(), posts(&net)), (1, 1), "{amount}: only that of the console");
    }
}

/// What ends the doubt is committed in full or not at all; the next query ends the same.
#[tokio::test(start_paused = true)]
async fn store_fault_while_a_doubt_ends_leaves_the_same_books() {
    let rows = [
        (
            true,
            "partly_refunded, done: alice/POSX -5.002501250625312657, bob/commission-usd 0.99, carol/commission-usd 0.19",
        ),
        (false, "partly_refunded, done: bob/commission-usd 0.99, carol/commission-usd 0.19"),
    ];
    let mut faulty_runs = 0_u32;
    for (is_made, expected) in rows {
        for fault in testkit::Fault::ALL {
            for at in 0.. {
                let (world, net) = (paid(vec![tokens(true)]).await, FireblocksNet::default());
                net.fail(move |_, call| match call {
                    POST if is_made => NetFault::DropResponse,
                    POST => NetFault::DropRequest,
                    _ => NetFault::Status(503),
                });
                assert!(send(&world, &net, 1, 1).await);
                net.recover();
                apply(&world, Report::Refunded(1_000)).await;
                assert!(send(&world, &net, 2, 2).await);
                let run = run_at(3, 300);
                net.set_now(run.now);
                let (ledger, faults) = world.faulty(3, move |n, _| if n == at { fault } else { testkit::Fault::None });
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
                for after_s in [600, 900] {
                    query(&world, &net, after_s).await.expect("queried");
                    assert!(send(&world, &net, 10, after_s).await);
                    (0..6).for_each(|_| net.go_on());
                }
                assert_eq!(
                    (summary(&world.books()).as_str(), net.transfers().len()),
                    (expected, 1),
                    "{fault:?} at {at}, made {is_made}"
                );
            }
        }
    }
    assert!(faulty_runs >= 30, "{faulty_runs}");
}
