//! Several usage events in one request: the outcome of each, faults at every call, requests that overlap, and the replay
//! of what was refused.

mod replays;

use edge::{Invocation, Reply, Service as _};
use fastrand::Rng;
use serde_json::{Value, json};
use testkit::{Books, Fault, World, usage};

use crate::sandbox::{BATCH, SETTLED, Sandbox, comparable, invocation, open_account, signed_to, top_up};

/// `None` if the sandbox died.
async fn deliver(sandbox: &Sandbox, body: &str, invocation: &Invocation) -> Option<Reply> {
    let event = signed_to(BATCH, body);
    tokio::select! {
        biased;
        reply = sandbox.function.answer(&event, invocation) => Some(reply),
        () = sandbox.faults.killed() => None,
    }
}

async fn delivered(world: &World, body: &str, attempt: u64) -> Reply {
    deliver(&Sandbox::faultless(world).await, body, &invocation(attempt)).await.expect("no fault")
}

/// Events in short: `id key cost` or `refund id key cost`, joined by commas.
fn batch(events: &str) -> String {
    let event = |event: &str| match event.split_whitespace().collect::<Vec<_>>().as_slice() {
        [id, key, cost] => usage(id, key, cost).to_string(),
        ["refund", id, key, cost] => {
            let mut refund = usage(id, key, cost);
            refund["eventType"] = json!("refund");
            refund.to_string()
        }
        _ => event.trim().to_owned(),
    };
    format!("[{}]", events.split(',').map(event).collect::<Vec<_>>().join(","))
}

/// The outcomes in short.
fn outcomes(reply: &Reply) -> String {
    let body: Value = serde_json::from_str(&reply.body).expect("JSON");
    let results = body["results"].as_array().unwrap_or_else(|| panic!("no results: {}", reply.body)).iter();
    let word = |result: &Value| {
        let why = result["reason"].as_str().or(result["field"].as_str()).map_or(String::new(), |why| format!(":{why}"));
        format!("{}{why}", result["outcome"].as_str().expect("an outcome"))
    };
    results.map(word).collect::<Vec<_>>().join(" ")
}

async fn world() -> World {
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    open_account(&world, "bob", "k2", "2").await;
    world
}

#[tokio::test(start_paused = true)]
async fn each_event_of_a_batch_has_its_outcome() {
    // The batches, one after the other, with the outcomes of the last; what alice and bob have left.
    let rows: [(&[&str], &str, [i64; 2]); 17] = [
        (&["e1 k1 3, e2 k2 1, e3 k1 4"], "booked booked booked", [3, 1]),
        (&["e1 k1 3, e1 k1 3, e1 k1 4, e1 k1 3"], "booked duplicate conflict duplicate", [7, 2]),
        (
            &["e1 k1 3", "e1 k1 3, e2 k1 1, e3 k2 9, e1 k1 4"],
            "duplicate booked refused:insufficient_credits conflict",
            [6, 2],
        ),
        (
            &["e1 k1 5, e2 k1 7, e3 k1 4, e4 k1 2, e5 k1 1"],
            "booked refused:insufficient_credits booked refused:insufficient_credits booked",
            [0, 2],
        ),
        (&["e1 k1 70, e2 k9 1, e3 k1 7"], "refused:insufficient_credits refused:unknown_key booked", [3, 2]),
        (
            &["e1 k1 -1, e2 k1 1, {}, 7, e3 k1 x"],
            "invalid:data.creditCost booked invalid:eventId invalid:body invalid:data.creditCost",
            [9, 2],
        ),
        (&["{}, {}, e1 k1 1"], "invalid:eventId invalid:eventId booked", [9, 2]),
        (&["e1 k9 1, e1 k9 1, e1 k9 2"], "refused:unknown_key refused:unknown_key conflict", [10, 2]),
        (&["e1 k1 11", "e1 k1 11, e2 k1 10"], "refused:insufficient_credits booked", [0, 2]),
        (&["e1 k1 0, e2 k1 0.000000001"], "booked booked", [9, 2]),
        (&["e1 k1 10, e2 k1 0, e3 k1 1"], "booked booked refused:insufficient_credits", [0, 2]),
        (&["e1 k1 1"], "booked", [9, 2]),
        (&["e1 k1 3, e2 k2 1", "e2 k2 1, e1 k1 3"], "duplicate duplicate", [7, 1]),
        // What is given back, later events can spend.
        (&["e1 k1 11, refund r1 k1 3, e2 k1 13"], "refused:insufficient_credits booked booked", [0, 2]),
        (
            &["refund r1 k1 3, refund r1 k1 3, refund r1 k1 4, r1 k1 3, e1 k2 1"],
            "booked duplicate conflict conflict booked",
            [13, 1],
        ),
        (&["refund r1 k9 3, e1 k1 1, refund r2 k1 1"], "refused:unknown_key booked booked", [10, 2]),
        (&["NaN, null, e1 k1 1, [1]"], "invalid:body invalid:body booked invalid:body", [9, 2]),
    ];
    for (batches, expected, left) in rows {
        let world = world().await;
        let mut last = None;
        for (attempt, events) in (1..).zip(batches) {
            last = Some(delivered(&world, &batch(events), attempt).await);
        }
        let last = last.expect("a reply");
        assert_eq!((last.status, outcomes(&last).as_str()), (200, expected), "{batches:?}");
        let books = world.books();
        books.check();
        let balances = ["alice/credits", "bob/credits"].map(|account| books.balance(account).div_euclid(1_000_000_000));
        assert_eq!(balances, left.map(i128::from), "{batches:?}");
        // Whatever comes again, whole or alone, is answered the same and changes nothing.
        let again = delivered(&world, &batch(batches.last().expect("a batch")), 8).await;
        let repeated = expected.replace("booked", "duplicate");
        assert_eq!((again.status, outcomes(&again)), (200, repeated), "{batches:?}");
        assert_eq!(comparable(world.books()), comparable(books.clone()), "{batches:?}");
        let alone: Vec<&str> = batches.last().expect("a batch").split(',').collect();
        for (n, (event, outcome)) in (20..).zip(alone.iter().zip(expected.split(' '))) {
            let Some(sent) =
                batch(event).strip_prefix('[').and_then(|event| event.strip_suffix(']')).map(str::to_owned)
            else {
                continue;
            };
            let reply = Sandbox::faultless(&world).await.deliver(&sent, &invocation(n)).await.expect("no fault");
            let status = match outcome.split(':').next().unwrap_or_default() {
                "booked" | "duplicate" => 200,
                "conflict" => 409,
                "invalid" => 400,
                _ if outcome.ends_with("unknown_key") => 404,
                _ => 402,
            };
            assert_eq!(reply.status, status, "{event} of {batches:?}: {}", reply.body);
        }
        assert_eq!(world.books().accounts, books.accounts, "{batches:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn body_that_is_no_batch_is_refused_as_a_whole() {
    let many: Vec<String> = (0..101).map(|n| format!("e{n} k1 0.01")).collect();
    let rows = [
        ("{}".to_owned(), 400, "Invalid event: body must be a JSON array"),
        (usage("e1", "k1", "1").to_string(), 400, "Invalid event: body must be a JSON array"),
        ("[{}".to_owned(), 400, "Invalid event: body must be a JSON array"),
        (batch(&many.join(",")), 400, "Invalid event: body has 101 events, more than 100"),
        (format!("[{}]", " ".repeat(256 * 1024)), 413, "Payload too large"),
    ];
    for (body, status, message) in rows {
        let world = world().await;
        let before = world.books();
        let reply = delivered(&world, &body, 1).await;
        assert_eq!((reply.status, crate::sandbox::message(&reply).as_str()), (status, message));
        let books = world.books();
        assert_eq!(books.accounts, before.accounts, "{message}");
        assert_eq!(books.bodies.len(), usize::from(status == 400), "{message}: what is signed is kept");
    }
    let none = delivered(&world().await, "[]", 1).await;
    assert_eq!(
        (none.status, none.body.as_str()),
        (200, r#"{"success":true,"message":"All events processed","results":[]}"#)
    );
}

#[tokio::test(start_paused = true)]
async fn cloud_events_are_the_same_events() {
    let world = world().await;
    let cloud = |id: &str, cost: &str| {
        let data = usage(id, "k1", cost)["data"].clone();
        json!({ "specversion": "1.0", "id": id, "source": "/gateway", "type": "usage", "time": "2026-01-01T00:00:00Z", "data": data })
    };
    let mut other = cloud("e5", "1");
    other["specversion"] = json!("0.3");
    let mut kind = cloud("e6", "1");
    kind["type"] = json!("com.example.refund");
    let mut refund = cloud("r1", "2");
    refund["type"] = json!("refund");
    // The id names the event, whatever its source.
    let mut elsewhere = cloud("e1", "1");
    elsewhere["source"] = json!("/another-gateway");
    let pair = [cloud("e1", "1"), usage("e2", "k1", "1"), usage("e1", "k1", "1"), cloud("e2", "3")];
    let body = json!([&pair[..], &[other, kind, refund, elsewhere]].concat());
    let reply = delivered(&world, &body.to_string(), 1).await;
    assert_eq!(outcomes(&reply), "booked booked duplicate conflict invalid:specversion invalid:type booked duplicate");
    assert_eq!(world.books().balance("alice/credits"), 10_000_000_000);
    let single = Sandbox::faultless(&world).await.deliver(&cloud("e1", "1").to_string(), &invocation(2)).await;
    assert_eq!(crate::sandbox::message(&single.expect("alive")), "Event already processed (idempotent)");
}

#[tokio::test(start_paused = true)]
async fn full_batch_is_booked_in_few_transactions() {
    let world = world().await;
    let events: Vec<String> = (0..100).map(|n| format!("e{n} k{} 0.01", 1 + n % 2)).collect();
    let sandbox = Sandbox::faultless(&world).await;
    let reply = deliver(&sandbox, &batch(&events.join(",")), &invocation(1)).await.expect("alive");
    assert_eq!(outcomes(&reply), ["booked"; 100].join(" "));
    let calls: Vec<String> = sandbox.faults.calls().iter().map(|call| call.operation.clone()).collect();
    assert_eq!(calls, ["GetItem", "GetItem", "TransactWriteItems", "TransactWriteItems"]);
    let books = world.books();
    books.check();
    let left = ["alice/credits", "bob/credits"].map(|account| books.balance(account));
    assert_eq!((left, books.bodies.len()), ([9_500_000_000, 1_500_000_000], 0));
}

/// Batches whose outcomes need each kind of transaction.
const FAULTED: [&str; 6] = [
    "e1 k1 3, e2 k2 1, e3 k1 4",
    "e1 k1 5, e2 k1 7, e3 k2 9, e4 k1 2",
    "e1 k9 1, {}, e2 k1 1, e1 k9 2",
    "booked k1 1, e1 k1 1, booked k1 2, e2 k1 1",
    "e1 k1 90, e1 k1 90, e2 k8 1",
    "e1 k1 90, refund r1 k1 3, e2 k1 12, refund r1 k1 4",
];

/// Delivers until a final answer. Returns the books and the number of calls.
async fn play(events: &str, faults: &[(usize, Fault)]) -> (Books, usize) {
    let world = world().await;
    Sandbox::faultless(&world).await.deliver(&usage("booked", "k1", "1").to_string(), &invocation(90)).await;
    let mut made = 0;
    for attempt in 1..=20 {
        let (from, planned) = (made, faults.to_vec());
        let plan = move |call: usize, _: &str| {
            planned.iter().find(|(at, _)| *at == from + call).map_or(Fault::None, |(_, fault)| *fault)
        };
        let sandbox = Sandbox::new(&world, attempt, plan).await;
        let reply = deliver(&sandbox, &batch(events), &invocation(attempt)).await;
        made += sandbox.faults.calls().len();
        match reply.map(|reply| reply.status) {
            Some(200) => {
                tokio::time::sleep(SETTLED).await;
                return (comparable(world.books()), made);
            }
            None | Some(500 | 503) => {}
            other => panic!("{events}: {faults:?}: {other:?}"),
        }
    }
    panic!("{events}: {faults:?}: never acknowledged");
}

#[tokio::test(start_paused = true)]
async fn fault_at_any_call_gives_the_same_ledger() {
    for events in FAULTED {
        let (expected, calls) = play(events, &[]).await;
        for (call, fault) in (0..=calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
            assert_eq!(play(events, &[(call, fault)]).await.0, expected, "{events}: {fault:?} at call {call}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn faults_in_a_row_give_the_same_ledger() {
    for events in FAULTED.into_iter().take(2) {
        let (expected, calls) = play(events, &[]).await;
        for (first, second) in Fault::ALL.iter().flat_map(|first| Fault::ALL.map(|second| (*first, second))) {
            for call in 0..calls {
                let (books, _) = play(events, &[(call, first), (call + 1, second)]).await;
                assert_eq!(books, expected, "{events}: {first:?} and {second:?} from call {call}");
            }
        }
    }
}

/// A time-out is no answer: the rows of the transaction name the attempt that wrote them.
#[tokio::test(start_paused = true)]
async fn lost_answer_is_recognised_by_the_mark() {
    for fault in [Fault::DropResponse, Fault::Reset, Fault::Garbage, Fault::ServerErrorApplied] {
        for (events, call, expected) in [
            ("e1 k1 3, e2 k2 1", 2, "booked booked"),
            ("e1 k1 30, e2 k1 70", 2, "refused:insufficient_credits refused:insufficient_credits"),
        ] {
            let world = world().await;
            let plan = move |number, _: &str| if number == call { fault } else { Fault::None };
            let sandbox = Sandbox::new(&world, 1, plan).await;
            let reply = deliver(&sandbox, &batch(events), &invocation(1)).await.expect("alive");
            assert_eq!((reply.status, outcomes(&reply).as_str()), (200, expected), "{fault:?}");
            assert!(
                world
                    .books()
                    .journal
                    .iter()
                    .filter(|(id, _)| id.starts_with("usage#"))
                    .all(|(_, row)| row.attempts == 1)
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn unavailable_store_is_not_acknowledged() {
    for fault in [Fault::DropRequest, Fault::Throttle, Fault::ServerError] {
        let world = world().await;
        let before = world.books();
        let sandbox = Sandbox::new(&world, 5, move |_, _| fault).await;
        let reply = deliver(&sandbox, &batch("e1 k1 1, e2 k2 1, {}"), &invocation(1)).await.expect("alive");
        assert_eq!(
            (reply.status, outcomes(&reply).as_str()),
            (503, "unavailable unavailable unavailable"),
            "{fault:?}"
        );
        assert!(reply.headers.iter().any(|(name, _)| *name == "retry-after"));
        assert_eq!(world.books(), before, "{fault:?}");
    }
}

/// Two gateways send batches that overlap, and single events, while the store fails: each event is booked once, and no
/// account beyond what it has.
#[tokio::test(start_paused = true)]
async fn overlapping_batches_book_each_event_once() {
    for seed in 0..40 {
        let mut rng = Rng::with_seed(seed);
        let world = world().await;
        let event = |n: usize| format!("e{n} k{} {}", 1 + n % 2, 1 + n % 3);
        let part = |rng: &mut Rng| {
            let mut events: Vec<String> = (0..8).map(event).collect();
            rng.shuffle(&mut events);
            events.truncate(rng.usize(1..=8));
            batch(&events.join(","))
        };
        let bodies: Vec<String> = (0..4).map(|_| part(&mut rng)).collect();
        let senders = bodies.iter().zip(1_u64..).map(|(body, sender)| {
            let (world, mut rng) = (world.clone(), rng.fork());
            async move {
                for attempt in 0..20 {
                    let sandbox = Sandbox::unlucky(&world, &mut rng).await;
                    let reply = deliver(&sandbox, body, &invocation(sender * 100 + attempt)).await;
                    if reply.is_some_and(|reply| reply.status == 200) {
                        return;
                    }
                }
                // The faults end at last.
                let reply = delivered(&world, body, sender * 100 + 99).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
            }
        });
        futures_util::future::join_all(senders).await;
        tokio::time::sleep(SETTLED).await;
        let books = world.books();
        books.check();
        assert!(books.accounts.values().all(|account| account.available >= 0), "seed {seed}");
        let sent = (0..8).map(event).filter(|event| {
            let id = event.split(' ').next().unwrap_or_default();
            bodies.iter().any(|body| body.contains(&format!("\"{id}\"")))
        });
        let kept = books.journal.keys().filter(|id| id.starts_with("usage#")).count();
        assert_eq!(kept, sent.count(), "seed {seed}: each event has one row");
        top_up(&world, "more", "alice", "100").await;
        top_up(&world, "more-bob", "bob", "100").await;
        for (body, attempt) in bodies.iter().zip(5_000..) {
            assert!(!outcomes(&delivered(&world, body, attempt).await).contains("refused"), "seed {seed}");
        }
        world.books().check();
    }
}
