//! Five faults under which a "lock, work, mark as done" design books twice.

use testkit::{Fault, World, usage};

use crate::sandbox::{SETTLED, Sandbox, invocation, message, open_account, top_up};

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
        assert_eq!(books.journal.keys().filter(|id| id.starts_with("usage#")).count(), 2, "each event has its receipt");
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
        lots: Vec::new(),
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
