//! Early webhooks: one before its order, or before the order's transfer, is kept and applied by replay.

use edge::Worker as _;
use reconcile::Reconcile;

use super::*;
use crate::stripe::{REFUSED, reconcile, run_at};

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
