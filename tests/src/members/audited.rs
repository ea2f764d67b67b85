//! The daily pass finds each way to break the rows of members, reports drift at the third equal look, and ends the
//! finding once the rows are repaired. A whole audit finds the same.

use audit::AuditReport;
use ledger::{Audit as _, Difference, DifferenceKind, Members, Subject};

use super::*;
use crate::reconcile::audit_sweep::whole::whole_of;

const AUDIT: &str = r#"{"sweep":"audit"}"#;
const ACCOUNTS: &str = "hookledger-local-accounts";
const K1: &str = "key#remote#k1";

/// The owner whose list differs, the key, and whether the list has it.
type Found = (&'static str, Option<&'static str>, bool);

struct Break {
    name: &'static str,
    apply: fn(&World),
    found: Vec<Found>,
}

fn request(world: &World, operation: &str, mut request: Value) -> Value {
    request["TableName"] = json!(ACCOUNTS);
    world.engine.request(operation, &request).expect("an answer")
}

fn update(world: &World, id: &str, expression: &str, values: &Value) {
    let mut update = json!({ "Key": { "id": { "S": id } }, "UpdateExpression": expression });
    if !values.is_null() {
        update["ExpressionAttributeValues"] = values.clone();
    }
    request(world, "UpdateItem", update);
}

fn remove(world: &World, id: &str) {
    request(world, "DeleteItem", json!({ "Key": { "id": { "S": id } } }));
}

fn keys(names: &[&str]) -> Value {
    let ids: Vec<String> = names.iter().map(|name| format!("key#remote#{name}")).collect();
    json!({ ":keys": { "SS": ids } })
}

/// Alice's k1 draws on the team, and bob's k2 on no one.
fn breaks() -> Vec<Break> {
    let of_both = || vec![("alice", Some(K1), true), ("team", Some(K1), true)];
    vec![
        Break {
            name: "the team's list lacks the key",
            apply: |world| update(world, "members#team", "REMOVE drawn_by", &Value::Null),
            found: vec![("team", Some(K1), false)],
        },
        Break {
            name: "the team's list is lost",
            apply: |world| remove(world, "members#team"),
            found: vec![("team", Some(K1), false)],
        },
        Break {
            name: "the owner's list is lost",
            apply: |world| remove(world, "members#alice"),
            found: vec![("alice", Some(K1), false)],
        },
        Break {
            name: "a list that cannot be read",
            apply: |world| update(world, "members#team", "SET drawn_by = :text", &json!({ ":text": { "S": "k1" } })),
            found: vec![("team", Some(K1), false)],
        },
        Break {
            name: "a key that draws on no one",
            apply: |world| update(world, "members#team", "ADD drawn_by :keys", &keys(&["k2"])),
            found: vec![("team", Some("key#remote#k2"), true)],
        },
        Break { name: "the key's row is lost", apply: |world| remove(world, K1), found: of_both() },
        Break {
            name: "periods that cannot be read",
            apply: |world| update(world, K1, "SET draws = :text", &json!({ ":text": { "S": "team" } })),
            found: of_both(),
        },
        Break {
            name: "a key that draws on another",
            apply: |world| {
                let values = json!({ ":payer": { "S": "carol" } });
                update(world, K1, "SET draws[0].payer = :payer", &values);
            },
            found: vec![("carol", Some(K1), false), ("team", Some(K1), true)],
        },
        Break {
            name: "an owner who draws and is drawn on",
            apply: |world| update(world, "members#alice", "ADD drawn_by :keys", &keys(&["k9"])),
            found: vec![("alice", None, true), ("alice", Some("key#remote#k9"), true)],
        },
    ]
}

async fn audited(world: &World, seconds: i64) -> AuditReport {
    let run = run_at(3_000 + u64::try_from(seconds).expect("later"), seconds);
    let report = of_stripe::reconcile(world.ledger(0), &[]).work(AUDIT, &run).await.expect("a run");
    let reconcile::Report::Audit(report) = report else { panic!("{report:?}") };
    report
}

async fn member_world() -> World {
    let world = world().await;
    join(&world, "j1", "k1", "team", 0).await;
    world
}

fn places<'d>(found: impl IntoIterator<Item = &'d Difference>) -> Vec<(String, Option<String>, bool)> {
    let of_members = found.into_iter().filter(|found| found.difference_kind == DifferenceKind::Members);
    let place = |found: &Difference| (found.account.clone(), found.line.clone(), found.recorded.units() == 1);
    let mut places: Vec<_> = of_members.map(place).collect();
    places.sort();
    places
}

async fn open(world: &World) -> Vec<(String, Option<String>, bool)> {
    let check = world.ledger(0).check(&later(0, 0)).await.expect("a check");
    places(check.open.iter().map(|open| &open.difference))
}

#[tokio::test(start_paused = true)]
async fn each_way_to_break_the_rows_of_members_is_found_until_repaired() {
    for Break { name, apply, found } in breaks() {
        let world = member_world().await;
        let all = request(&world, "Scan", json!({}))["Items"].as_array().expect("rows").clone();
        apply(&world);
        let row = |owner: &str| Members::row_of(&super::owner(owner));
        let expected: Vec<_> = found.iter().map(|(of, key, is)| (row(of), key.map(str::to_owned), *is)).collect();
        let count = u32::try_from(expected.len()).expect("a few");
        for (look, drift) in [(0, 0), (1, 0), (2, count), (3, 0)] {
            let report = audited(&world, look * 300).await;
            assert_eq!((report.open, report.drift), (count, drift), "{name}: look {look}");
            assert_eq!(open(&world).await, expected, "{name}: look {look}");
        }
        assert_eq!(places(&whole_of(&world, 2).await.differences(now())), expected, "{name}: a whole audit");
        let (_, at_once) = audit::audit(&world.ledger(0), &run_at(5_000, 0)).await.expect("an audit");
        assert_eq!(places(at_once.iter().map(|open| &open.difference)), expected, "{name}: a pass at once");
        for row in &all {
            request(&world, "PutItem", json!({ "Item": row }));
        }
        assert_eq!(audited(&world, 900 + 3_600).await.open, 0, "{name}: repaired");
        assert_eq!(audited(&world, 86_400).await.open, 0, "{name}: and stays so");
    }
}

/// As `audit` says: what leaves and joins again is on both lists.
#[tokio::test(start_paused = true)]
async fn finding_ends_once_the_key_leaves_and_joins_again() {
    let world = member_world().await;
    remove(&world, "members#team");
    assert_eq!(audited(&world, 0).await.open, 1);
    let check = world.ledger(0).check(&later(0, 0)).await.expect("a check");
    let remedy = check.open[0].difference.remedy();
    assert_eq!(remedy, "member remove TEAM OWNER gateway-k1, then member add");
    leave(&world, "l1", "k1", "team", 60).await;
    join(&world, "j2", "k1", "team", 120).await;
    assert_eq!(audited(&world, 300).await.open, 0);
    world.books().check();
}

/// 130 keys of as many owners draw on one team: rows of four pages. Each list and each key that it names is read once or
/// twice, together with others.
#[tokio::test(start_paused = true)]
async fn pass_over_many_members_makes_few_calls() {
    let world = world().await;
    let names: Vec<String> = (0..130).map(|number| format!("m{number}")).collect();
    for name in &names {
        let id = format!("key#remote#{name}");
        let period = json!({ "M": { "payer": { "S": "team" }, "since": { "S": now().to_string() } } });
        let key = json!({
            "id": { "S": id }, "v": { "N": "1" }, "owner": { "S": name }, "key_owner": { "S": name },
            "draws": { "L": [period] },
        });
        let list = json!({ "id": { "S": format!("members#{name}") }, "v": { "N": "1" }, "drawing": { "SS": [id] } });
        for row in [key, list] {
            request(&world, "PutItem", json!({ "Item": row }));
        }
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    update(&world, "members#team", "SET drawn_by = :keys, v = :v", &{
        let mut values = keys(&names);
        values[":v"] = json!({ "N": "1" });
        values
    });
    let (ledger, faults) = world.faulty(7, |_, _| testkit::Fault::None);
    let report = of_stripe::reconcile(ledger, &[]).work(AUDIT, &run_at(3_000, 0)).await.expect("a run");
    assert!(matches!(report, reconcile::Report::Audit(AuditReport { open: 0, .. })), "{report:?}");
    let calls = faults.calls();
    let reads = calls.iter().filter(|call| call.operation == "BatchGetItem").count();
    assert!(reads <= 70, "{reads} reads of lists and keys");
    remove(&world, "members#m77");
    assert_eq!(audited(&world, 86_400).await.open, 1);
    assert_eq!(open(&world).await, [("members#m77".to_owned(), Some("key#remote#m77".to_owned()), false)]);
    let subject = Subject::Account("members#m77".to_owned());
    let check = world.ledger(0).check(&later(0, 0)).await.expect("a check");
    assert_eq!(check.open[0].difference.subject(), subject);
}
