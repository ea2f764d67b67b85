//! Credits that expire, on DynamoDB: every fault at every call, concurrent spenders at the date, and the sweep.

use std::time::Duration;

use edge::{Invocation, Worker as _};
use idempotency::DynamoLedger;
use ledger::{
    AccountId, Asset, CallContext, CommitError, Committed, Decision, DifferenceKind, Effect, Entry, EventKey,
    Expiring as _, Fingerprint, Guard, House, JournalHeader, Ledger, LotKind, LotShare, LotTerms, LotsSnapshot,
    MoneyKey, Movement, Owner, PRIORITY_DEFAULT, Posting, SettledLots, Timestamp, Writer,
};
use reconcile::{ExpiryReport, Report};
use serde_json::json;
use testkit::{Books, Fault, World, context, now};

use crate::recorded::is_all_tried;
use crate::sandbox::amount;
use crate::stripe::{self as of_stripe, run_at};

mod races;
mod schedules;

const EXPIRING: &str = r#"{"sweep":"expiring"}"#;
pub(crate) const DAY: i64 = 24 * 60 * 60;

pub(crate) fn account(owner: &str) -> AccountId {
    Owner::new(owner).expect("an owner").account(Asset::CREDITS)
}

pub(crate) fn until(seconds: i64) -> LotTerms {
    LotTerms { priority: PRIORITY_DEFAULT, kind: LotKind::Paid, expires_at: Some(now().plus_seconds(seconds)) }
}

fn entry(id: &str, movement: Movement) -> Decision {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, id).expect("an id"),
        writer: Writer::Manual,
        kind: "manual",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: None,
    };
    Decision::Record(Entry { header, effects: vec![Effect::Move(movement)], keeps_body: false, alarm: None })
}

fn bought(id: &str) -> MoneyKey {
    MoneyKey::new("payment", &["stripe", id]).expect("a key")
}

pub(crate) fn credit(owner: &str, id: &str, sum: &str, until: Option<LotTerms>) -> Decision {
    let posting = Posting::to_customer(account(owner), House::Revenue, amount(sum));
    let lots = until.map(|terms| LotShare { terms, units: amount(sum).units() }).into_iter().collect();
    entry(id, Movement { key: bought(id), posting, guard: Guard::Always, reverses: None, lots })
}

pub(crate) fn spend(owner: &str, id: &str, sum: &str) -> Decision {
    let posting = Posting::from_customer(account(owner), House::Usage, amount(sum));
    let key = MoneyKey::new("manual", &[id]).expect("a key");
    entry(id, Movement { key, posting, guard: Guard::SufficientFunds, reverses: None, lots: Vec::new() })
}

/// A clawback, or what is given again.
pub(crate) fn correction(owner: &str, id: &str, sum: &str, of: &str, is_taken: bool) -> Decision {
    let to_or_from = if is_taken { Posting::from_customer } else { Posting::to_customer };
    let posting = to_or_from(account(owner), House::Revenue, amount(sum));
    let key = MoneyKey::new("reversal", &[id]).expect("a key");
    let lots = vec![LotShare { terms: until(0), units: 1 }];
    entry(id, Movement { key, posting, guard: Guard::Always, reverses: Some(bought(of)), lots })
}

pub(crate) fn later(attempt: u64, seconds: i64) -> CallContext<'static> {
    let at = |time: Timestamp| time.plus_seconds(seconds);
    let context = context(attempt);
    CallContext { received_at: at(context.received_at), first_received_at: at(context.first_received_at), ..context }
}

pub(crate) async fn committed(world: &World, decision: &Decision, seconds: i64) {
    let committed = world.ledger(0).commit(decision, &later(0, seconds)).await;
    assert!(matches!(committed, Ok(Committed::Now(_))), "{committed:?}");
}

async fn lots(world: &World) -> LotsSnapshot {
    world.ledger(0).lots(&account("alice"), &context(0)).await.expect("both rows")
}

/// What alice has before it: 10 undated credits, and 8 of 10 that last a day.
pub(crate) async fn world() -> World {
    let world = World::new();
    committed(&world, &credit("alice", "top", "10", None), 0).await;
    committed(&world, &credit("alice", "g1", "10", Some(until(DAY))), 0).await;
    committed(&world, &spend("alice", "e1", "2"), 0).await;
    world
}

/// The operations, each after those before it, with their time.
fn operations() -> Vec<(&'static str, Decision, i64)> {
    vec![
        ("a credit to an account with lots", credit("alice", "more", "1", None), 0),
        ("another grant that expires", credit("alice", "g2", "5", Some(until(2 * DAY))), 0),
        ("a clawback", correction("alice", "c1", "3", "g1", true), 0),
        ("a spend after the date", spend("alice", "e2", "4"), DAY),
        ("a clawback of what has expired", correction("alice", "c2", "4", "g1", true), DAY),
        // A retry is a second later. Both are on the same day.
        ("a clawback that is given again", correction("alice", "a2", "4", "g1", false), DAY + 10),
        ("a spend of too much after the date", spend("alice", "e3", "1000"), 3 * DAY),
    ]
}

/// Commits with these faults, and once more without if no answer came.
pub(crate) async fn commit(
    world: &World,
    decision: &Decision,
    seconds: i64,
    plan: Vec<(usize, Fault)>,
) -> (bool, usize) {
    let (ledger, faults) = world
        .faulty(7, move |call, _| plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault));
    let context = later(1, seconds);
    // A sandbox that dies never answers.
    let first = tokio::time::timeout(Duration::from_mins(1), ledger.commit(decision, &context)).await;
    let calls = faults.calls().len();
    let outcome = match first {
        Ok(answer @ (Ok(_) | Err(CommitError::Rejected(_)))) => answer,
        _ => world.ledger(8).commit(decision, &later(2, seconds)).await,
    };
    match outcome {
        Ok(_) => (true, calls),
        Err(CommitError::Rejected(_)) => (false, calls),
        Err(error) => panic!("{error:?}"),
    }
}

/// Without the number of attempts: a lost answer makes one more.
pub(crate) fn without_attempts(mut books: Books) -> Books {
    books.journal.values_mut().for_each(|row| row.attempts = 0);
    books
}

/// Without the times of clawbacks: a retry has a later one.
fn without_times(mut settled: SettledLots) -> SettledLots {
    settled.taken.iter_mut().for_each(|taken| taken.at = now());
    settled
}

/// Which calls fail, and how.
pub(crate) type Plan = Vec<(usize, Fault)>;

/// Each fault at each call, and pairs at the last call, which commits, and the first one of the retry: each fault before
/// three others, and after three. With `TRIED=all`, before each other.
pub(crate) fn plans(calls: usize) -> Vec<Plan> {
    let single = (0..calls).flat_map(|call| Fault::ALL.map(|fault| vec![(call, fault)]));
    let last = calls.saturating_sub(1);
    let some = Fault::ALL.into_iter().enumerate().flat_map(move |(place, one)| {
        let (step, count) = if is_all_tried() { (1, Fault::ALL.len()) } else { (5, 3) };
        let others = Fault::ALL.into_iter().cycle().skip(place).step_by(step).take(count);
        others.map(move |other| vec![(last, one), (last + 1, other)])
    });
    single.chain(some).collect()
}

/// Each pair at two calls in a row, of which the last may be the first one of a retry.
pub(crate) fn pairs(calls: usize) -> Vec<Plan> {
    let of = |call, one| Fault::ALL.map(|other| vec![(call, one), (call + 1, other)]);
    (0..calls).flat_map(|call| Fault::ALL.into_iter().flat_map(move |one| of(call, one))).collect()
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_every_change_of_lots_gives_the_same_books() {
    changes_give_the_same_books_under(plans).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: .ci/full runs it"]
async fn every_pair_of_faults_of_every_change_of_lots_gives_the_same_books() {
    changes_give_the_same_books_under(pairs).await;
}

async fn changes_give_the_same_books_under(plans: fn(usize) -> Vec<Plan>) {
    let faultless = world().await;
    for (name, decision, seconds) in &operations() {
        let before = faultless.snapshot();
        let (is_booked, calls) = commit(&faultless, decision, *seconds, vec![]).await;
        let (expected, settled) =
            (without_attempts(faultless.books()), without_times(lots(&faultless).await.settled()));
        expected.check();
        for plan in plans(calls) {
            let world = before.world();
            let (was_booked, _) = commit(&world, decision, *seconds, plan.clone()).await;
            assert_eq!(was_booked, is_booked, "{name}: {plan:?}");
            assert_eq!(without_attempts(world.books()), expected, "{name}: {plan:?}");
            assert_eq!(without_times(lots(&world).await.settled()), settled, "{name}: {plan:?}");
        }
    }
}

/// The sweep's own call, without a debit.
#[tokio::test(start_paused = true)]
async fn every_fault_of_an_expiry_gives_the_same_books() {
    let before = world().await.snapshot();
    let expired = async |plan: Vec<(usize, Fault)>| {
        let world = before.world();
        let (ledger, faults) = world
            .faulty(7, move |call, _| plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault));
        let (alice, context) = (account("alice"), later(1, DAY));
        tokio::select! {
            biased;
            _ = ledger.expire(&alice, &context) => {}
            () = faults.killed() => {}
        }
        tokio::time::sleep(crate::sandbox::SETTLED).await;
        world.ledger(8).expire(&alice, &later(2, DAY)).await.expect("expired, now or before");
        let books = without_attempts(world.books());
        books.check();
        ((books, lots(&world).await.settled()), faults.calls().len())
    };
    let (faultless, calls) = expired(vec![]).await;
    assert_eq!((faultless.0.balance("alice/credits"), calls), (10_000_000_000, 2));
    for plan in plans(calls) {
        assert_eq!(expired(plan.clone()).await.0, faultless, "{plan:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn operations_cost_the_round_trips_that_the_documentation_states() {
    let world = world().await;
    let rows = [("a credit to an account with lots", 3), ("another grant that expires", 2), ("a clawback", 3)];
    for ((name, decision, seconds), (expected, calls)) in operations().iter().zip(rows) {
        assert_eq!((*name, commit(&world, decision, *seconds, vec![]).await.1), (expected, calls));
    }
    assert_eq!(commit(&world, &spend("alice", "e9", "1"), 0, vec![]).await, (true, 1), "a spend reads no lot");
    assert_eq!(commit(&world, &spend("alice", "e0", "0"), 0, vec![]).await, (true, 1), "nor does a spend of nothing");
    assert_eq!(commit(&world, &spend("alice", "e10", "1"), DAY, vec![]).await, (true, 4), "with an expiry before it");
}

/// A debit never waits for its deadline if an entry that no expiry wrote has the key of the next one.
#[tokio::test(start_paused = true)]
async fn expiry_whose_key_is_taken_is_refused_at_once() {
    let world = world().await;
    let row = json!({ "id": { "S": "expire#alice/credits.1" }, "status": { "S": "processed" } });
    world.engine.request("PutItem", &json!({ "TableName": "hookledger-local-journal", "Item": row })).expect("a row");
    let spent = world.ledger(1).commit(&spend("alice", "e2", "4"), &later(1, DAY)).await;
    let Err(CommitError::Refused(why)) = spent else { panic!("{spent:?}") };
    assert_eq!(why.to_string(), "an expiry of this version is booked");
    assert_eq!(lots(&world).await.account.version, 1);
}

/// Its lots no longer show on the account: no retry makes the two rows equal.
#[tokio::test(start_paused = true)]
async fn account_without_the_attributes_of_its_lots_is_refused_with_the_repair() {
    let world = world().await;
    let update = json!({
        "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "alice/credits" } },
        "UpdateExpression": "REMOVE lots_version, mark_units, next_expiry, expiring",
    });
    world.engine.request("UpdateItem", &update).expect("altered");
    let (ledger, faults) = world.faulty(7, |_, _| Fault::None);
    let given = ledger.commit(&credit("alice", "g2", "5", Some(until(DAY))), &later(1, 0)).await;
    let Err(CommitError::Refused(why)) = given else { panic!("{given:?}") };
    assert!(why.to_string().ends_with("run account repair alice/credits --lots"), "{why}");
    assert_eq!(faults.calls().len(), 2, "the second read shows it");
}

/// Of 20 undated credits and 30 that expire now, 64 spenders at once spend one each, by clocks that are off by this
/// much. Returns how many were spent, and the units that expired.
async fn spent_at_the_date(world: &World, skew_of: impl Fn(u64) -> i64) -> (i128, i128) {
    committed(world, &credit("alice", "top", "20", None), 0).await;
    committed(world, &credit("alice", "g1", "30", Some(until(DAY))), 0).await;
    let mut spenders = tokio::task::JoinSet::new();
    for spender in 0..64_u64 {
        let (ledger, skew) = (world.ledger(spender), skew_of(spender));
        spenders.spawn(async move {
            let spend = spend("alice", &format!("e{spender}"), "1");
            match ledger.commit(&spend, &later(spender, DAY + skew)).await {
                Ok(_) => 1_i128,
                Err(CommitError::Rejected(_)) => 0,
                Err(error) => panic!("{error:?}"),
            }
        });
    }
    let spent = spenders.join_all().await.into_iter().sum();
    let books = world.books();
    books.check();
    (spent, books.journal.get("expire#alice/credits.1").map_or(0, |row| -row.change))
}

/// All clocks agree: what is undated is spent, and the rest expires, however many come first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_spenders_at_the_date_spend_only_what_is_undated() {
    let world = World::new();
    assert_eq!(spent_at_the_date(&world, |_| 0).await, (20, 30_000_000_000));
    assert_eq!(world.books().balance("alice/credits"), 0);
}

/// Half of them have a clock that is an hour behind: they may still spend what expires, until its entry is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn spender_with_a_late_clock_spends_no_more_than_is_left() {
    let world = World::new();
    let (spent, expired) = spent_at_the_date(&world, |spender| if spender % 2 == 0 { 0 } else { -3_600 }).await;
    let balance = world.books().balance("alice/credits");
    assert!((20..=50).contains(&spent), "{spent} were spent");
    assert_eq!(balance, (50 - spent) * 1_000_000_000 - expired);
    let left: u128 = lots(&world).await.settled().lots.iter().map(|lot| lot.units).sum();
    assert_eq!(i128::try_from(left), Ok(balance));
}

async fn sweep(world: &World, seconds: i64) -> ExpiryReport {
    let attempt = 1_000 + u64::try_from(seconds).expect("later");
    let report = of_stripe::reconcile(world.ledger(0), &[]).work(EXPIRING, &run_at(attempt, seconds)).await;
    let Report::Expiring(report) = report.expect("a run") else { panic!("another sweep") };
    report
}

#[tokio::test(start_paused = true)]
async fn sweep_expires_what_no_one_spends() {
    let world = world().await;
    for owner in ["bob", "carol", "dan"] {
        committed(&world, &credit(owner, &format!("g-{owner}"), "3", Some(until(DAY))), 0).await;
    }
    committed(&world, &spend("bob", "all-of-it", "3"), 0).await;
    committed(&world, &credit("erin", "g-erin", "3", Some(until(2 * DAY))), 0).await;
    // A row that cannot be read keeps no other waiting.
    let lots = json!({ "id": { "S": "lots#dan/credits" }, "v": { "N": "99" } });
    world.engine.request("PutItem", &json!({ "TableName": "hookledger-local-accounts", "Item": lots })).expect("a row");
    assert_eq!(sweep(&world, DAY - 1).await, ExpiryReport::default());
    assert_eq!(sweep(&world, DAY).await, ExpiryReport { expired: 2, spent: 1, failed: 1, untried: 0 });
    assert_eq!(sweep(&world, DAY + 300).await, ExpiryReport { failed: 1, ..ExpiryReport::default() });
    let books = world.books();
    books.check();
    let rows = ["alice/credits", "bob/credits", "carol/credits", "dan/credits", "erin/credits"];
    assert_eq!(rows.map(|account| books.balance(account) / 1_000_000_000), [10, 0, 0, 3, 3]);
    assert_eq!(books.journal["expire#carol/credits.1"].change, -3_000_000_000);
    assert!(!books.journal.contains_key("expire#bob/credits.1"), "what was spent expires without an entry");
}

/// What an audit finds in the lots, and the command that repairs it. These payments have no orders, which it finds too.
async fn found_in_lots(ledger: &DynamoLedger, run: &Invocation) -> Vec<(DifferenceKind, String)> {
    let (_, open) = audit::audit(ledger, run).await.expect("an audit");
    let found = open.into_iter().map(|open| (open.difference.difference_kind, open.difference.remedy()));
    found.filter(|(kind, _)| matches!(kind, DifferenceKind::Lots | DifferenceKind::NextExpiry)).collect()
}

/// An attribute of either row is altered, or removed: an account that says nothing of its lots is compared with their row.
#[tokio::test(start_paused = true)]
async fn altered_lots_are_found_and_repaired() {
    let (lots_row, alice) = ("lots#alice/credits", "alice/credits");
    let rows = [
        (lots_row, "SET lots_version = :v", json!({ "N": "7" }), DifferenceKind::Lots),
        (lots_row, "SET lots = :v", json!({ "L": [] }), DifferenceKind::Lots),
        (alice, "SET mark_units = :v", json!({ "N": "99000000000" }), DifferenceKind::Lots),
        (alice, "SET next_expiry = :v", json!({ "S": "2027-01-01T00:00:00.000Z" }), DifferenceKind::NextExpiry),
        (alice, "REMOVE lots_version", json!(null), DifferenceKind::Lots),
        (alice, "REMOVE lots_version, mark_units, next_expiry, expiring", json!(null), DifferenceKind::Lots),
    ];
    for (id, attribute, value, kind) in rows {
        let world = world().await;
        committed(&world, &credit("alice", "more", "1", None), 0).await;
        let (ledger, run) = (world.ledger(1), run_at(2_000, 60));
        assert_eq!(found_in_lots(&ledger, &run).await, vec![], "{attribute}: before");
        let mut update = json!({
            "TableName": "hookledger-local-accounts", "Key": { "id": { "S": id } }, "UpdateExpression": attribute,
        });
        if !value.is_null() {
            update["ExpressionAttributeValues"] = json!({ ":v": value });
        }
        world.engine.request("UpdateItem", &update).expect("altered");
        let repair = "account repair alice/credits --lots".to_owned();
        assert_eq!(found_in_lots(&ledger, &run).await, [(kind, repair)], "{attribute}");
        let by = audit::Signature { id: "r1".to_owned(), author: "ann".to_owned(), reason: "altered".to_owned() };
        let repairs = audit::Repairs { ledger: &ledger, invocation: &run, index_lag: Duration::ZERO };
        let repair = repairs.account(&account("alice"), &audit::AccountRepair::Lots, &by).await.expect("a repair");
        committed(&world, &repair, 0).await;
        assert_eq!(found_in_lots(&ledger, &run).await, vec![], "{attribute}: repaired");
        let settled = lots(&world).await.settled();
        assert_eq!(settled.lots.iter().map(|lot| lot.units).sum::<u128>(), 19_000_000_000, "{attribute}");
        let again = repairs.account(&account("alice"), &audit::AccountRepair::Lots, &by).await;
        assert!(again.is_err(), "{attribute}: nothing is left to repair");
        committed(&world, &spend("alice", "e5", "1"), 0).await;
        world.books().check();
    }
}

/// An account that never had a grant that expires writes what it wrote before lots existed.
#[tokio::test(start_paused = true)]
async fn account_without_dates_has_no_attribute_of_lots() {
    let world = World::new();
    committed(&world, &credit("alice", "top", "10", None), 0).await;
    committed(&world, &spend("alice", "e1", "2"), 0).await;
    committed(&world, &correction("alice", "c1", "3", "top", true), 0).await;
    let scan = world.engine.request("Scan", &json!({ "TableName": "hookledger-local-accounts" })).expect("rows");
    let rows = scan["Items"].as_array().expect("rows");
    let mut names: Vec<&str> = rows[0].as_object().expect("a row").keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!((rows.len(), names), (1, vec!["available_units", "balance_units", "id", "v", "version"]));
}
