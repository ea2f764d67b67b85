//! A status before the transaction id is known: the request is in flight, or its response was lost. Only Fireblocks' response to the
//! request, or to a query by external id, links a transaction to an order.

use edge::Worker as _;
use ledger::OrderNumber;
use reconcile::Reconcile;
use testkit::{FireblocksNet, NetFault};

use super::*;
use crate::fulfil::{self, number, tokens, work, worker};
use crate::stripe::{REFUSED, reconcile, run_at};

const UNFULFILLED: &str = fulfil::swept::UNFULFILLED;
const PENDING_EXTERNAL: &str = fulfil::swept::PENDING_EXTERNAL;

/// A ledger with a paid order of tokens, and a Fireblocks that has made the transfer and whose response was lost.
async fn with_lost_answer() -> (World, FireblocksNet) {
    let (world, net) = (fulfil::paid(vec![tokens(true)]).await, FireblocksNet::default());
    net.fail(|_, call| if call == "POST /v1/transactions" { NetFault::DropResponse } else { NetFault::Status(503) });
    work(&worker(world.ledger(1), None, Some(&net)).await, &fulfil::run_at(1, 1)).await;
    net.recover();
    (world, net)
}

async fn transfer(world: &World) -> (Option<String>, &'static str) {
    let number: OrderNumber = number();
    let order = world.ledger(0).order(&number, &context(0)).await.expect("an answer").expect("an order");
    let transfer = order.transfer.expect("a transfer");
    (transfer.id, transfer.status.as_str())
}

fn waiting(world: &World) -> Vec<String> {
    let rows = world.books().journal.into_values().filter(|row| row.needs_attention);
    rows.map(|row| row.reason.expect("a reason")).collect()
}

async fn swept(world: &World, net: &FireblocksNet, sweep: &str, attempt: u64, after_s: i64) {
    net.set_now(now().plus_seconds(after_s));
    let ledger = world.ledger(0);
    let fulfil = worker(ledger.clone(), None, Some(net)).await;
    let fireblocks = Some(source());
    let reconcile = Reconcile { ledger, fulfil, fireblocks, ..reconcile(world.ledger(0), &[]) };
    reconcile.work(sweep, &run_at(attempt, after_s)).await.expect("a run");
}

/// Every status of one transfer arrives before its id is known. Each is kept and none applied, until Fireblocks answers the query by
/// external id; then all are booked.
#[tokio::test(start_paused = true)]
async fn status_before_the_transfer_is_known_waits_until_fireblocks_is_queried() {
    let (world, net) = with_lost_answer().await;
    assert_eq!(transfer(&world).await, (None, "DUE"));
    for _ in 0..4 {
        net.go_on();
    }
    let bodies = net.webhooks();
    assert_eq!(bodies.len(), 5, "from SUBMITTED to COMPLETED");
    for body in &bodies {
        assert_eq!(status_and_body(&answered(&world, &second(body).event(Shape::HttpApi)).await), BOOKED, "kept");
    }
    assert_eq!((transfer(&world).await, waiting(&world)), ((None, "DUE"), vec!["transfer_unknown".to_owned(); 5]));
    assert!(world.books().order(fulfil::ORDER).anomaly.is_none());
    swept(&world, &net, REFUSED, 7, 60).await;
    assert_eq!(waiting(&world).len(), 5, "a replay alone books none of them");

    net.recover();
    swept(&world, &net, UNFULFILLED, 8, 120).await;
    assert!(
        net.endpoints().contains(&"GET /v1/transactions/external_tx_id/grant%23HL1%231".to_owned()),
        "{:?}",
        net.endpoints()
    );
    let id = net.transfers()[0].id.clone();
    assert_eq!(transfer(&world).await, (Some(id.clone()), "COMPLETED"));
    swept(&world, &net, REFUSED, 9, 180).await;
    assert_eq!((transfer(&world).await, waiting(&world)), ((Some(id), "COMPLETED"), vec![]));
    world.books().check();
    assert_eq!(world.books().balance("alice/POSX"), 0, "they have left once");
}

/// The payment is refunded while every status waits. The transfer is adopted as it was requested, and what was sent is
/// owed.
#[tokio::test(start_paused = true)]
async fn status_after_the_refund_of_an_unknown_transfer_is_booked() {
    for (cents, balance) in [(1_999, -10_000_000_000_000_000_000), (1_000, -5_002_501_250_625_312_657)] {
        let (world, net) = with_lost_answer().await;
        (0..4).for_each(|_| net.go_on());
        fulfil::apply(&world, fulfil::Report::Refunded(cents)).await;
        for body in &net.webhooks() {
            assert_eq!(status_and_body(&answered(&world, &second(body).event(Shape::HttpApi)).await), BOOKED, "kept");
        }
        assert_eq!((transfer(&world).await, waiting(&world)), ((None, "DUE"), vec!["transfer_unknown".to_owned(); 5]));
        swept(&world, &net, UNFULFILLED, 8, 120).await;
        assert_eq!(transfer(&world).await, (None, "IN_DOUBT"));
        swept(&world, &net, PENDING_EXTERNAL, 9, 419).await;
        assert_eq!(transfer(&world).await, (None, "IN_DOUBT"), "five minutes after the clawback");
        swept(&world, &net, PENDING_EXTERNAL, 10, 420).await;
        let id = net.transfers()[0].id.clone();
        assert_eq!(transfer(&world).await, (Some(id.clone()), "COMPLETED"));
        swept(&world, &net, REFUSED, 11, 480).await;
        assert_eq!((transfer(&world).await, waiting(&world)), ((Some(id), "COMPLETED"), vec![]));
        world.books().check();
        assert_eq!(world.books().balance("alice/POSX"), balance);
        assert_eq!(world.books().order(fulfil::ORDER).anomaly, None);
    }
}

/// Another transaction under our external id, made in the workspace's console. The query does not confirm it, so its webhooks are flagged.
#[tokio::test(start_paused = true)]
async fn transaction_that_the_query_does_not_confirm_is_never_adopted() {
    let (world, net) = with_lost_answer().await;
    let body = net.webhooks().remove(0);
    let foreign = body.replace(&net.transfers()[0].id, "another-transaction");
    assert_eq!(status_and_body(&answered(&world, &second(&foreign).event(Shape::HttpApi)).await), BOOKED, "kept");
    assert_eq!((transfer(&world).await, waiting(&world)), ((None, "DUE"), vec!["transfer_unknown".to_owned()]));
    swept(&world, &net, UNFULFILLED, 7, 120).await;
    let known = (Some(net.transfers()[0].id.clone()), "SUBMITTED");
    assert_eq!(transfer(&world).await, known, "as the query answers");
    swept(&world, &net, REFUSED, 8, 180).await;
    assert_eq!((transfer(&world).await, waiting(&world)), (known, vec![]));
    assert_eq!(world.books().order(fulfil::ORDER).anomaly.as_deref(), Some("ORDER_MISMATCH"));
}
