//! The audit: accounts, ledger entries and orders are compared once a day, part by part, despite concurrent writes. It
//! reports drift and corrects nothing.

mod altered;
mod broken;
mod changes;
mod codes;
mod days;
mod full;
mod later_form;
mod repaired;
mod shop;
mod streamed;
pub(crate) mod whole;

use std::time::Duration;

use audit::AuditReport;
use idempotency::DynamoLedger;
use ledger::{Audit as _, AuditProgress, DifferenceKind, Subject};
use serde_json::Value;
use testkit::deadline;

use super::*;
use shop::{ACCOUNTS, LINES, ORDERS, Shop, spent, spent_at};

const AUDIT: &str = r#"{"sweep":"audit"}"#;
/// The time limit of a run.
const RUN: Duration = Duration::from_secs(50);

async fn check(world: &World, after_s: i64) -> AuditReport {
    check_over(world.ledger(0), after_s, RUN).await.expect("a run")
}

async fn check_over(ledger: DynamoLedger, after_s: i64, within: Duration) -> Option<AuditReport> {
    let mut run = run_at(3_000 + u64::try_from(after_s).expect("later"), after_s);
    run.deadline = deadline(within);
    of_stripe::reconcile(ledger, &[]).work(AUDIT, &run).await.ok().map(|report| {
        let Report::Audit(checked) = report else { panic!("{report:?}") };
        checked
    })
}

async fn state(world: &World) -> AuditProgress {
    world.ledger(0).check(&context(0)).await.expect("a check")
}

fn whole(lines: u64, orders: u32) -> AuditReport {
    AuditReport { accounts: ACCOUNTS, lines, orders, ..AuditReport::default() }
}

fn empty() -> AuditReport {
    AuditReport::default()
}

/// One pass a day covers all accounts, all entries and every order that has entries; between two passes a run costs one
/// read.
#[tokio::test(start_paused = true)]
async fn books_that_agree_are_compared_once_a_day() {
    let Shop { world } = Shop::new().await;
    let before = world.books();
    assert_eq!(check(&world, 0).await, whole(LINES, ORDERS));
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    assert_eq!(check_over(ledger, 300, RUN).await, Some(empty()));
    let calls: Vec<String> = faults.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(calls, ["GetItem"]);
    // Two runs less than a day, so that no day is skipped.
    assert_eq!(check(&world, DAY - 601).await, empty());
    assert_eq!(check(&world, DAY - 600).await, whole(LINES, ORDERS));
    assert_eq!(world.books(), before);
    assert_eq!(state(&world).await.open, []);
}

/// Entries that the index does not have yet are no drift, at however many looks they are missing.
#[tokio::test(start_paused = true)]
async fn lagging_index_is_no_drift() {
    let Shop { world } = Shop::new().await;
    let shop = Shop { world };
    // An entry without its account is absent from the index.
    let line = shop.row("journal", "usage#e1");
    shop.change("journal", "usage#e1", "REMOVE account", &Value::Null);
    assert_eq!(check(&shop.world, 0).await, AuditReport { open: 1, ..whole(LINES - 1, ORDERS) });
    let open = state(&shop.world).await.open;
    assert_eq!((open.len(), open[0].difference.difference_kind, open[0].equal_checks), (1, DifferenceKind::Lines, 1));
    assert_eq!(check(&shop.world, 300).await.open, 1);
    shop.put("journal", &line);
    assert_eq!((check(&shop.world, 600).await.open, state(&shop.world).await.open), (0, vec![]));
    // While each look misses another entry, each finds another difference.
    for look in 1..=5 {
        spent(&shop.world, &format!("late{look}"), 1);
        let late = shop.row("journal", &format!("usage#late{look}"));
        shop.change("journal", &format!("usage#late{look}"), "REMOVE account", &Value::Null);
        let report = check(&shop.world, DAY + look * 300).await;
        assert_eq!((report.open, report.drift), (1, 0), "look {look}");
        shop.put("journal", &late);
    }
}

/// An account that is written while its entries are counted is read between two writes, or left for a later run.
#[tokio::test(start_paused = true)]
async fn writes_during_the_pass_are_no_difference() {
    for (writes, unsettled_accounts) in [(1, 0), (2, 0), (5, 0), (usize::MAX, 1)] {
        let Shop { world } = Shop::new().await;
        let (engine, mut written) = (world.clone(), 0);
        let (ledger, _) = world.faulty(1, move |_, operation| {
            if ["GetItem", "Query"].contains(&operation) && written < writes {
                written += 1;
                spent(&engine, &format!("meanwhile{written}"), 1);
            }
            Fault::None
        });
        let report = check_over(ledger, 0, RUN).await.expect("a run");
        assert_eq!(
            (report.accounts, report.unsettled_accounts, report.open),
            (ACCOUNTS, unsettled_accounts, 0),
            "{writes} writes"
        );
        assert_eq!(check(&world, DAY).await.open, 0);
    }
}

/// An account with too many entries for one run is counted over many runs, each entry once; so are many accounts.
#[tokio::test(start_paused = true)]
async fn pass_that_is_cut_short_continues_in_the_next_run() {
    let shop = Shop::new().await;
    for n in 0..700 {
        spent(&shop.world, &format!("many{n}"), 1);
    }
    let (mut sum, mut runs, mut within_one) = (empty(), 0, 0);
    while runs == 0 || state(&shop.world).await.is_under_way() {
        let (ledger, _) = shop.world.faulty(1, |_, _| Fault::Delay(Duration::from_millis(700)));
        let report = check_over(ledger, runs * 300, Duration::from_secs(7)).await.expect("a run");
        sum = AuditReport {
            accounts: sum.accounts + report.accounts,
            lines: sum.lines + report.lines,
            orders: sum.orders + report.orders,
            ..sum
        };
        within_one += u32::from(state(&shop.world).await.counting.is_some());
        assert_eq!(report.open, 0);
        runs += 1;
        assert!(runs < 40, "{sum:?}");
    }
    assert!(runs > 4 && within_one > 1, "{runs} runs, of which {within_one} stopped within an account");
    assert_eq!(sum, whole(LINES + 700, ORDERS));
    assert_eq!(check(&shop.world, runs * 300).await, empty(), "the day's pass is done");
}

/// A pass starts from the accounts: a missing account row shows only in their number, from the next pass on and until
/// it is back.
#[tokio::test(start_paused = true)]
async fn missing_account_row_is_drift_in_the_next_pass() {
    let shop = Shop::new().await;
    for pass in [0, DAY] {
        assert_eq!(check(&shop.world, pass).await, whole(LINES, ORDERS));
    }
    let row = shop.row("accounts", "alice/credits");
    shop.remove("accounts", "alice/credits");
    // A new account does not hide the missing one.
    let line = json!({
        "id": { "S": "manual#dave" }, "account": { "S": "dave/credits" }, "amount_units": { "N": "5" },
        "processed_at": { "S": testkit::now().plus_seconds(DAY + HOUR).to_string() }, "status": { "S": "processed" },
    });
    let account = json!({
        "id": { "S": "dave/credits" }, "balance_units": { "N": "5" }, "available_units": { "N": "5" }, "version": { "N": "1" },
    });
    shop.put("accounts", &account);
    shop.put("journal", &line);
    let mut drift = Vec::new();
    for after_s in [0, 300, HOUR - 1, HOUR] {
        let report = check(&shop.world, 2 * DAY + after_s).await;
        assert_eq!(report.open, 0, "after {after_s} s");
        drift.push(report.drift);
    }
    assert_eq!(drift, [1, 0, 0, 1], "reported every hour");
    assert_eq!(state(&shop.world).await.census.gone.map(|gone| gone.accounts), Some(1));
    shop.put("accounts", &row);
    let report = [check(&shop.world, 3 * DAY).await.drift, check(&shop.world, 3 * DAY + HOUR).await.drift];
    assert_eq!((report, state(&shop.world).await.census.gone), ([0, 0], None), "the row is back");
}

/// Two concurrent runs: one of them saves the progress, and together they count as one look.
#[tokio::test(start_paused = true)]
async fn overlapping_runs_count_as_one_look() {
    let shop = Shop::new().await;
    shop.change("accounts", "alice/credits", "SET balance_units = :n", &json!({ ":n": { "N": "1" } }));
    for (after_s, equal_checks) in [(0, 1), (300, 2), (301, 2), (600, 3)] {
        let late = |seed| shop.world.faulty(seed, |_, _| Fault::Delay(Duration::from_millis(10))).0;
        let (first, second) = tokio::join!(check_over(late(1), after_s, RUN), check_over(late(2), after_s, RUN));
        assert!(first.is_some() && second.is_some(), "{first:?} {second:?}");
        let open = state(&shop.world).await.open;
        assert_eq!(
            open.iter().map(|open| open.equal_checks).collect::<Vec<_>>(),
            [equal_checks, equal_checks],
            "after {after_s}"
        );
    }
    assert!(!state(&shop.world).await.is_under_way());
}

/// After any fault of the store at any call, a difference ends as drift, agreeing books do not, and no balance changes.
#[tokio::test(start_paused = true)]
async fn store_fault_at_any_call_hides_and_invents_no_drift() {
    let calls = {
        let (ledger, faults) = Shop::new().await.world.faulty(1, |_, _| Fault::None);
        check_over(ledger, 0, RUN).await;
        faults.calls().len()
    };
    for (call, fault) in (0..calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        // Every other call runs on broken books, with the same steps.
        let (shop, is_broken) = (Shop::new().await, call % 2 == 1);
        if is_broken {
            shop.change("orders", "hk_sample_order", "SET posted_units = :n", &json!({ ":n": { "N": "1" } }));
        }
        let before = shop.world.books();
        let (ledger, faults) = shop.world.faulty(1, move |n, _| if n == call { fault } else { Fault::None });
        tokio::select! {
            biased;
            _ = check_over(ledger, 0, RUN) => {}
            () = faults.killed() => {}
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        let mut drift = 0;
        for look in 1..=4 {
            drift += check(&shop.world, look * 300).await.drift;
        }
        let name = format!("{fault:?} at call {call}");
        let open = state(&shop.world).await.open;
        assert_eq!((drift, open.len()), if is_broken { (1, 1) } else { (0, 0) }, "{name}: {open:?}");
        assert!(!state(&shop.world).await.is_under_way(), "{name}");
        assert_eq!(shop.world.books(), before, "{name}");
    }
}
