//! What the audit finds where a hold or what an account holds is altered, and the command that repairs it.

use audit::{AccountRepair, Repairs, Signature};
use ledger::{DifferenceKind, Ledger as _};

use super::*;

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
