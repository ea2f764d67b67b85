//! What the audit finds where a hold or what an account holds is altered, and the command that repairs it.

use audit::{AccountRepair, Repairs, Signature};
use ledger::{DifferenceKind, Ledger as _};

use super::*;
use crate::stripe::run_at;

async fn found(world: &World, seconds: i64) -> Vec<(DifferenceKind, String)> {
    let run = run_at(5_000 + u64::try_from(seconds).expect("later"), seconds);
    let (_, open) = audit::audit(&world.ledger(3), &run).await.expect("an audit");
    let found = open.into_iter().map(|open| (open.difference.difference_kind, open.difference.remedy()));
    found.filter(|(kind, _)| matches!(kind, DifferenceKind::Held | DifferenceKind::Available)).collect()
}

#[tokio::test(start_paused = true)]
async fn altered_holds_are_found_and_repaired() {
    let alter = |table: &str, id: &str, expression: &str, values: serde_json::Value| {
        json!({
            "TableName": format!("hookledger-local-{table}"), "Key": { "id": { "S": id } },
            "UpdateExpression": expression, "ExpressionAttributeValues": values,
        })
    };
    let three = json!({ ":n": { "N": "3000000000" } });
    let rows = [
        ("held more", alter("accounts", "alice/credits", "SET held_units = :n", three.clone()), true),
        (
            "held nothing",
            alter("accounts", "alice/credits", "SET held_units = :n", json!({ ":n": { "N": "0" } })),
            true,
        ),
        ("a hold of more", alter("holds", "h1", "SET amount_units = :n", three), false),
    ];
    for (name, change, is_available_found) in rows {
        let world = world().await;
        let hold = hold_of("alice", "h1", "2", None, None);
        world.ledger(0).open_hold(&hold, &context(0)).await.expect("a hold");
        assert_eq!(found(&world, 0).await, vec![], "{name}");
        world.engine.request("UpdateItem", &change).expect("altered");
        let kinds: Vec<_> = found(&world, 1).await;
        assert!(kinds.contains(&(DifferenceKind::Held, "account repair alice/credits --holds".to_owned())), "{name}");
        assert_eq!(kinds.iter().any(|(kind, _)| *kind == DifferenceKind::Available), is_available_found, "{name}");
        let (ledger, invocation) = (world.ledger(4), run_at(9_000, 2));
        let repairs = Repairs { ledger: &ledger, invocation: &invocation, index_lag: Duration::ZERO };
        let by = Signature { id: "r1".to_owned(), author: "ops".to_owned(), reason: "a test".to_owned() };
        let decision = repairs.account(&account("alice"), &AccountRepair::Holds, &by).await.expect("a repair");
        ledger.commit(&decision, &later(9, 2)).await.expect("repaired");
        world.books().check();
        assert_eq!(found(&world, 3).await, vec![], "{name}");
    }
}

/// The audit goes on behind a hold that cannot be read, and the repair names it.
#[tokio::test(start_paused = true)]
async fn unreadable_hold_is_found_and_keeps_no_other_account_waiting() {
    let world = world().await;
    committed(&world, &credit("bob", "b1", "5", None), 0).await;
    for (owner, id) in [("alice", "h1"), ("bob", "h2")] {
        world.ledger(0).open_hold(&hold_of(owner, id, "2", None, None), &context(0)).await.expect("a hold");
    }
    let update = json!({
        "TableName": "hookledger-local-holds", "Key": { "id": { "S": "h1" } }, "UpdateExpression": "REMOVE amount_units",
    });
    world.engine.request("UpdateItem", &update).expect("altered");
    let other = json!({
        "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "bob/credits" } },
        "UpdateExpression": "SET held_units = :n", "ExpressionAttributeValues": { ":n": { "N": "1" } },
    });
    world.engine.request("UpdateItem", &other).expect("altered");
    let of_holds: Vec<String> = found(&world, 1).await.into_iter().map(|(_, remedy)| remedy).collect();
    for owner in ["alice", "bob"] {
        assert!(of_holds.contains(&format!("account repair {owner}/credits --holds")), "{of_holds:?}");
    }
    let (ledger, invocation) = (world.ledger(4), run_at(9_000, 2));
    let repairs = Repairs { ledger: &ledger, invocation: &invocation, index_lag: Duration::ZERO };
    let by = Signature { id: "r1".to_owned(), author: "ops".to_owned(), reason: "a test".to_owned() };
    let refused =
        repairs.account(&account("alice"), &AccountRepair::Holds, &by).await.expect_err("a hold is unreadable");
    assert!(format!("{refused:?}").contains("the row of the hold h1 cannot be read"), "{refused:?}");
}
