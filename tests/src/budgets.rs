//! Budgets of keys, on DynamoDB: every fault at every call, the turn of the day, and what a gateway reports.

use std::time::Duration;

use ledger::{
    AtExpiry, BoundKey, Budget, BudgetChange, BudgetCheck, BudgetCount, CallerKey, CommitError, Committed, Decision,
    Effect, Entry, EventKey, Fingerprint, Guard, Hold, HoldClosing, HoldId, HoldTerms, Holds as _, House,
    JournalHeader, Ledger as _, Limits, MoneyKey, Movement, Owner, Posting, Source, Zone,
};
use serde_json::{Value, json};
use testkit::{Fault, SpentRow, World, context, now, usage};

use crate::holds::settle;
use crate::log_capture::{captured_lines, start_capture};
use crate::lots::{DAY, account, credit, later, pairs};
use crate::operations::{Operation, Row, operation_under, rows_give_the_same_books, singles};
use crate::sandbox::{Sandbox, amount, by_hand, message, moment_at, open_account};

mod damaged;
mod races;

const ONE: i128 = 1_000_000_000;
const KEY: &str = "budget#key#remote#k1";

fn key() -> CallerKey {
    CallerKey::remote("k1").expect("a key")
}

fn owner() -> Owner {
    Owner::new("alice").expect("an owner")
}

/// 5 a day, 8 a month and 12 altogether, in a zone whose day ends after the first hour of the tests.
fn budget() -> Budget {
    let limits = Limits { day: Some(amount("5")), month: Some(amount("8")), total: Some(amount("12")) };
    Budget { zone: Zone::parse("-01:00").expect("a zone"), limits }
}

fn change(from: Option<Budget>, to: Option<Budget>) -> Effect {
    Effect::SetBudget(BudgetChange { key: key(), owner: owner(), from: Ok(from), to })
}

/// Alice has 100 credits and the key k1, with a budget.
pub(crate) async fn world() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "100").await;
    by_hand(&world, "budget", vec![change(None, Some(budget()))]).await;
    world
}

fn entry(id: &str, effects: Vec<Effect>) -> Decision {
    let header = JournalHeader {
        receipt: EventKey::new(Source::Usage, id).expect("an id"),
        writer: Source::Usage.into(),
        kind: "usage",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: None,
    };
    Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
}

fn spend(id: &str, cost: &str) -> Effect {
    let posting = Posting::from_customer(account("alice"), House::Usage, amount(cost));
    let key = MoneyKey::of_event(&EventKey::new(Source::Usage, id).expect("an id"));
    Effect::Move(Movement { key, posting, guard: Guard::SufficientFunds, reverses: None, lots: Vec::new() })
}

/// Usage that was sent so many seconds later.
pub(crate) fn used(id: &str, cost: &str, sent: i64) -> Decision {
    let count = BudgetCount::of_usage(&key(), &budget(), amount(cost), now().plus_seconds(sent));
    entry(id, vec![spend(id, cost), Effect::CountInBudget(count)])
}

/// A use that has not begun.
pub(crate) fn charge(id: &str, cost: &str, at: i64) -> Decision {
    let count = BudgetCount::of_usage(&key(), &budget(), amount(cost), now().plus_seconds(at));
    let count = BudgetCount { check: BudgetCheck::Refuse(budget().limits), ..count };
    entry(id, vec![spend(id, cost), Effect::CountInBudget(count)])
}

pub(crate) fn hold(id: &str, sum: &str) -> Hold {
    let terms = HoldTerms {
        account: account("alice"),
        amount: amount(sum),
        usage: None,
        ttl_seconds: 600,
        at_expiry: AtExpiry::Release,
        note: None,
    };
    let bound = BoundKey { budget: Ok(Some(budget())), ..BoundKey::of(owner()) };
    Hold::new(HoldId::new(id).expect("an id"), terms, now()).expect("terms").for_key(&key(), bound).expect("terms")
}

/// Each after those before it, with its time, its result and the round trips. The first hour is the last of the year.
fn operations() -> Vec<Row> {
    use Operation::{Close, Commit, Open};
    let other = Some(Budget { zone: Zone::default(), ..budget() });
    vec![
        ("a first use", Commit(used("e1", "1", 0)), 0, "booked", 2),
        ("the same use", Commit(used("e1", "1", 0)), 0, "booked", 1),
        ("another", Commit(used("e2", "1", 0)), 0, "booked", 1),
        ("a charge above the day", Commit(charge("c1", "3.5", 0)), 0, "budget_exceeded", 2),
        ("a charge", Commit(charge("c2", "1", 0)), 0, "booked", 1),
        ("a hold above the day", Open(hold("h0", "2.5")), 0, "budget_exceeded: day", 1),
        ("a hold", Open(hold("h1", "2")), 0, "open", 1),
        ("the same hold", Open(hold("h1", "2")), 0, "open", 2),
        ("a use above the day", Commit(used("e3", "1", 0)), 0, "booked", 2),
        ("a use of the next day", Commit(used("e4", "1", 3_600)), 3_600, "booked", 2),
        ("a late use", Commit(used("e5", "1", 0)), 3_600, "booked", 2),
        ("a settlement on the next day", Close(hold("h1", "2"), settle("1.5")), 3_600, "settled 1500000000u false", 2),
        ("a use above the total", Commit(used("e6", "8", DAY)), DAY, "booked", 2),
        ("a change", Commit(entry("b1", vec![change(Some(budget()), other)])), DAY, "booked", 1),
        ("a change over another", Commit(entry("b2", vec![change(Some(budget()), None)])), DAY, "overtaken", 2),
        ("a removal", Commit(entry("b3", vec![change(other, None)])), DAY, "booked", 1),
    ]
}

/// Every way that a row begins, turns, is late, is refused or is corrected.
const PAIRED: [&str; 7] = [
    "a first use",
    "a charge above the day",
    "a hold",
    "a use of the next day",
    "a late use",
    "a settlement on the next day",
    "a use above the total",
];

/// Each fault at each call, and each pair at the first two.
#[tokio::test(start_paused = true)]
async fn every_fault_of_every_operation_gives_the_same_books() {
    let plans = |name: &str, calls| {
        let pairs = if PAIRED.contains(&name) { pairs(1) } else { Vec::new() };
        [singles(calls), pairs].concat()
    };
    rows_give_the_same_books(&operations(), world, |books| books, plans).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: .ci/full runs it"]
async fn every_pair_of_faults_of_every_operation_gives_the_same_books() {
    rows_give_the_same_books(&operations(), world, |books| books, |_, calls| pairs(calls)).await;
}

fn spent(world: &World) -> SpentRow {
    world.books().spent.get("key#remote#k1").cloned().unwrap_or_default()
}

fn of(windows: &[(&str, i128)]) -> SpentRow {
    windows.iter().map(|(window, units)| ((*window).to_owned(), *units)).collect()
}

/// What a gateway reports is booked above a limit, marked in its row, and a metric.
#[tokio::test(start_paused = true)]
async fn reported_usage_above_a_limit_is_booked_and_marked() {
    let world = world().await;
    let sandbox = Sandbox::faultless(&world).await;
    start_capture();
    for (attempt, (id, cost)) in (1..).zip([("e1", "5"), ("e2", "0"), ("e3", "0.5"), ("e3", "0.5")]) {
        let reply = sandbox.deliver(&usage(id, "k1", cost).to_string(), &moment_at(attempt, now())).await;
        assert_eq!(reply.expect("alive").status, 200, "{id}");
    }
    let over: Vec<Value> = captured_lines().iter().filter_map(|line| line.get("over_budget").cloned()).collect();
    assert_eq!(over, [json!(1)], "once for the event above the limit");
    let books = world.books();
    books.check();
    let marks = ["e1", "e2", "e3"].map(|id| books.journal[&format!("usage#{id}")].over_budget.clone());
    assert_eq!(marks, [None, None, Some("day".to_owned())]);
    let half = 5 * ONE + ONE / 2;
    assert_eq!(spent(&world), of(&[("2025-12", half), ("2025-12-31", half), ("total", half)]));
}

/// The day ends at 3,600 s. A sender's clock may be ahead of ours by minutes.
#[tokio::test(start_paused = true)]
async fn clock_of_a_sender_that_is_ahead_begins_no_window_of_tomorrow() {
    let world = world().await;
    let sandbox = Sandbox::faultless(&world).await;
    let sent_at = |id: &str, seconds: i64| {
        let mut event = usage(id, "k1", "1");
        event["timestamp"] = json!(now().plus_seconds(seconds).unix_s());
        event.to_string()
    };
    for (attempt, (id, sent, received)) in (1..).zip([("e1", 3_605, 3_590), ("e2", 3_595, 3_610), ("e3", 3_600, 3_600)])
    {
        let reply = sandbox.deliver(&sent_at(id, sent), &moment_at(attempt, now().plus_seconds(received))).await;
        assert_eq!(message(&reply.expect("alive")), "Event processed successfully", "{id}");
    }
    let days = [("2025-12", 2 * ONE), ("2025-12-31", 2 * ONE), ("2026-01", ONE), ("2026-01-01", ONE)];
    assert_eq!(spent(&world), of(&[days.as_slice(), &[("total", 3 * ONE)]].concat()));
}

/// Between the read that shows a limit exceeded and the write, a hold frees what it has counted.
#[tokio::test(start_paused = true)]
async fn use_within_what_a_hold_frees_meanwhile_is_not_marked() {
    let world = world().await;
    world.ledger(0).open_hold(&hold("h1", "3"), &context(0)).await.expect("a hold");
    world.ledger(0).commit(&used("e1", "2", 0), &context(1)).await.expect("booked");
    let engine = world.engine.clone();
    let (ledger, faults) = world.faulty(7, move |call, _| {
        if call == 1 {
            let row = json!({
                "TableName": "hookledger-local-accounts", "Key": { "id": { "S": KEY } },
                "UpdateExpression": "SET day_units = :u, month_units = :u, total_units = :u",
                "ExpressionAttributeValues": { ":u": { "N": "2000000000" } },
            });
            engine.request("UpdateItem", &row).expect("an update");
        }
        Fault::None
    });
    let receipt = ledger.commit(&used("e2", "2", 0), &context(2)).await.expect("booked");
    assert!(matches!(receipt, Committed::Now(ledger::Receipt { is_over_budget: false, .. })), "{receipt:?}");
    assert_eq!(faults.calls().len(), 3, "above the limit at 5, and within it at 2");
    assert_eq!(world.books().journal["usage#e2"].over_budget, None);
    assert_eq!(spent(&world)["2025-12-31"], 4 * ONE);
}

/// A warm function counts by the former budget for at most a minute.
#[tokio::test(start_paused = true)]
async fn change_of_a_budget_acts_within_a_minute() {
    let world = World::new();
    open_account(&world, "alice", "k1", "100").await;
    let sandbox = Sandbox::faultless(&world).await;
    for (attempt, (id, seconds, counted)) in
        (1..).zip([("e1", 0, 0), ("e2", 59, 0), ("e3", 60, ONE), ("e4", 61, 2 * ONE)])
    {
        if attempt == 2 {
            by_hand(&world, "budget", vec![change(None, Some(budget()))]).await;
        }
        let moment = moment_at(attempt, now().plus_seconds(seconds));
        let reply = sandbox.deliver(&usage(id, "k1", "1").to_string(), &moment).await;
        assert_eq!(message(&reply.expect("alive")), "Event processed successfully", "{id}");
        assert_eq!(spent(&world).get("total").copied().unwrap_or_default(), counted, "{id}");
    }
}

/// None of these is booked, and none is counted.
#[tokio::test(start_paused = true)]
async fn delivery_that_is_not_booked_counts_nothing() {
    let world = world().await;
    let sandbox = Sandbox::faultless(&world).await;
    let first = sandbox.deliver(&usage("e1", "k1", "1").to_string(), &moment_at(1, now())).await;
    assert_eq!(first.expect("alive").status, 200);
    let before = (spent(&world), world.books().accounts);
    let rows = [
        ("a repeat", usage("e1", "k1", "1"), 200),
        ("a conflict", usage("e1", "k1", "2"), 409),
        ("a negative cost", usage("e2", "k1", "-1"), 400),
        ("a cost beyond all amounts", usage("e3", "k1", "1e40"), 400),
        ("no number", usage("e4", "k1", "much"), 400),
        ("another key", usage("e5", "k2", "1"), 404),
        ("the key with a space", usage("e6", "k1 ", "1"), 400),
        ("the row of what it has spent", usage("e7", KEY, "1"), 400),
        ("more than the account has", usage("e8", "k1", "100"), 402),
        ("an empty body", json!({}), 400),
    ];
    for (attempt, (name, body, status)) in (2..).zip(rows) {
        let reply = sandbox.deliver(&body.to_string(), &moment_at(attempt, now())).await;
        assert_eq!(reply.expect("alive").status, status, "{name}");
        let books = world.books();
        books.check();
        assert_eq!((spent(&world), books.accounts), before, "{name}");
    }
}

/// Over a row that was removed, the close of a hold makes none of its own.
#[tokio::test(start_paused = true)]
async fn row_that_is_lost_counts_nothing_wrong() {
    let table = "hookledger-local-accounts";
    let world = world().await;
    world.ledger(0).open_hold(&hold("h1", "2"), &context(0)).await.expect("a hold");
    world.engine.request("DeleteItem", &json!({ "TableName": table, "Key": { "id": { "S": KEY } } })).expect("removed");
    let closed = world.ledger(1).close_hold(&hold("h1", "2"), &settle("1"), &context(1)).await;
    assert_eq!(closed.expect("settled").state.as_str(), "settled");
    assert_eq!(spent(&world), SpentRow::new());
    assert_eq!(world.books().balance("alice/credits"), 99 * ONE);
}

/// A reversal gives credits back, and no room in a budget: the use has taken place.
#[tokio::test(start_paused = true)]
async fn credit_gives_no_room_in_a_budget() {
    let world = world().await;
    let ledger = world.ledger(0);
    ledger.commit(&used("e1", "5", 0), &context(0)).await.expect("booked");
    ledger.commit(&credit("alice", "back", "5", None), &context(1)).await.expect("booked");
    let refused = ledger.commit(&charge("c1", "1", 0), &context(2)).await;
    assert!(matches!(refused, Err(CommitError::Rejected(ledger::Reason::BudgetExceeded))), "{refused:?}");
}
