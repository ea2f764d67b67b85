//! The decision of every sample as text: its effects on the samples' order, with and without a submitted transfer.

use std::fmt::Write as _;

use super::*;

const EXPECTED: &str = include_str!("decisions.txt");

#[tokio::test(start_paused = true)]
async fn sample_gives_its_recorded_decision() {
    let mut decided = String::new();
    for name in crate::suite::samples(Fireblocks::SOURCE) {
        writeln!(decided, "# {name}\n{}", changes_by(&name, shop().await).await).expect("text");
        let world = World::new();
        paid(&world, order(ORDER)).await;
        writeln!(decided, "## with an unknown transfer\n{}", changes_by(&name, world).await).expect("text");
        writeln!(decided, "## with an unknown order\n{}", changes_by(&name, World::new()).await).expect("text");
    }
    assert_eq!(decided, EXPECTED, "\n{decided}");
}

/// The changes that a sample makes to the ledger.
async fn changes_by(name: &str, world: World) -> String {
    let was = world.books();
    let reply = answered(&world, &Fireblocks::signed(&sample(name), now())).await;
    let is = world.books();
    is.check();
    let mut text = format!("{}{}\n", reply.status, reply.body);
    for (id, row) in is.journal.iter().filter(|(id, row)| was.journal.get(*id) != Some(row)) {
        let outcome = row.reason.as_deref().unwrap_or(&row.status);
        let waits = if row.needs_attention { ", waits" } else { "" };
        writeln!(text, "{id}: {outcome}, order {}{waits}", row.order.as_deref().unwrap_or("-")).expect("text");
    }
    for (number, order) in is.orders.iter().filter(|(number, order)| was.orders.get(*number) != Some(order)) {
        let flag = order.anomaly.as_ref().map_or(String::new(), |anomaly| format!(", {anomaly}"));
        let transfer = order_now(&world, number).await.transfer.expect("a transfer");
        let id = transfer.id.expect("an id");
        writeln!(
            text,
            "order {number}: {}{flag}, {id} {} at {}",
            order.fulfilment,
            transfer.status.as_str(),
            transfer.at
        )
        .expect("text");
    }
    for (account, row) in is.accounts.iter().filter(|(account, row)| was.accounts.get(*account) != Some(row)) {
        writeln!(text, "{account}: {} from {}", row.balance, was.balance(account)).expect("text");
    }
    assert_eq!(is.pointers, was.pointers, "{name}: no pointer is touched");
    for id in is.bodies.difference(&was.bodies) {
        writeln!(text, "kept: {id}").expect("text");
    }
    text
}
