//! Replay: a webhook before its order or before the order's transfer, and keys that Fireblocks does not publish.

use std::time::Duration;

use edge::Worker as _;
use reconcile::{Reconcile, ReplayKeys};
use serde_json::json;
use testkit::{FireblocksNet, MERCHANT_PAIR, NetFault};

use super::*;
use crate::fulfil::worker;
use crate::log_capture::{captured_lines, start_capture};
use crate::stripe::{REFUSED, reconcile, run_at};
use crate::suite::replay::{self, DAY, HOUR, Providers, deliver, kept, published, put, row, run, sweeper};

/// As long as Fireblocks takes.
const ANSWERED_AFTER: Duration = Duration::from_millis(800);

#[tokio::test(start_paused = true)]
async fn webhook_before_its_order_is_applied_by_replay() {
    let world = World::new();
    assert_eq!(status_and_body(&answered(&world, &Fireblocks::signed(&sample("v2_completed"), now())).await), BOOKED);
    assert_eq!(status_and_body(&answered(&world, &Fireblocks::signed(&sample("v1_completed"), now())).await), BOOKED);
    let waiting = |books: testkit::Books| {
        let rows = books.journal.into_values().filter(|row| row.needs_attention);
        rows.map(|row| row.reason.expect("a reason")).collect::<Vec<_>>()
    };
    assert_eq!(waiting(world.books()), ["order_unknown", "order_unknown"]);
    paid(&world, order(ORDER)).await;
    assert_eq!(order_now(&world, ORDER).await.transfer.and_then(|transfer| transfer.id), None);
    let sweeper = Reconcile { fireblocks: Some(source()), ..reconcile(world.ledger(0), &[]) };
    sweeper.work(REFUSED, &run_at(7, 60)).await.expect("a run");
    assert_eq!(waiting(world.books()), ["transfer_unknown", "transfer_unknown"]);
    let order = order_now(&world, ORDER).await;
    write(
        &world,
        &order.number,
        "transferred",
        order.apply_transfer_status(TRANSFER, TransferStatus::Submitted, now()),
    )
    .await;
    sweeper.work(REFUSED, &run_at(8, 120)).await.expect("a run");
    let transfer = order_now(&world, ORDER).await.transfer.expect("a transfer");
    assert_eq!((transfer.id.as_deref(), transfer.status.as_str()), (Some(TRANSFER), "COMPLETED"));
    assert_eq!(waiting(world.books()), Vec::<String>::new());
    world.books().check();
}

/// The JWKS cache is for the function that answers Fireblocks. A replay fetches the keys, whatever a role has written
/// there.
#[tokio::test(start_paused = true)]
async fn planted_jwks_cache_verifies_nothing() {
    let form = kept::<Fireblocks>("version 2");
    let world = World::new();
    let id = deliver::<Fireblocks>(&world, &form, 0).await;
    sent(&world, order(ORDER)).await;
    // The keys that signed, published by the cache row alone.
    let copy = json!({
        "id": { "S": "jwks#fireblocks" },
        "body": { "S": fireblocks_jwks(&[(FIREBLOCKS_KID, FIREBLOCKS_HOOK_PAIR)]) },
        "updated_at": { "S": now().plus_seconds(HOUR).to_string() },
    });
    put(&world, "accounts", &copy);
    let before = world.books();
    let keys = ReplayKeys { fireblocks: Some(published("another-kid", MERCHANT_PAIR)), ..replay::keys() };
    let (report, alarms) = run(&world, keys, Providers::paid(), HOUR).await;
    let name = format!("{form} {report:?} {alarms:?}");
    assert_eq!(report.resolved, 0, "{name}");
    assert_ne!(row(&world, &id), "processed", "{name}");
    assert_eq!(world.books().orders, before.orders, "{name}");
    let (report, _) = run(&world, replay::keys(), Providers::paid(), DAY).await;
    assert_eq!((report.resolved, row(&world, &id).as_str()), (1, "processed"), "{name}: once its key is published");
}

/// A key that Fireblocks has withdrawn proves nothing any more. Fireblocks' API returns the state of the transfer.
#[tokio::test(start_paused = true)]
async fn transfer_of_a_withdrawn_key_is_queried_once_it_is_requested() {
    let world = World::new();
    let id = deliver::<Fireblocks>(&world, &kept::<Fireblocks>("version 2"), 0).await;
    paid(&world, order(ORDER)).await;
    let net = FireblocksNet::default();
    let swept = async |after_s: i64| {
        net.set_now(now().plus_seconds(after_s));
        net.fail(|_, _| NetFault::DelayReply(ANSWERED_AFTER));
        let keys = ReplayKeys { fireblocks: Some(published("another-kid", MERCHANT_PAIR)), ..replay::keys() };
        let fulfil = worker(world.ledger(0), None, Some(&net)).await;
        let reconcile = Reconcile { fulfil, ..sweeper(&world, keys, Providers::paid(), after_s).await };
        start_capture();
        let attempt = u64::try_from(after_s).expect("later");
        reconcile.work(REFUSED, &run_at(attempt, after_s)).await.expect("a run");
        (
            row(&world, &id),
            captured_lines().iter().filter_map(|line| line["alarm"].as_str().map(str::to_owned)).collect::<Vec<_>>(),
        )
    };
    assert_eq!(swept(HOUR).await, ("order_unknown!".to_owned(), vec![]), "not requested yet");
    let number = OrderNumber::new(ORDER).expect("a number");
    let fulfil = worker(world.ledger(0), None, Some(&net)).await;
    net.set_now(now().plus_seconds(2 * HOUR));
    fulfil.fulfil(&number, &run_at(5, 2 * HOUR)).await.expect("requested");
    (0..6).for_each(|_| net.go_on());
    assert_eq!(swept(3 * HOUR).await, ("order_unknown".to_owned(), vec![]), "its transfer is final");
    let order = world.ledger(0).order(&number, &context(0)).await.expect("an answer").expect("an order");
    assert_eq!(order.transfer.expect("a transfer").status, TransferStatus::Completed);
    world.books().check();
}
