//! The decision of every sample as text: its effects on the samples' orders, unpaid and paid.

use std::fmt::Write as _;

use super::*;

const EXPECTED: &str = include_str!("decisions.txt");

#[tokio::test(start_paused = true)]
async fn sample_gives_its_recorded_decision() {
    let mut decided = String::new();
    for name in samples() {
        let [unpaid, paid] = [&[][..], &["payment_intent_succeeded"][..]];
        writeln!(decided, "# {name}\n{}", changes_by(&name, unpaid).await).expect("text");
        if OF_ONE_PAYMENT.contains(&name.as_str()) {
            writeln!(decided, "## with a paid order\n{}", changes_by(&name, paid).await).expect("text");
        }
    }
    assert_eq!(decided, EXPECTED, "\n{decided}");
}

/// The changes that an event makes to the ledger.
async fn changes_by(name: &str, before: &[&str]) -> String {
    let world = shop().await;
    let earlier: Vec<String> = before.iter().map(|name| with(name, &[("/id", json!("evt_earlier"))])).collect();
    accepted(&world, &earlier).await;
    let was = world.books();
    accepted(&world, &[with(name, &[])]).await;
    let is = world.books();
    let mut text = String::new();
    for (id, row) in is.journal.iter().filter(|(id, row)| was.journal.get(*id) != Some(row)) {
        let outcome = row.reason.as_deref().unwrap_or(&row.status);
        let order = row.order.as_deref().unwrap_or("-");
        let moved = row.account.as_ref().map_or(String::new(), |account| format!(" {:+} {account}", row.change));
        writeln!(text, "{id}: {outcome}, order {order}{moved}").expect("text");
    }
    for (number, order) in is.orders.iter().filter(|(number, order)| was.orders.get(*number) != Some(order)) {
        let OrderRow { payment, fulfilment, posted, disputed, anomaly, .. } = order;
        let disputed = if *disputed { ", disputed" } else { "" };
        let flag = anomaly.as_ref().map_or(String::new(), |anomaly| format!(", {anomaly}"));
        writeln!(text, "order {number}: {payment}, {fulfilment}, {posted}{disputed}{flag}").expect("text");
    }
    for (pointer, to) in is.pointers.iter().filter(|(pointer, to)| was.pointers.get(*pointer) != Some(to)) {
        writeln!(text, "{pointer} -> {to}").expect("text");
    }
    for (id, row) in is.subscriptions.iter().filter(|(id, row)| was.subscriptions.get(*id) != Some(row)) {
        let (status, end) = (row.status.as_deref().unwrap_or("-"), row.period_end.as_deref().unwrap_or("-"));
        writeln!(text, "subscription {id}: {status} until {end}").expect("text");
    }
    if text.is_empty() { "nothing\n".to_owned() } else { text }
}
