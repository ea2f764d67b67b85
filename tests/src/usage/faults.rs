//! Fault injection: every single fault and every two at every call of the usage path. After the sender's retries, balance and journal
//! equal those of a run without faults.

use std::collections::BTreeMap;

use testkit::{Books, Fault, Row, World, usage};

use crate::sandbox::{SETTLED, Sandbox, invocation, message, open_account, top_up};

/// More than any scenario needs, and few enough that a scenario without an end fails.
const TRIES_MAX: u64 = 12;

/// A delivery, the ledger before it, and its final reply.
struct Scenario {
    name: &'static str,
    credits: &'static str,
    /// Delivered before, without faults.
    before: &'static [(&'static str, &'static str, &'static str)],
    event: (&'static str, &'static str, &'static str),
    ends: (u16, &'static str),
}

const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "a fresh event",
        credits: "10",
        before: &[],
        event: ("e1", "k1", "3"),
        ends: (200, "Event processed successfully"),
    },
    Scenario {
        name: "the last credit",
        credits: "3",
        before: &[],
        event: ("e1", "k1", "3"),
        ends: (200, "Event processed successfully"),
    },
    Scenario {
        name: "a repeat to a cold sandbox",
        credits: "10",
        before: &[("e1", "k1", "3")],
        event: ("e1", "k1", "3"),
        ends: (200, "Event already processed (idempotent)"),
    },
    Scenario {
        name: "too few credits",
        credits: "2",
        before: &[],
        event: ("e1", "k1", "3"),
        ends: (402, "Insufficient credits"),
    },
    Scenario {
        name: "an unknown key",
        credits: "2",
        before: &[],
        event: ("e1", "k9", "3"),
        ends: (404, "Unknown remoteKeyId"),
    },
    Scenario {
        name: "other facts under a used id",
        credits: "10",
        before: &[("e1", "k1", "3")],
        event: ("e1", "k1", "4"),
        ends: (409, "Event id already used with different data"),
    },
    Scenario {
        name: "a body that cannot be parsed",
        credits: "10",
        before: &[],
        event: ("e1", "k1", "-4"),
        ends: (400, "Invalid event: data.creditCost must not be negative"),
    },
];

#[tokio::test(start_paused = true)]
async fn single_fault_at_any_call_gives_the_same_ledger() {
    for scenario in SCENARIOS {
        let (expected, calls) = play(scenario, &[]).await;
        for fault in Fault::ALL {
            for call in 0..=calls {
                let (books, _) = play(scenario, &[(call, fault)]).await;
                assert_eq!(books, expected, "{}: {fault:?} at call {call}", scenario.name);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn two_faults_in_a_row_give_the_same_ledger() {
    for scenario in SCENARIOS {
        let (expected, calls) = play(scenario, &[]).await;
        for (first, second) in Fault::ALL.iter().flat_map(|first| Fault::ALL.map(|second| (*first, second))) {
            for call in 0..calls {
                let (books, _) = play(scenario, &[(call, first), (call + 1, second)]).await;
                assert_eq!(books, expected, "{}: {first:?} and {second:?} from call {call}", scenario.name);
            }
        }
    }
}

/// Delivers until the final reply. Returns the ledger and the number of calls.
async fn play(scenario: &Scenario, faults: &[(usize, Fault)]) -> (BTreeMap<String, Row>, usize) {
    let world = World::new();
    open_account(&world, "alice", "k1", scenario.credits).await;
    for (id, key, cost) in scenario.before {
        let reply = Sandbox::faultless(&world).await.deliver(&usage(id, key, cost).to_string(), &invocation(90)).await;
        assert_eq!(reply.map(|reply| reply.status), Some(200));
    }
    let (id, key, cost) = scenario.event;
    let body = usage(id, key, cost).to_string();
    let faults: BTreeMap<usize, Fault> = faults.iter().copied().collect();
    let mut calls_made = 0;
    for attempt in 1..=TRIES_MAX {
        // Each attempt has a cold sandbox; the calls are counted across all of them.
        let (from, faults) = (calls_made, faults.clone());
        let plan = move |call: usize, _: &str| faults.get(&(from + call)).copied().unwrap_or(Fault::None);
        let sandbox = Sandbox::new(&world, attempt, plan).await;
        let reply = sandbox.deliver(&body, &invocation(attempt)).await;
        calls_made += sandbox.faults.calls().len();
        let Some(reply) = reply else { continue };
        if matches!(reply.status, 500 | 503) {
            continue;
        }
        let text = message(&reply);
        let repeat = reply.status == 200 && text == "Event already processed (idempotent)";
        assert!(
            repeat || (reply.status, text.as_str()) == scenario.ends,
            "{}: reply {} {text}",
            scenario.name,
            reply.status
        );
        tokio::time::sleep(SETTLED).await;
        return (comparable(&world.books()), calls_made);
    }
    panic!("{}: {faults:?}: never acknowledged", scenario.name);
}

/// The journal and the balances. The number of attempts depends on the faults, and is left out.
fn comparable(books: &Books) -> BTreeMap<String, Row> {
    books.check();
    let balances =
        books.accounts.iter().map(|(id, account)| (id.clone(), Row { change: account.balance, ..Row::default() }));
    let journal = books.journal.iter().map(|(id, row)| (id.clone(), Row { attempts: 0, ..row.clone() }));
    let bodies = books.bodies.iter().map(|id| (format!("body of {id}"), Row::default()));
    journal.chain(balances).chain(bodies).collect()
}

/// Five faults under which a "lock, work, mark as done" design books twice.
mod classic {
    use super::*;

    /// Delivers to a sandbox whose n-th call, counted from 0, has this fault, then to another sandbox.
    async fn twice(world: &World, call: usize, fault: Fault) {
        let body = usage("e1", "k1", "3").to_string();
        let first = Sandbox::new(world, 1, move |number, _| if number == call { fault } else { Fault::None }).await;
        first.deliver(&body, &invocation(1)).await;
        let second = Sandbox::faultless(world).await;
        assert_eq!(second.deliver(&body, &invocation(2)).await.map(|reply| reply.status), Some(200));
        tokio::time::sleep(SETTLED).await;
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 7_000_000_000, "{fault:?} at {call}");
    }

    async fn world() -> World {
        let world = World::new();
        open_account(&world, "alice", "k1", "10").await;
        world
    }

    #[tokio::test(start_paused = true)]
    async fn exception_after_the_deduction_books_once() {
        for fault in [Fault::Reset, Fault::Garbage, Fault::ServerErrorApplied] {
            twice(&world().await, 1, fault).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn sandbox_killed_after_the_deduction_books_once() {
        twice(&world().await, 1, Fault::KillApplied).await;
    }

    /// There is no separate completion write: one transaction has the deduction and its record.
    #[tokio::test(start_paused = true)]
    async fn failed_transaction_books_once() {
        for fault in [Fault::DropRequest, Fault::Throttle, Fault::Conflict, Fault::ServerError, Fault::Kill] {
            twice(&world().await, 1, fault).await;
        }
    }

    /// A journal row has no TTL, so it outlives every row that has one.
    #[tokio::test(start_paused = true)]
    async fn replay_years_later_books_once() {
        let world = world().await;
        twice(&world, 99, Fault::None).await;
        let body = usage("e1", "k1", "3").to_string();
        world.engine.sweep_expired().expect("a sweep");
        let later = crate::sandbox::moment_at(9, testkit::now().plus_seconds(10 * 365 * 86_400));
        let reply = Sandbox::faultless(&world).await.deliver(&body, &later).await.expect("a reply");
        assert_eq!(message(&reply), "Event already processed (idempotent)");
        assert_eq!(world.books().balance("alice/credits"), 7_000_000_000);
    }

    /// Two events of one payment, delivered concurrently to two sandboxes: the payment's idempotency key lets one of them book it.
    #[tokio::test(start_paused = true)]
    async fn concurrent_events_of_one_payment_book_once() {
        for fault in Fault::ALL.into_iter().chain([Fault::None]) {
            let world = world().await;
            top_up(&world, "unrelated", "alice", "1").await;
            let (shaky, faults) = world.faulty(3, move |call, _| if call == 0 { fault } else { Fault::None });
            let steady = world.ledger(4);
            let (one, other) = (payment("paid"), payment("succeeded"));
            let first = async {
                let context = testkit::context(1);
                tokio::select! {
                    biased;
                    committed = ledger::Ledger::commit(&shaky, &one, &context) => drop(committed),
                    () = faults.killed() => {}
                }
            };
            let ((), committed) =
                tokio::join!(first, async { ledger::Ledger::commit(&steady, &other, &testkit::context(2)).await });
            committed.expect("booked, now or earlier");
            ledger::Ledger::commit(&steady, &one, &testkit::context(3)).await.expect("booked, now or earlier");
            tokio::time::sleep(SETTLED).await;
            let books = world.books();
            books.check();
            assert_eq!(books.balance("alice/credits"), 16_000_000_000, "{fault:?}");
            assert_eq!(
                books.journal.keys().filter(|id| id.starts_with("usage#")).count(),
                2,
                "each event has its receipt"
            );
        }
    }

    fn payment(event: &str) -> ledger::Decision {
        use ledger::{
            Decision, Effect, Entry, EventKey, Fingerprint, Guard, House, JournalHeader, MoneyKey, Movement, Owner,
            Posting, Source,
        };
        let account = Owner::new("alice").expect("an owner").account(ledger::Asset::CREDITS);
        let movement = Movement {
            key: MoneyKey::new("payment", &["pi_1"]).expect("a key"),
            posting: Posting::to_customer(account, House::Manual, crate::sandbox::amount("5")),
            guard: Guard::Always,
            reverses: None,
        };
        let header = JournalHeader {
            receipt: EventKey::new(Source::Usage, event).expect("an id"),
            writer: Source::Usage.into(),
            kind: "payment",
            facts: vec![],
            fingerprints: Fingerprint::of(1, &[("event", event)]).into(),
            order: None,
        };
        Decision::Record(Entry { header, effects: vec![Effect::Move(movement)], keeps_body: false, alarm: None })
    }
}
