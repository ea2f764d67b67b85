//! The credits API at the edge: who sees what, an account as it is shown, and a statement by page.

mod callers;
mod changes;
mod codes;
mod held_keys;
mod holds;
mod keys;
mod orders;
mod owners;
pub(crate) mod rates;
mod redeem;
mod reversals;
mod sold;
mod statements;
mod uses;

use std::sync::atomic::{AtomicU64, Ordering};

use api::Function;
use credits::Credits;
use edge::{Reply, Service as _};
use idempotency::DynamoLedger;
use ledger::{
    Decision, Effect, Entry, EventKey, Fingerprint, Guard, Holds as _, House, JournalHeader, MoneyKey, Movement,
    Posting, Source, Timestamp, Writer,
};
use serde_json::{Value, json};
use testkit::{Books, Fault, Sent, Shape, World, api_key, context, now, revoke_service_key, service_key};

use crate::holds::hold_of;
use crate::lots::{DAY, account, committed, credit, plans, spend, until, without_attempts};
use crate::policies::runs;
use crate::sandbox::{SETTLED, amount, invocation, moment_at};

static ATTEMPTS: AtomicU64 = AtomicU64::new(1_000);

/// A world with the owners alice and bob, who have credits and keys, and carol, who has a key alone; and with service keys.
async fn world() -> World {
    let world = World::new();
    let ledger = world.ledger(0);
    for owner in ["alice", "bob", "carol"] {
        api_key(&ledger, owner, &format!("key-of-{owner}")).await;
    }
    for scopes in ["read", "grant", "spend", "orders", "keys", "admin"] {
        service_key(&ledger, scopes, scopes).await;
    }
    service_key(&ledger, "old", "read,admin").await;
    revoke_service_key(&ledger, "old").await;
    committed(&world, &topped_up("alice", "c1", "10"), 0).await;
    committed(&world, &topped_up("bob", "c2", "5"), 0).await;
    world
}

/// A credit by hand: `manual#<id>` of the kind `credit`.
fn topped_up(owner: &str, id: &str, sum: &str) -> Decision {
    let posting = Posting::to_customer(account(owner), House::Manual, amount(sum));
    booked(EventKey::new(Writer::Manual, id).expect("an id"), "credit", posting)
}

/// A usage event: `usage#<id>` of the kind `usage`.
pub(crate) fn used(owner: &str, id: &str, sum: &str) -> Decision {
    let posting = Posting::from_customer(account(owner), House::Usage, amount(sum));
    booked(EventKey::new(Source::Usage, id).expect("an id"), "usage", posting)
}

fn booked(receipt: EventKey, kind: &'static str, posting: Posting) -> Decision {
    let key = MoneyKey::of_event(&receipt);
    let movement = Movement { key, posting, guard: Guard::Always, reverses: None, lots: Vec::new() };
    let header = JournalHeader {
        fingerprints: Fingerprint::of(1, &[("id", receipt.as_str())]).into(),
        receipt,
        writer: Source::Usage.into(),
        kind,
        facts: vec![],
        order: None,
    };
    Decision::Record(Entry { header, effects: vec![Effect::Move(movement)], keeps_body: false, alarm: None })
}

fn function(ledger: DynamoLedger) -> Function<Credits, DynamoLedger> {
    Function { api: runs::credits(), ledger }
}

fn get<'r>(path: &'r str, query: &'r str, key: &str) -> Sent<'r> {
    Sent::get(path, query).with("authorization", format!("Bearer {key}"))
}

async fn at(world: &World, sent: Sent<'_>, time: Timestamp) -> Reply {
    // Each request has a mark of its own.
    let attempt = ATTEMPTS.fetch_add(1, Ordering::Relaxed);
    function(world.ledger(attempt)).answer(&sent.event(Shape::HttpApi), &moment_at(attempt, time)).await
}

async fn shown(world: &World, path: &str, query: &str, key: &str, time: Timestamp) -> Value {
    let reply = at(world, get(path, query, key), time).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    serde_json::from_str(&reply.body).expect("JSON")
}

/// Each fault at each call, and the same request again: the books are those of one request.
async fn fault_leaves_one(
    made: impl AsyncFn() -> World,
    request: impl Fn() -> Sent<'static>,
    status: u16,
    calls: usize,
) {
    let run = async |plan: Vec<(usize, Fault)>| -> (Books, usize) {
        let world = made().await;
        let planned = move |call: usize, _: &str| {
            plan.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault)
        };
        let (ledger, faults) = world.faulty(7, planned);
        let function = function(ledger);
        let event = request().event(Shape::HttpApi);
        let invocation = invocation(1);
        let reply = tokio::select! {
            biased;
            reply = function.answer(&event, &invocation) => Some(reply),
            () = faults.killed() => None,
        };
        let calls = faults.calls().len();
        tokio::time::sleep(SETTLED).await;
        assert!(reply.is_none_or(|reply| [status, 503].contains(&reply.status)));
        let again = at(&world, request(), now()).await;
        assert_eq!(again.status, status, "{}", again.body);
        let books = without_attempts(world.books());
        books.check();
        (books, calls)
    };
    let (expected, counted) = run(vec![]).await;
    assert_eq!(counted, calls);
    for plan in plans(calls) {
        assert_eq!(run(plan.clone()).await.0, expected, "{plan:?}");
    }
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

#[tokio::test(start_paused = true)]
async fn account_shows_what_can_be_spent() {
    let world = world().await;
    let plain = shown(&world, "/v1/account", "", "key-of-alice", now()).await;
    let expected = json!({
        "account": "alice/credits", "owner": "alice", "asset": "credits", "balance": "10", "available": "10",
        "held": "0", "owed": "0", "policy": "prepaid", "overdraft": "0", "lots": [],
    });
    assert_eq!(plain, expected);
    // A key without an account has nothing yet, also of another asset.
    for (query, asset) in [("", "credits"), ("asset=commission-usd", "commission-usd"), ("asset=POSX", "POSX")] {
        let account = shown(&world, "/v1/account", query, "key-of-carol", now()).await;
        let nothing = ["balance", "available", "held", "owed"].map(|name| account[name].clone());
        assert_eq!((account["asset"].as_str(), nothing), (Some(asset), ["0", "0", "0", "0"].map(Value::from)));
    }

    committed(&world, &credit("alice", "g1", "4", Some(until(DAY))), 0).await;
    committed(&world, &spend("alice", "s1", "1"), 0).await;
    world.ledger(0).open_hold(&hold_of("alice", "h1", "2", None, None), &context(3)).await.expect("held");
    let account = shown(&world, "/v1/accounts/alice", "", "hs_read", now()).await;
    let numbers = ["balance", "available", "held", "owed"].map(|name| account[name].as_str().expect("a text"));
    assert_eq!(numbers, ["13", "11", "2", "0"]);
    let lots = json!([
        { "remaining": "3", "kind": "paid", "priority": 5, "expiresAt": now().plus_seconds(DAY).to_string() },
        { "remaining": "10", "kind": "paid", "priority": 5 },
    ]);
    assert_eq!(account["lots"], lots);
    // Past its date, what no hold covers is shown as spent, though no one has expired it yet.
    let later = shown(&world, "/v1/account", "", "key-of-alice", now().plus_seconds(2 * DAY)).await;
    let numbers = ["balance", "available", "held"].map(|name| later[name].as_str().expect("a text"));
    assert_eq!(numbers, ["12", "10", "2"]);
    assert_eq!(later["lots"].as_array().map(Vec::len), Some(2), "{later}");
}

#[tokio::test(start_paused = true)]
async fn debt_is_shown_as_owed() {
    let world = world().await;
    let hold = hold_of("bob", "h1", "1", None, None);
    world.ledger(0).open_hold(&hold, &context(3)).await.expect("held");
    world.ledger(0).close_hold(&hold, &crate::holds::settle("7.5"), &context(4)).await.expect("settled");
    let account = shown(&world, "/v1/account", "", "key-of-bob", now()).await;
    let numbers = ["balance", "available", "held", "owed"].map(|name| account[name].as_str().expect("a text"));
    assert_eq!(numbers, ["-2.5", "-2.5", "0", "2.5"]);
}

/// Whatever fails: the answer, or 503, and nothing is written.
#[tokio::test(start_paused = true)]
async fn fault_at_any_call_gives_the_answer_or_503() {
    let paths = [
        ("/v1/account", ""),
        ("/v1/account", "include=budgets"),
        ("/v1/accounts/alice", ""),
        ("/v1/accounts/alice/statement", ""),
    ];
    for (path, query) in paths {
        let faultless = world().await;
        let expected = at(&faultless, get(path, query, "key-of-alice"), now()).await;
        assert_eq!(expected.status, 200, "{}", expected.body);
        let before = faultless.books();
        for fault in Fault::ALL {
            for call in 0..5 {
                let (ledger, faults) = faultless.faulty(1, move |at, _| if at == call { fault } else { Fault::None });
                let function = function(ledger);
                let event = get(path, query, "key-of-alice").event(Shape::HttpApi);
                let invocation = invocation(2);
                let reply = tokio::select! {
                    biased;
                    reply = function.answer(&event, &invocation) => Some(reply),
                    () = faults.killed() => None,
                };
                if let Some(reply) = reply {
                    let is_given = (reply.status, &reply.body) == (200, &expected.body);
                    let is_unavailable = reply.status == 503 && header(&reply, "retry-after") == Some("2");
                    assert!(is_given || is_unavailable, "{path}, {fault:?} at {call}: {} {}", reply.status, reply.body);
                }
                assert_eq!(faultless.books(), before, "{path}, {fault:?} at {call}");
            }
        }
    }
}

/// An account takes a read of the key and two rows at once; a page of the statement one query. A warm function remembers
/// the key.
#[tokio::test(start_paused = true)]
async fn reads_cost_the_calls_that_the_documentation_states() {
    let world = world().await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let function = function(ledger);
    let rows = [
        ("/v1/account", "key-of-alice", vec!["GetItem", "BatchGetItem"]),
        ("/v1/account?include=budgets", "key-of-alice", vec!["BatchGetItem", "Query", "BatchGetItem"]),
        ("/v1/account", "key-of-alice", vec!["BatchGetItem"]),
        ("/v1/accounts/bob", "hs_read", vec!["GetItem", "BatchGetItem"]),
        ("/v1/accounts/bob/statement", "hs_read", vec!["Query"]),
        ("/v1/accounts/alice", "key-of-bob", vec!["GetItem"]),
        ("/v1/accounts/alice/statement", "key-of-bob", vec![]),
    ];
    let mut made = 0;
    for (path, key, expected) in rows {
        let (name, query) = path.split_once('?').unwrap_or((path, ""));
        function.answer(&get(name, query, key).event(Shape::HttpApi), &invocation(1)).await;
        let calls = faults.calls();
        let new: Vec<&str> = calls[made..].iter().map(|call| call.operation.as_str()).collect();
        assert_eq!(new, expected, "{path} by {key}");
        made = calls.len();
    }
}
