//! The list of differences has room for a hundred: of the others the audit keeps the place, and compares it once there is
//! room. So an order that only its own change shows is not lost.

use ledger::OrderNumber;

use super::streamed::{PHONE_ORDER, books, deliver};
use super::*;
use crate::log_capture::{captured_lines, start_capture};

const PAYMENT: &str = "payment#stripe#pi_phone";

fn phone() -> Subject {
    Subject::Order(OrderNumber::new(PHONE_ORDER).expect("a number"))
}

fn accounts() -> impl Iterator<Item = String> {
    (0..100).map(|n| format!("owner{n}/credits"))
}

/// A hundred accounts with a balance and without a line.
fn fill(shop: &Shop) {
    for id in accounts() {
        let account = json!({
            "id": { "S": id }, "balance_units": { "N": "5" }, "available_units": { "N": "5" }, "version": { "N": "1" },
        });
        shop.put("accounts", &account);
    }
}

#[tokio::test(start_paused = true)]
async fn difference_beyond_a_hundred_is_kept_until_there_is_room() {
    let (shop, mut streamed) = books().await;
    fill(&shop);
    let report = check(&shop.world, DAY).await;
    assert_eq!((report.open, report.unlisted), (100, 0));
    let row = shop.row("journal", PAYMENT);
    shop.remove("journal", PAYMENT);
    start_capture();
    streamed.follow(&shop.world, DAY + 60).await;
    let alarms = captured_lines().into_iter().filter(|line| line["alarm"] == "unlisted");
    assert_eq!(alarms.count(), 1, "a person learns of it");
    let full = state(&shop.world).await;
    assert_eq!((full.open.len(), full.unlisted), (100, [phone()].into()));
    assert_eq!(check(&shop.world, DAY + 300).await.unlisted, 1, "each run reports it");

    for id in accounts() {
        shop.remove("accounts", &id);
    }
    check(&shop.world, DAY + 600).await;
    let emptied = state(&shop.world).await;
    assert_eq!((emptied.open.len(), emptied.unlisted.len()), (0, 1), "this run had no room yet");
    let drift = [900, 1_200, 1_500].map(|after_s| DAY + after_s);
    let mut found = Vec::new();
    for after_s in drift {
        let report = check(&shop.world, after_s).await;
        found.push((report.open, report.unlisted, report.drift));
    }
    assert_eq!(found, [(1, 0, 0), (1, 0, 0), (1, 0, 1)]);
    shop.put("journal", &row);
    assert_eq!(check(&shop.world, DAY + 2 * HOUR).await.open, 0, "restored");
}

/// A place whose rows were restored meanwhile ends without a finding.
#[tokio::test(start_paused = true)]
async fn place_that_agrees_again_is_no_longer_kept() {
    let (shop, mut streamed) = books().await;
    fill(&shop);
    check(&shop.world, DAY).await;
    let row = shop.row("journal", PAYMENT);
    shop.remove("journal", PAYMENT);
    streamed.follow(&shop.world, DAY + 60).await;
    shop.put("journal", &row);
    shop.change("orders", PHONE_ORDER, "ADD version :n", &json!({ ":n": { "N": "1" } }));
    streamed.follow(&shop.world, DAY + 120).await;
    let progress = state(&shop.world).await;
    assert_eq!((progress.open.len(), progress.unlisted.len()), (100, 0));
}

/// With a thousand places the stream keeps its batches, and with two thousand a pass keeps no more.
#[tokio::test(start_paused = true)]
async fn batch_waits_while_a_thousand_places_have_no_room() {
    let (shop, mut streamed) = books().await;
    fill(&shop);
    check(&shop.world, DAY).await;
    shop.remove("journal", PAYMENT);
    let event = streamed.event(&shop.world).expect("a removed row");
    let mut progress = state(&shop.world).await;
    progress.unlisted = (0..1_000).map(|n| Subject::Line(format!("usage#{n}"))).collect();
    progress.version += 1;
    let ledger = shop.world.ledger(3);
    assert!(ledger.save_audit_progress(&progress, &context(3)).await.expect("saved"));
    assert_eq!(state(&shop.world).await, progress, "the places are read as they were written");
    assert_eq!(deliver(shop.world.ledger(4), &event, 4, DAY + 60).await, None);
    assert_eq!(state(&shop.world).await, progress);
    progress.unlisted.pop_last();
    progress.version += 1;
    assert!(ledger.save_audit_progress(&progress, &context(5)).await.expect("saved"));
    deliver(shop.world.ledger(6), &event, 6, DAY + 120).await.expect("a run");
    assert!(state(&shop.world).await.unlisted.contains(&phone()));
}

/// The audit of the command line says how many places more there are.
#[tokio::test(start_paused = true)]
async fn audit_at_once_counts_the_places_beyond_its_list() {
    let (shop, _) = books().await;
    fill(&shop);
    for n in 0..7 {
        let id = format!("more{n}/credits");
        let account = json!({
            "id": { "S": id }, "balance_units": { "N": "5" }, "available_units": { "N": "5" }, "version": { "N": "1" },
        });
        shop.put("accounts", &account);
    }
    let (report, open) = audit::audit(&shop.world.ledger(0), &run_at(1, HOUR)).await.expect("the books");
    assert_eq!((open.len(), report.open, report.unlisted), (100, 100, 7));
}
