//! A budget that cannot be read: what has been used is booked without being counted, and the row is repaired.

use audit::{BudgetFound, Comparison, RepairedRows, Repairs, Signature, budget_repair};
use ledger::{Audit as _, BudgetUnreadable, CallContext, HoldRefusal, HoldState, Subject};
use testkit::MemoryLedger;

use super::*;
use crate::lots::{Plan, plans, without_attempts};
use crate::stripe::run_at;

const ACCOUNTS: &str = "hookledger-local-accounts";

/// Replaces attributes of the row; `Null` removes one.
fn alter(world: &World, id: &str, attributes: &Value) {
    let read = json!({ "TableName": ACCOUNTS, "Key": { "id": { "S": id } } });
    let mut row = world.engine.request("GetItem", &read).expect("an answer")["Item"].clone();
    for (name, value) in attributes.as_object().expect("attributes") {
        if value.is_null() {
            row.as_object_mut().expect("a row").remove(name);
        } else {
            row[name] = value.clone();
        }
    }
    world.engine.request("PutItem", &json!({ "TableName": ACCOUNTS, "Item": row })).expect("a row");
}

fn raw(world: &World) -> Value {
    let read = json!({ "TableName": ACCOUNTS, "Key": { "id": { "S": KEY } } });
    world.engine.request("GetItem", &read).expect("an answer")["Item"].clone()
}

/// The books cannot be read while a row of them is damaged.
fn balance(world: &World) -> i128 {
    let read = json!({ "TableName": ACCOUNTS, "Key": { "id": { "S": "alice/credits" } } });
    let row = world.engine.request("GetItem", &read).expect("an answer")["Item"].clone();
    row["balance_units"]["N"].as_str().expect("a number").parse().expect("a number")
}

/// Each way to damage the row, whatever the next count compares or adds.
fn damages() -> Vec<(&'static str, Value)> {
    vec![
        ("a day as a number", json!({ "day": { "N": "3" } })),
        ("a day without its units", json!({ "day_units": null })),
        ("units of a day as a text", json!({ "day_units": { "S": "x" } })),
        ("units of a month as a text", json!({ "month_units": { "S": "x" } })),
        ("units of a month as a fraction", json!({ "month_units": { "N": "1.5" } })),
        ("a month without its units", json!({ "month_units": null })),
        ("a total as a text", json!({ "total_units": { "S": "x" } })),
        ("a form that is no number", json!({ "v": { "S": "x" }, "day": { "S": "2024-01-01" } })),
    ]
}

/// What alice's key does while its budget cannot be read, beside a hold that was open before.
fn uses() -> Vec<(&'static str, Operation, &'static str, i128)> {
    use Operation::{Close, Commit, Open};
    let expires = HoldClosing::Expire;
    vec![
        ("a use", Commit(used("e1", "1", 0)), "booked", -ONE),
        ("a use above every limit", Commit(used("e2", "20", 0)), "booked", -20 * ONE),
        ("a use of the next day", Commit(used("e3", "1", 3_600)), "booked", -ONE),
        ("a settlement", Close(hold("h1", "2"), settle("1.5")), "settled 1500000000u false", -ONE - ONE / 2),
        ("a release", Close(hold("h2", "2"), HoldClosing::Release), "released", 0),
        ("an expiry", Close(hold("h3", "1"), expires), "expired None", 0),
        ("a hold", Open(hold("h4", "1")), "the budget of its key cannot be read", 0),
    ]
}

async fn with_holds() -> World {
    let world = world().await;
    for (id, sum) in [("h1", "2"), ("h2", "2"), ("h3", "1")] {
        world.ledger(0).open_hold(&hold(id, sum), &context(0)).await.expect("a hold");
    }
    world
}

fn alarms() -> Vec<Value> {
    captured_lines().into_iter().filter(|line| line["alarm"] == "budget_unreadable").collect()
}

#[tokio::test(start_paused = true)]
async fn damaged_row_stops_neither_usage_nor_the_end_of_a_hold() {
    for (damage, attributes) in damages() {
        for (name, operation, expected, change) in uses() {
            let world = with_holds().await;
            alter(&world, KEY, &attributes);
            let (before, was) = (raw(&world), balance(&world));
            start_capture();
            let (found, _) = operation_under(&world, &operation, 3_600, vec![]).await;
            let after = raw(&world);
            assert_eq!((found.as_str(), balance(&world)), (expected, was + change), "{damage}: {name}");
            // Where nothing of what it counts is damaged, it counts.
            let is_counted = after != before;
            let is_alarm = !alarms().is_empty();
            let is_refused = expected.starts_with("the budget");
            assert!(is_refused || is_counted != is_alarm, "{damage}: {name}: {before} {after}");
            assert!(!is_refused || !is_counted, "{damage}: {name}");
        }
    }
}

/// The same rules in memory.
#[tokio::test(start_paused = true)]
async fn damaged_row_in_memory_stops_neither_usage_nor_the_end_of_a_hold() {
    let ledger = MemoryLedger::default();
    let bind = Effect::Bind { key: key(), owner: owner() };
    for (id, effects) in [("k", vec![bind]), ("b", vec![change(None, Some(budget()))])] {
        ledger.commit(&entry(id, effects), &context(0)).await.expect("booked");
    }
    ledger.commit(&credit("alice", "top", "100", None), &context(0)).await.expect("booked");
    for (id, sum) in [("h1", "2"), ("h2", "2"), ("h3", "1")] {
        ledger.open_hold(&hold(id, sum), &context(0)).await.expect("a hold");
    }
    ledger.damage_budget(&key());
    for (attempt, (name, operation, expected, _)) in (1..).zip(uses()) {
        assert_eq!(operation.on(&ledger, attempt, 3_600).await.expect(name), expected, "{name}");
    }
    let stored = ledger.stored_spent(&key(), &context(0)).await.expect("an answer").expect("a row");
    assert_eq!(stored.spent, None);
    ledger.damage_limits(&key());
    let bound = ledger.key(&key(), &context(0)).await.expect("an answer").expect("a key");
    assert_eq!(
        (bound.budget, hold("h5", "1").for_key(&key(), bound)),
        (Err(BudgetUnreadable), Err(HoldRefusal::BudgetUnreadable))
    );
    let (report, open) = audit::audit(&ledger, &run_at(1, 3_600)).await.expect("an audit");
    let places: Vec<String> = open.iter().map(|open| open.difference.account.clone()).collect();
    assert_eq!((report.open, places.contains(&KEY.to_owned())), (2, true), "{places:?}");
}

#[tokio::test(start_paused = true)]
async fn every_fault_over_a_damaged_row_gives_the_same_books() {
    let attributes = json!({ "total_units": { "S": "x" }, "day": { "N": "3" } });
    let run_with = async |operation: &Operation, plan: Plan| {
        let world = with_holds().await;
        let healthy = raw(&world);
        alter(&world, KEY, &attributes);
        let damaged = raw(&world);
        let (found, calls) = operation_under(&world, operation, 3_600, plan).await;
        assert_eq!(raw(&world), damaged, "nothing is counted");
        alter(&world, KEY, &healthy);
        (found, without_attempts(world.books()), calls)
    };
    for (name, operation, expected, _) in uses() {
        let (found, books, calls) = run_with(&operation, vec![]).await;
        assert_eq!((found.as_str(), calls), (expected, if name == "a hold" { 1 } else { 2 }), "{name}");
        for plan in plans(calls) {
            let (found, under_faults, _) = run_with(&operation, plan.clone()).await;
            assert_eq!((found.as_str(), &under_faults), (expected, &books), "{name}: {plan:?}");
        }
    }
}

/// A row of a later release has its meaning: nothing is booked without it.
#[tokio::test(start_paused = true)]
async fn row_of_a_later_form_is_not_counted_beside() {
    let world = with_holds().await;
    alter(&world, KEY, &json!({ "v": { "N": "99" } }));
    for (name, operation, ..) in uses() {
        let answer = operation.on(&world.ledger(1), 1, 3_600).await;
        assert!(matches!(answer, Err(CommitError::Refused(_))), "{name}: {answer:?}");
    }
    assert_eq!(balance(&world), 100 * ONE);
}

/// Usage goes on under limits that cannot be read, and no hold is opened; new limits are set over them.
#[tokio::test(start_paused = true)]
async fn limits_that_cannot_be_read_stop_no_usage() {
    for damage in [json!({ "day_limit_units": { "S": "x" } }), json!({ "zone": { "S": "Mars" } })] {
        let world = with_holds().await;
        alter(&world, "key#remote#k1", &damage);
        let before = raw(&world);
        start_capture();
        let sandbox = Sandbox::faultless(&world).await;
        let reply = sandbox.deliver(&usage("e1", "k1", "1").to_string(), &moment_at(1, now())).await;
        assert_eq!(message(&reply.expect("alive")), "Event processed successfully");
        assert_eq!((raw(&world), alarms().len()), (before, 1), "{damage}");
        let closed = world.ledger(2).close_hold(&hold("h1", "2"), &settle("1"), &context(2)).await.expect("settled");
        assert!(matches!(closed.state, HoldState::Settled { .. }), "{damage}");
        assert_eq!(raw(&world)["total_units"]["N"], "4000000000", "{damage}");
        let bound = world.ledger(3).stored_key(&key(), &context(3)).await.expect("an answer").expect("a key");
        assert_eq!(hold("h5", "1").for_key(&key(), bound.clone()), Err(HoldRefusal::BudgetUnreadable));
        let set = BudgetChange { key: key(), owner: owner(), from: bound.budget, to: Some(budget()) };
        by_hand(&world, "again", vec![Effect::SetBudget(set)]).await;
        let bound = world.ledger(4).stored_key(&key(), &context(4)).await.expect("an answer").expect("a key");
        assert_eq!(bound.budget, Ok(Some(budget())));
    }
}

fn signature() -> Signature {
    Signature { id: "r1".to_owned(), author: "ann".to_owned(), reason: "altered".to_owned() }
}

/// What `account repair OWNER --budget KEY` reads and decides.
async fn repair(world: &World, call: &CallContext<'_>) -> Decision {
    let ledger = world.ledger(50);
    let bound = ledger.stored_key(&key(), call).await.expect("an answer").expect("a key");
    let zone = bound.budget.expect("limits").expect("a budget").zone;
    let stored = ledger.stored_spent(&key(), call).await.expect("an answer");
    let uses = ledger.uses_of(&key(), &bound, zone, call).await.expect("uses");
    let found = BudgetFound { key: &key(), bound: &bound, stored, now: zone.windows_at(call.received_at), uses };
    budget_repair(found, &signature()).expect("a repair")
}

/// Usage of two days of one month, an open hold and a settled one, of this key and of another.
async fn in_use() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "100").await;
    let to = Budget { zone: Zone::default(), ..budget() };
    by_hand(&world, "budget", vec![change(None, Some(to))]).await;
    by_hand(&world, "k2", vec![Effect::Bind { key: CallerKey::remote("k2").expect("a key"), owner: owner() }]).await;
    let sandbox = Sandbox::faultless(&world).await;
    for (attempt, (id, name, cost, seconds)) in
        (1..).zip([("e1", "k1", "1", 0), ("e2", "k2", "1", 0), ("e3", "k1", "0.5", DAY), ("e4", "k1", "2", DAY)])
    {
        let mut event = usage(id, name, cost);
        event["timestamp"] = json!(now().plus_seconds(seconds).unix_s());
        let reply = sandbox.deliver(&event.to_string(), &moment_at(attempt, now().plus_seconds(seconds))).await;
        assert_eq!(message(&reply.expect("alive")), "Event processed successfully", "{id}");
    }
    for (id, cost) in [("h1", Some("0.7")), ("h2", None)] {
        let bound = BoundKey { budget: Ok(Some(to)), ..BoundKey::of(owner()) };
        let at = now().plus_seconds(DAY);
        let terms = HoldTerms {
            account: account("alice"),
            amount: amount("1"),
            usage: None,
            ttl_seconds: 600,
            at_expiry: AtExpiry::Release,
            note: None,
        };
        let hold = Hold::new(HoldId::new(id).expect("an id"), terms, at).expect("terms").for_key(&key(), bound);
        let hold = hold.expect("a hold");
        world.ledger(0).open_hold(&hold, &later(20, DAY)).await.expect("a hold");
        if let Some(cost) = cost {
            world.ledger(0).close_hold(&hold, &settle(cost), &later(21, DAY)).await.expect("settled");
        }
    }
    world
}

/// By the journal and the open holds, the row becomes what it was; a total that cannot be read begins with the month's.
#[tokio::test(start_paused = true)]
async fn repair_writes_what_the_key_has_spent_again() {
    let healthy = spent(&in_use().await);
    let sums =
        [("2026-01", 5_200_000_000), ("2026-01-01", ONE), ("2026-01-02", 4_200_000_000), ("total", 5_200_000_000)];
    assert_eq!(healthy, of(&sums));
    for (damage, attributes) in damages() {
        let world = in_use().await;
        alter(&world, KEY, &attributes);
        let decision = repair(&world, &later(51, DAY)).await;
        world.ledger(52).commit(&decision, &later(52, DAY)).await.expect("repaired");
        assert_eq!(spent(&world), healthy, "{damage}");
        assert_eq!(raw(&world)["v"], json!({ "N": "1" }), "{damage}");
        // It counts on.
        let world_used = Operation::Commit(used("e9", "1", DAY));
        assert_eq!(operation_under(&world, &world_used, DAY, vec![]).await.0, "booked");
        assert_eq!(spent(&world)["total"], 6_200_000_000, "{damage}");
    }
    let world = in_use().await;
    world
        .engine
        .request("DeleteItem", &json!({ "TableName": ACCOUNTS, "Key": { "id": { "S": KEY } } }))
        .expect("removed");
    let decision = repair(&world, &later(51, DAY)).await;
    world.ledger(52).commit(&decision, &later(52, DAY)).await.expect("repaired");
    assert_eq!(spent(&world), healthy, "a row that is gone");
}

/// A row that counts meanwhile is not written over.
#[tokio::test(start_paused = true)]
async fn repair_over_a_row_that_was_written_meanwhile_is_stale() {
    let world = in_use().await;
    alter(&world, KEY, &json!({ "previous_day_units": { "N": "-1" } }));
    let decision = repair(&world, &later(51, DAY)).await;
    world.ledger(53).commit(&used("e9", "1", DAY), &later(53, DAY)).await.expect("booked");
    let written = world.ledger(52).commit(&decision, &later(52, DAY)).await;
    assert!(matches!(written, Err(CommitError::Stale)), "{written:?}");
}

/// The pass of the day finds a row that cannot be right, names the repair, and the repair ends the finding.
#[tokio::test(start_paused = true)]
async fn audit_finds_a_row_that_cannot_be_right() {
    let others = [
        ("a sum below nothing", json!({ "day_units": { "N": "-1" } })),
        ("a total below nothing", json!({ "total_units": { "N": "-1" } })),
        ("a day that has not begun", json!({ "day": { "S": "2026-01-05" } })),
    ];
    for (damage, attributes) in damages().into_iter().chain(others) {
        let world = in_use().await;
        alter(&world, KEY, &attributes);
        let (ledger, invocation) = (world.ledger(60), run_at(61, DAY));
        let (_, open) = audit::audit(&ledger, &invocation).await.expect("an audit");
        let found: Vec<_> = open.iter().map(|open| &open.difference).collect();
        let [difference] = found.as_slice() else { panic!("{damage}: {found:?}") };
        assert_eq!(difference.remedy(), "account repair OWNER --budget gateway-k1", "{damage}");
        assert_eq!(difference.subject(), Subject::Account(KEY.to_owned()), "{damage}");
        let decision = repair(&world, &later(51, DAY)).await;
        world.ledger(52).commit(&decision, &later(52, DAY)).await.expect("repaired");
        let repairs = Repairs { ledger: &ledger, invocation: &invocation, index_lag: Duration::ZERO };
        let Comparison { differences, .. } =
            repairs.end_findings(&RepairedRows::of_budget(&key())).await.expect("compared");
        assert_eq!(differences, [], "{damage}");
        assert_eq!(audit::audit(&ledger, &invocation).await.expect("an audit").1, [], "{damage}");
    }
    // A row of tomorrow in another zone is none.
    let world = in_use().await;
    alter(&world, KEY, &json!({ "day": { "S": "2026-01-03" } }));
    assert_eq!(audit::audit(&world.ledger(60), &run_at(61, DAY)).await.expect("an audit").1, []);
}
