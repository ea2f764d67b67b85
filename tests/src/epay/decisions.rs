//! The decision of every sample as text: its effects on the samples' order, unpaid and paid.

use std::fmt::Write as _;

use super::*;

const EXPECTED: &str = include_str!("decisions.txt");

#[tokio::test(start_paused = true)]
async fn sample_gives_its_recorded_decision() {
    let mut decided = String::new();
    for name in SAMPLES {
        writeln!(decided, "# {name}\n{}", changes_by(name, false).await).expect("text");
        writeln!(decided, "## with a paid order\n{}", changes_by(name, true).await).expect("text");
    }
    let files = fs::read_dir(root().join("events/epay")).expect("samples").count();
    assert_eq!(files, SAMPLES.len(), "every sample is here");
    assert_eq!(decided, EXPECTED, "\n{decided}");
}

/// The changes that a sample makes to the ledger.
async fn changes_by(name: &str, is_paid: bool) -> String {
    let world = shop().await;
    if is_paid {
        assert_eq!(
            status_and_body(&answered(&world, &sent("GET", &good(paid().with("trade_no", "earlier")))).await),
            BOOKED
        );
    }
    let was = world.books();
    let reply = answered(&world, &Epay::signed(&sample(name), now())).await;
    let is = world.books();
    is.check();
    let mut text = format!("{} {}\n", reply.status, reply.body);
    for (id, row) in is.journal.iter().filter(|(id, row)| was.journal.get(*id) != Some(row)) {
        let outcome = row.reason.as_deref().unwrap_or(&row.status);
        let moved = row.account.as_ref().map_or(String::new(), |account| format!(" {:+} {account}", row.change));
        writeln!(text, "{id}: {outcome}, order {}{moved}", row.order.as_deref().unwrap_or("-")).expect("text");
    }
    for (number, order) in is.orders.iter().filter(|(number, order)| was.orders.get(*number) != Some(order)) {
        let flag = order.anomaly.as_ref().map_or(String::new(), |anomaly| format!(", {anomaly}"));
        writeln!(text, "order {number}: {}, {}, {}{flag}", order.payment, order.fulfilment, order.posted)
            .expect("text");
    }
    for (pointer, to) in is.pointers.iter().filter(|(pointer, to)| was.pointers.get(*pointer) != Some(to)) {
        writeln!(text, "{pointer} -> {to}").expect("text");
    }
    for id in is.bodies.difference(&was.bodies) {
        writeln!(text, "kept: {id}").expect("text");
    }
    text
}
