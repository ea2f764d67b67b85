//! The decision of every sample as text: its effects on the samples' order, unpaid and paid.

use std::fmt::Write as _;

use testkit::OrderRow;

use super::*;

const EXPECTED: &str = include_str!("decisions.txt");

#[tokio::test(start_paused = true)]
async fn sample_gives_its_recorded_decision() {
    let mut decided = String::new();
    for name in crate::suite::samples(Wechat::SOURCE) {
        writeln!(decided, "# {name}\n{}", changes_by(&name, &[]).await).expect("text");
        writeln!(decided, "## with a paid order\n{}", changes_by(&name, &["v3_payment"]).await).expect("text");
    }
    assert_eq!(decided, EXPECTED, "\n{decided}");
}

/// The changes that an event makes to the ledger.
async fn changes_by(name: &str, before: &[&str]) -> String {
    let world = shop().await;
    for name in before {
        deliver_sample(&world, &paid(), &[], NOTIFY, &sample(name)).await;
    }
    let was = world.books();
    let got = deliver_sample(&world, &paid(), &[], NOTIFY, &sample(name)).await;
    assert!(is(&got, success_of(name)), "{name}: {got:?}");
    let is = world.books();
    let mut text = String::new();
    for (id, row) in is.journal.iter().filter(|(id, row)| was.journal.get(*id) != Some(row)) {
        let outcome = row.reason.as_deref().unwrap_or(&row.status);
        let order = row.order.as_deref().unwrap_or("-");
        let moved = row.account.as_ref().map_or(String::new(), |account| format!(" {:+} {account}", row.change));
        writeln!(text, "{id}: {outcome}, order {order}{moved}").expect("text");
    }
    for (number, order) in is.orders.iter().filter(|(number, order)| was.orders.get(*number) != Some(order)) {
        let OrderRow { payment, fulfilment, posted, anomaly, .. } = order;
        let flag = anomaly.as_ref().map_or(String::new(), |anomaly| format!(", {anomaly}"));
        writeln!(text, "order {number}: {payment}, {fulfilment}, {posted}{flag}").expect("text");
    }
    if text.is_empty() { "nothing\n".to_owned() } else { text }
}
