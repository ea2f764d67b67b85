//! Members of a team, on DynamoDB: every fault at every call, who pays for an event that is late, and members who join
//! in a circle at the same moment.

use std::time::Duration;

use edge::Worker as _;
use ledger::{
    AtExpiry, BoundKey, Budget, CallerKey, CommitError, Committed, Decision, Draw, Draws, Effect, Entry, EventKey,
    Fingerprint, Hold, HoldId, HoldTerms, Holds as _, JournalHeader, Ledger, Limits, MemberChange, MemberError, Owner,
    Timestamp, Writer, Zone,
};
use serde_json::{Value, json};
use testkit::{World, now, usage};

use crate::holds::settle;
use crate::lots::{account, later, spend};
use crate::sandbox::{Sandbox, amount, by_hand, message, moment_at, open_account, top_up};
use crate::stripe::{self as of_stripe, REFUSED, run_at};

mod audited;
mod circles;
mod faults;
mod held;
mod races;
mod schedules;

const ONE: i128 = 1_000_000_000;
const MINUTE: i64 = 60;
const BOOKED: &str = "Event processed successfully";

pub(crate) fn owner(name: &str) -> Owner {
    Owner::new(name).expect("an owner")
}

pub(crate) fn key(name: &str) -> CallerKey {
    CallerKey::remote(name).expect("a key")
}

fn at(seconds: i64) -> Timestamp {
    now().plus_seconds(seconds)
}

fn budget(day: &str) -> Budget {
    Budget { zone: Zone::default(), limits: Limits { day: Some(amount(day)), month: None, total: None } }
}

/// The key as it is after these periods: the team, its first second, and the one after its last.
fn bound(of: &str, budget: Option<Budget>, periods: &[(&str, i64, Option<i64>)]) -> BoundKey {
    let draw = |(team, since, until): &(&str, i64, Option<i64>)| Draw {
        payer: owner(team),
        since: at(*since),
        until: until.map(at),
    };
    let draws = Draws::new(periods.iter().map(draw).collect()).expect("in order");
    BoundKey { budget: Ok(budget), draws, ..BoundKey::of(owner(of)) }
}

pub(crate) fn entry(id: &str, effect: Effect) -> Decision {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, id).expect("an id"),
        writer: Writer::Manual,
        kind: "join_team",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: None,
    };
    Decision::Record(Entry { header, effects: vec![effect], keeps_body: false, alarm: None })
}

fn joins(name: &str, bound: &BoundKey, team: &str, limit: Option<Budget>, seconds: i64) -> Effect {
    let change = MemberChange::join(&key(name), bound, &owner(team), limit, at(seconds));
    Effect::Member(Box::new(change.expect("a change")))
}

fn leaves(name: &str, bound: &BoundKey, team: &str, seconds: i64) -> Effect {
    Effect::Member(Box::new(MemberChange::leave(&key(name), bound, &owner(team), at(seconds)).expect("a change")))
}

/// The team has 20 credits and the key k9, alice the key k1 and 5 credits, and bob the key k2 and nothing.
pub(crate) async fn world() -> World {
    let world = World::new();
    open_account(&world, "team", "k9", "20").await;
    open_account(&world, "alice", "k1", "5").await;
    by_hand(&world, "key-k2", vec![Effect::Bind { key: key("k2"), owner: owner("bob") }]).await;
    world
}

/// Over the key as it is stored.
pub(crate) async fn join(world: &World, id: &str, name: &str, team: &str, seconds: i64) {
    let bound = world.ledger(0).stored_key(&key(name), &later(0, seconds)).await.expect("a row").expect("bound");
    let done = world.ledger(0).commit(&entry(id, joins(name, &bound, team, None, seconds)), &later(0, seconds)).await;
    done.expect("a member");
}

async fn leave(world: &World, id: &str, name: &str, team: &str, seconds: i64) {
    let bound = world.ledger(0).stored_key(&key(name), &later(0, seconds)).await.expect("a row").expect("bound");
    let done = world.ledger(0).commit(&entry(id, leaves(name, &bound, team, seconds)), &later(0, seconds)).await;
    done.expect("no member any more");
}

/// Alice's key joins the team, leaves it, joins again, and is revoked.
pub(crate) fn changes() -> [Decision; 4] {
    let none = bound("alice", None, &[]);
    let member = bound("alice", Some(budget("3")), &[("team", 0, None)]);
    let left = bound("alice", Some(budget("3")), &[("team", 0, Some(120))]);
    let again = bound("alice", Some(budget("3")), &[("team", 0, Some(120)), ("team", 120, None)]);
    [
        entry("c1", joins("k1", &none, "team", Some(budget("3")), 0)),
        entry("c2", leaves("k1", &member, "team", 120)),
        entry("c3", joins("k1", &left, "team", Some(budget("3")), 120)),
        entry("c4", Effect::Revoke { key: key("k1"), owner: owner("alice"), draws: again.draws }),
    ]
}

/// A use of alice's key while the team pays, without its budget: what that costs has paths of its own.
pub(crate) async fn used<L: Ledger>(ledger: &L, id: &str, attempt: u64) -> Result<Committed, CommitError> {
    let context = later(attempt, 60);
    let bound = ledger.key(&key("k1"), &context).await?.expect("a key");
    let payer = bound.used(&key("k1"), at(60), at(60)).payer;
    ledger.commit(&spend(payer.as_str(), id, "1"), &context).await
}

/// A hold of alice's key, at a time at which the team pays.
pub(crate) fn hold(id: &str, sum: &str) -> Hold {
    let terms = HoldTerms {
        account: account("alice"),
        amount: amount(sum),
        usage: None,
        ttl_seconds: 600,
        at_expiry: AtExpiry::Release,
        note: None,
    };
    let hold = Hold::new(HoldId::new(id).expect("an id"), terms, now()).expect("terms");
    hold.for_key(&key("k1"), bound("alice", None, &[("team", 0, None)])).expect("terms")
}

/// A usage event that was sent so many seconds later.
pub(crate) fn body(id: &str, name: &str, cost: &str, sent: i64) -> String {
    let mut body: Value = usage(id, name, cost);
    body["timestamp"] = json!(at(sent).unix_s());
    body.to_string()
}

fn balances(world: &World) -> [i128; 2] {
    let books = world.books();
    books.check();
    ["team/credits", "alice/credits"].map(|account| books.balance(account))
}

/// Alice's key is bound in the tenth minute, joins in the twentieth, and leaves in the fortieth. Whenever an event is
/// delivered, and however often, the one pays who paid when it was sent.
#[tokio::test(start_paused = true)]
async fn event_is_paid_by_who_paid_when_it_was_sent_whenever_it_is_delivered() {
    let sent = [(5, false), (15, false), (19, false), (20, true), (30, true), (39, true), (40, false), (50, false)];
    for (sent, is_of_team) in sent {
        for delivered in [0, 1, 8, 18, 25, 45, 400].map(|later| sent + later) {
            let world = World::new();
            top_up(&world, "team", "team", "10").await;
            top_up(&world, "alice", "alice", "10").await;
            let mut deliveries = vec![delivered, delivered + 3, 600];
            for minute in [10, 20, 40, 601] {
                for delivery in deliveries.extract_if(.., |delivery| *delivery < minute) {
                    let moment = moment_at(u64::try_from(delivery).expect("small"), at(delivery * MINUTE));
                    let sandbox = Sandbox::faultless(&world).await;
                    sandbox.deliver(&body("e1", "k1", "2", sent * MINUTE), &moment).await.expect("alive");
                }
                match minute {
                    10 => {
                        by_hand(&world, "key", vec![Effect::Bind { key: key("k1"), owner: owner("alice") }]).await;
                    }
                    20 => join(&world, "j1", "k1", "team", minute * MINUTE).await,
                    40 => leave(&world, "l1", "k1", "team", minute * MINUTE).await,
                    _ => {}
                }
            }
            let expected = if is_of_team { [8 * ONE, 10 * ONE] } else { [10 * ONE, 8 * ONE] };
            assert_eq!(balances(&world), expected, "sent at {sent}, delivered at {delivered}");
        }
    }
}

/// What the team cannot pay waits in the team's lane, and the team pays for it although the member has left.
#[tokio::test(start_paused = true)]
async fn refused_use_is_paid_by_the_team_that_it_was_refused_for() {
    let world = world().await;
    join(&world, "j1", "k1", "team", 0).await;
    let sandbox = Sandbox::faultless(&world).await;
    let reply = sandbox.deliver(&body("e1", "k1", "21", MINUTE), &moment_at(1, at(MINUTE))).await.expect("alive");
    assert_eq!(reply.status, 402);
    leave(&world, "l1", "k1", "team", 2 * MINUTE).await;
    top_up(&world, "more", "team", "1").await;
    let run = run_at(99, 10 * MINUTE);
    of_stripe::reconcile(world.ledger(0), &[]).work(REFUSED, &run).await.expect("a run");
    assert_eq!(balances(&world), [0, 5 * ONE]);
}

/// A clock that is ahead names no payer of tomorrow.
#[tokio::test(start_paused = true)]
async fn sender_whose_clock_is_ahead_chooses_no_payer() {
    let world = world().await;
    let sandbox = Sandbox::faultless(&world).await;
    sandbox.deliver(&body("e1", "k1", "1", 30 * MINUTE), &moment_at(1, at(MINUTE))).await.expect("alive");
    join(&world, "j1", "k1", "team", 10 * MINUTE).await;
    let cold = Sandbox::faultless(&world).await;
    cold.deliver(&body("e1", "k1", "1", 30 * MINUTE), &moment_at(2, at(31 * MINUTE))).await.expect("alive");
    assert_eq!(balances(&world), [20 * ONE, 4 * ONE]);
}

/// Who pays is no part of the fingerprint: after each change the same event is a repeat, and another cost a conflict.
#[tokio::test(start_paused = true)]
async fn event_is_the_same_after_a_change_of_members() {
    let world = world().await;
    join(&world, "j1", "k1", "team", 0).await;
    let mut attempt = 0;
    let mut delivered = async |world: &World, cost: &str, minutes: i64| {
        attempt += 1;
        let moment = moment_at(attempt, at(minutes * MINUTE));
        Sandbox::faultless(world).await.deliver(&body("e1", "k1", cost, MINUTE), &moment).await.expect("alive").status
    };
    assert_eq!(delivered(&world, "2", 1).await, 200);
    leave(&world, "l1", "k1", "team", 2 * MINUTE).await;
    assert_eq!(delivered(&world, "2", 3).await, 200);
    assert_eq!(delivered(&world, "3", 3).await, 409);
    join(&world, "j2", "k1", "bob", 4 * MINUTE).await;
    assert_eq!(delivered(&world, "2.0", 5).await, 200);
    assert_eq!(balances(&world), [18 * ONE, 5 * ONE]);
    let row = world
        .engine
        .request("GetItem", &json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": "usage#e1" } } }));
    let facts = row.expect("a row")["Item"]["facts"]["M"].clone();
    assert_eq!((&facts["member"]["S"], &facts["key"]["S"]), (&json!("alice"), &json!("k1")));
}

/// A warm function charges the former payer for at most a minute.
#[tokio::test(start_paused = true)]
async fn change_of_members_acts_within_a_minute() {
    let world = world().await;
    let sandbox = Sandbox::faultless(&world).await;
    let rows = [(0, [20, 4]), (59, [20, 3]), (60, [19, 3]), (119, [18, 3]), (120, [18, 2])];
    for (attempt, (seconds, expected)) in (1..).zip(rows) {
        match attempt {
            2 => join(&world, "j1", "k1", "team", 1).await,
            4 => leave(&world, "l1", "k1", "team", 61).await,
            _ => {}
        }
        let body = body(&format!("e{attempt}"), "k1", "1", seconds);
        let reply = sandbox.deliver(&body, &moment_at(attempt, at(seconds))).await.expect("alive");
        assert_eq!(message(&reply), BOOKED, "{seconds}");
        assert_eq!(balances(&world), expected.map(|credits| credits * ONE), "{seconds}");
    }
}

/// Over periods that cannot be read nothing is booked: they decide who pays.
#[tokio::test(start_paused = true)]
async fn damaged_periods_book_nothing() {
    let period = |since: &str, until: Option<&str>| {
        let mut fields = json!({ "payer": { "S": "team" }, "since": { "S": since } });
        if let Some(until) = until {
            fields["until"] = json!({ "S": until });
        }
        json!({ "M": fields })
    };
    let (one, two) = ("2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z");
    let rows = [
        ("a text", json!({ "S": "team" })),
        ("a list of texts", json!({ "L": [{ "S": "team" }] })),
        ("no payer", json!({ "L": [{ "M": { "since": { "S": one } } }] })),
        ("no owner", json!({ "L": [{ "M": { "since": { "S": one }, "payer": { "S": "a/b" } } }] })),
        ("no time", json!({ "L": [period("yesterday", None)] })),
        ("an end before its start", json!({ "L": [period(two, Some(one))] })),
        ("two that overlap", json!({ "L": [period(one, Some(two)), period(one, None)] })),
        ("one after one that lasts", json!({ "L": [period(one, None), period(two, None)] })),
    ];
    for (name, draws) in rows {
        let world = world().await;
        let update = json!({
            "TableName": "hookledger-local-accounts", "Key": { "id": { "S": "key#remote#k1" } },
            "UpdateExpression": "SET draws = :draws", "ExpressionAttributeValues": { ":draws": draws },
        });
        world.engine.request("UpdateItem", &update).expect("written");
        let sandbox = Sandbox::faultless(&world).await;
        let reply = sandbox.deliver(&body("e1", "k1", "1", MINUTE), &moment_at(1, at(MINUTE))).await.expect("alive");
        assert_eq!(reply.status, 503, "{name}");
        let get = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": "usage#e1" } } });
        let row = world.engine.request("GetItem", &get).expect("an answer");
        assert_eq!(row.get("Item"), None, "{name}");
    }
}

/// Why a key does not join or leave, before anything is written.
#[test]
fn wrong_changes_are_refused() {
    let join = |of: &BoundKey, team: &str| MemberChange::join(&key("k1"), of, &owner(team), None, at(100)).err();
    let leave = |of: &BoundKey, team: &str| MemberChange::leave(&key("k1"), of, &owner(team), at(100)).err();
    let (none, member) = (bound("alice", None, &[]), bound("alice", None, &[("team", 0, None)]));
    let left = bound("alice", None, &[("team", 0, Some(50))]);
    let often: Vec<(&str, i64, Option<i64>)> = (0..32).map(|number| ("team", number, Some(number + 1))).collect();
    assert_eq!(join(&none, "alice"), Some(MemberError::Oneself));
    assert_eq!(join(&none, "team"), None);
    assert_eq!(join(&member, "team"), Some(MemberError::Member(owner("team"))));
    assert_eq!(join(&member, "other"), Some(MemberError::Member(owner("team"))));
    assert_eq!(join(&left, "other"), None);
    assert_eq!(join(&bound("alice", None, &often), "other"), Some(MemberError::TooOften));
    assert_eq!(leave(&none, "team"), Some(MemberError::NoMember));
    assert_eq!(leave(&left, "team"), Some(MemberError::NoMember));
    assert_eq!(leave(&member, "other"), Some(MemberError::NoMember));
    assert_eq!(leave(&member, "team"), None);
}

/// Gateways report in seconds.
#[test]
fn period_begins_and_ends_with_its_second() {
    let ms = |ms: i64| Timestamp::from_unix_ms(now().unix_s() * 1_000 + ms).expect("a time");
    let join = MemberChange::join(&key("k1"), &bound("alice", None, &[]), &owner("team"), None, ms(5_900));
    let member = BoundKey { draws: join.expect("a change").to, ..bound("alice", None, &[]) };
    assert_eq!(member, bound("alice", None, &[("team", 5, None)]));
    let leave = MemberChange::leave(&key("k1"), &member, &owner("team"), ms(7_001)).expect("a change");
    assert_eq!(leave.to, bound("alice", None, &[("team", 5, Some(7))]).draws);
}

/// A clock that is behind the last change neither overlaps its period nor ends one before it began. Old periods go.
#[test]
fn periods_stay_in_order_whatever_the_clocks_say() {
    let joined = |of: &BoundKey, seconds: i64| {
        MemberChange::join(&key("k1"), of, &owner("team"), None, at(seconds)).expect("a change").to
    };
    let left = bound("alice", None, &[("team", 0, Some(50))]);
    let expected = bound("alice", None, &[("team", 0, Some(50)), ("team", 50, None)]).draws;
    assert_eq!(joined(&left, 20), expected);
    let member = bound("alice", None, &[("team", 50, None)]);
    let change = MemberChange::leave(&key("k1"), &member, &owner("team"), at(20)).expect("a change");
    assert_eq!(change.to, bound("alice", None, &[("team", 50, Some(50))]).draws);
    let later = 50 + 400 * 24 * 60 * MINUTE;
    assert_eq!(joined(&left, later - 1).all().len(), 2);
    assert_eq!(joined(&left, later), bound("alice", None, &[("team", later, None)]).draws);
}

/// What is held for a member is the team's, before and after she leaves.
#[tokio::test(start_paused = true)]
async fn hold_of_a_member_is_charged_to_the_team() {
    let world = world().await;
    join(&world, "j1", "k1", "team", 0).await;
    let ledger = world.ledger(1);
    let (first, second) = (hold("h1", "5"), hold("h2", "5"));
    for hold in [&first, &second] {
        ledger.open_hold(hold, &later(1, MINUTE)).await.expect("open");
    }
    ledger.close_hold(&first, &settle("3"), &later(2, MINUTE)).await.expect("settled");
    ledger.commit(&spend("team", "e1", "1"), &later(3, MINUTE)).await.expect("booked");
    leave(&world, "l1", "k1", "team", 2 * MINUTE).await;
    ledger.close_hold(&second, &settle("4"), &later(4, 3 * MINUTE)).await.expect("settled");
    assert_eq!(balances(&world), [12 * ONE, 5 * ONE]);
}
