//! A repair ends its own findings and no other, whatever a sweep writes meanwhile and wherever the command dies.

use audit::{AccountRepair, Comparison, INDEX_LAG_MAX, RepairedRows, Repairs, Signature};
use ledger::{AccountId, Asset, Decision, Owner};

use super::*;

const ADD: &str = "ADD balance_units :n, available_units :n";

fn alice() -> AccountId {
    Owner::new("alice").expect("an owner").account(Asset::CREDITS)
}

/// Two accounts differ, and the sweep has found both.
async fn found() -> Shop {
    let shop = Shop::new().await;
    for account in ["alice/credits", "alice/POSX"] {
        shop.change("accounts", account, ADD, &json!({ ":n": { "N": "7" } }));
    }
    check(&shop.world, 0).await;
    assert_eq!(findings(&shop.world).await, ["alice/POSX", "alice/credits"]);
    shop
}

async fn findings(world: &World) -> Vec<String> {
    let mut open: Vec<String> = state(world).await.open.into_iter().map(|open| open.difference.account).collect();
    open.sort();
    open
}

async fn repaired(world: &World) -> Decision {
    let (ledger, invocation) = (world.ledger(1), run_at(9_001, HOUR));
    let repairs = Repairs { ledger: &ledger, invocation: &invocation, index_lag: Duration::ZERO };
    let signature = Signature { id: "r1".into(), author: "ann".into(), reason: "altered".into() };
    let decision = repairs.account(&alice(), &AccountRepair::ToLines, &signature).await.expect("a repair");
    ledger.commit(&decision, &invocation.context()).await.expect("written");
    decision
}

async fn end_findings(ledger: &DynamoLedger) -> Option<Comparison> {
    let invocation = run_at(9_002, HOUR);
    let repairs = Repairs { ledger, invocation: &invocation, index_lag: INDEX_LAG_MAX };
    repairs.end_findings(&RepairedRows::of_account(&alice(), &AccountRepair::ToLines)).await.ok()
}

fn accounts(found: &[ledger::Difference]) -> Vec<&str> {
    found.iter().map(|difference| difference.account.as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn finding_ends_with_the_repair_and_others_stay() {
    let shop = found().await;
    let before = state(&shop.world).await;
    let compared = end_findings(&shop.world.ledger(1)).await.expect("compared");
    assert_eq!((accounts(&compared.ended), accounts(&compared.differences)), (vec![], vec!["alice/credits"]));
    assert_eq!(state(&shop.world).await, before, "the finding is still true");

    repaired(&shop.world).await;
    assert_eq!(
        findings(&shop.world).await,
        ["alice/POSX", "alice/credits"],
        "a command that dies here leaves the finding"
    );
    let compared = end_findings(&shop.world.ledger(1)).await.expect("compared");
    assert_eq!((accounts(&compared.ended), accounts(&compared.differences)), (vec!["alice/credits"], vec![]));
    let after = state(&shop.world).await;
    assert_eq!(findings(&shop.world).await, ["alice/POSX"]);
    assert_eq!((after.version, after.began_at), (before.version + 1, before.began_at), "nothing else changes");
    let compared = end_findings(&shop.world.ledger(1)).await.expect("compared");
    assert_eq!((compared, state(&shop.world).await), (Comparison::default(), after), "once");
}

/// An entry of the same account that differs holds its owner back too; its own repair ends that finding.
#[tokio::test(start_paused = true)]
async fn finding_of_another_entry_of_the_account_is_reported() {
    const PAYMENT: &str = "payment#stripe#pi_3Sample0000000000000001";
    let shop = found().await;
    let failed = json!({
        "TableName": "hookledger-local-journal", "Key": { "id": { "S": PAYMENT } },
        "UpdateExpression": "SET #status = :s", "ExpressionAttributeNames": { "#status": "status" },
        "ExpressionAttributeValues": { ":s": { "S": "failed" } },
    });
    shop.world.engine.request("UpdateItem", &failed).expect("changed");
    check(&shop.world, DAY).await;
    // The balance, the entry, and the order whose payment a failed entry does not prove.
    assert_eq!(findings(&shop.world).await, ["alice/POSX", "alice/credits", "alice/credits", "alice/credits"]);
    repaired(&shop.world).await;
    let compared = end_findings(&shop.world.ledger(1)).await.expect("compared");
    let kinds = |found: &[ledger::Difference]| found.iter().map(|found| found.difference_kind).collect::<Vec<_>>();
    assert_eq!(
        (kinds(&compared.ended), kinds(&compared.differences)),
        (vec![DifferenceKind::Balance], vec![DifferenceKind::Failed])
    );
    assert!(state(&shop.world).await.differs("alice/credits"), "its owner is still held back");
}

/// A sweep saves another finding just before the command writes: optimistic locking makes the command read again.
#[tokio::test(start_paused = true)]
async fn finding_saved_by_a_concurrent_sweep_is_kept() {
    for times in [1, 3, usize::MAX] {
        let shop = found().await;
        repaired(&shop.world).await;
        let (engine, mut written) = (shop.world.engine.clone(), 0);
        let (ledger, _) = shop.world.faulty(2, move |_, operation| {
            if operation == "TransactWriteItems" && written < times {
                written += 1;
                let read = json!({ "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "check#audit" } } });
                let mut row = engine.request("GetItem", &read).expect("a row")["Item"].clone();
                let mut finding = row["open"]["L"][0].clone();
                finding["M"]["account"]["S"] = json!(format!("late{written}/credits"));
                row["open"]["L"].as_array_mut().expect("a list").push(finding);
                let version: u64 = row["version"]["N"].as_str().expect("a number").parse().expect("a number");
                row["version"]["N"] = json!((version + 1).to_string());
                engine
                    .request("PutItem", &json!({ "TableName": "hookledger-local-accounts", "Item": row }))
                    .expect("kept");
            }
            Fault::None
        });
        let compared = end_findings(&ledger).await;
        let findings = findings(&shop.world).await;
        let late = findings.iter().filter(|account| account.starts_with("late")).count();
        let is_ended = !findings.contains(&"alice/credits".to_owned());
        assert_eq!((compared.is_some(), is_ended), (times < 8, times < 8), "{times}: {findings:?}");
        assert!(late == times || times == usize::MAX && late == 8, "{times}: {findings:?}");
    }
}

/// The command dies before or after each call. The sweep, or the same command run again, ends the finding later.
#[tokio::test(start_paused = true)]
async fn command_that_dies_ends_no_true_finding() {
    let shop = found().await;
    let rows = shop.rows();
    let found = shop.row("accounts", "check#audit");
    for is_repaired in [false, true] {
        for (at, fault) in (0..20).flat_map(|at| [(at, Fault::Kill), (at, Fault::KillApplied)]) {
            shop.restore(&rows);
            shop.put("accounts", &found);
            if is_repaired {
                repaired(&shop.world).await;
            }
            let (ledger, faults) = shop.world.faulty(3, move |call, _| if call == at { fault } else { Fault::None });
            tokio::select! {
                _ = end_findings(&ledger) => {}
                () = faults.killed() => {}
            }
            let findings = findings(&shop.world).await;
            assert!(findings.contains(&"alice/POSX".to_owned()), "{at} {fault:?}");
            assert!(
                is_repaired || findings.contains(&"alice/credits".to_owned()),
                "{at} {fault:?}: the finding is true"
            );
            end_findings(&shop.world.ledger(4)).await.expect("compared");
            let remaining = self::findings(&shop.world).await;
            assert_eq!(remaining.contains(&"alice/credits".to_owned()), !is_repaired, "{at} {fault:?}: {remaining:?}");
        }
    }
}

/// The index is read after it has had time to catch up. If it still lacks an entry, the finding stays for the sweep.
#[tokio::test(start_paused = true)]
async fn entry_that_the_index_lacks_is_waited_for() {
    for (late_s, ended) in [(3, vec!["alice/credits"]), (30, vec![])] {
        let shop = found().await;
        repaired(&shop.world).await;
        let line = shop.row("journal", "usage#e1");
        // An entry without its account is absent from the index.
        shop.change("journal", "usage#e1", "REMOVE account", &Value::Null);
        let world = shop.world.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(late_s)).await;
            Shop { world }.put("journal", &line);
        });
        let compared = end_findings(&shop.world.ledger(5)).await.expect("compared");
        assert_eq!((accounts(&compared.ended), compared.differences.is_empty()), (ended.clone(), !ended.is_empty()));
    }
}

/// The balance of an account that is written during every look cannot be verified.
#[tokio::test(start_paused = true)]
async fn finding_of_an_account_that_keeps_changing_stays() {
    let shop = found().await;
    repaired(&shop.world).await;
    let (world, mut written) = (shop.world.clone(), 0);
    let (ledger, _) = shop.world.faulty(6, move |_, operation| {
        if ["GetItem", "Query"].contains(&operation) {
            written += 1;
            spent(&world, &format!("meanwhile{written}"), 1);
        }
        Fault::None
    });
    let compared = end_findings(&ledger).await.expect("compared");
    assert_eq!(compared.unsettled_accounts, [Subject::Account("alice/credits".to_owned())]);
    assert_eq!(findings(&shop.world).await, ["alice/POSX", "alice/credits"]);
}
