//! Every story of a payment, told to a worker in every way: once, step by step, many times over, by two at once.

use ledger::DisputeStage::{Lost, Open, Won};

use super::Report::{Disputed, DisputedPart, Paid, Refunded};
use super::*;

fn everything() -> Vec<Grant> {
    vec![Grant::Credits(crate::sandbox::amount("100")), tokens(false), Grant::Report(word("full"))]
}

const ALL: &str = "paid, done: alice/POSX 10, alice/credits 100, alice/report-full 1, bob/commission-usd 1.99, carol/commission-usd 0.39";
const NOTHING: &str = "paid, done: ";
const REFUNDED: &str = "refunded, done: ";

const HALF_IS_DISPUTED: &str = "paid, done: alice/POSX 4.997498749374687343, alice/credits 49.974987493, alice/report-full 1, bob/commission-usd 0.99, \
     carol/commission-usd 0.19";

/// What is told at once, and then the worker; and so on.
type Story = (&'static str, &'static [&'static [Report]], &'static str);

const STORIES: [Story; 15] = [
    ("it is paid", &[&[Paid]], ALL),
    // 19.99 less 0.01: ten basis points of a cent are nobody's but the house's.
    (
        "a cent is given back",
        &[&[Paid], &[Refunded(1)]],
        "partly_refunded, done: alice/POSX 9.994997498749374687, alice/credits 99.949974987, alice/report-full 1, bob/commission-usd 1.98, \
         carol/commission-usd 0.38",
    ),
    (
        "half is given back",
        &[&[Paid], &[Refunded(1_000)]],
        "partly_refunded, done: alice/POSX 4.997498749374687343, alice/credits 49.974987493, alice/report-full 1, bob/commission-usd 0.99, \
         carol/commission-usd 0.19",
    ),
    (
        "half is given back before anything was delivered",
        &[&[Paid, Refunded(1_000)]],
        "partly_refunded, done: alice/POSX 4.997498749374687343, alice/credits 49.974987493, alice/report-full 1, bob/commission-usd 0.99, \
         carol/commission-usd 0.19",
    ),
    ("all is given back", &[&[Paid], &[Refunded(1_999)]], REFUNDED),
    ("all is given back before anything was delivered", &[&[Paid, Refunded(1_999)]], REFUNDED),
    ("it is given back in parts", &[&[Paid], &[Refunded(999)], &[Refunded(1_000)]], REFUNDED),
    ("it is disputed", &[&[Paid], &[Disputed(Open)]], NOTHING),
    ("it is disputed before anything was delivered", &[&[Paid, Disputed(Open)]], NOTHING),
    ("a dispute is won", &[&[Paid], &[Disputed(Open)], &[Disputed(Won)]], ALL),
    ("a dispute is won that came first", &[&[Paid, Disputed(Open)], &[Disputed(Won)]], ALL),
    ("a dispute is lost", &[&[Paid], &[Disputed(Open)], &[Disputed(Lost)]], "disputed_lost, done: "),
    ("half is disputed", &[&[Paid], &[DisputedPart(Open, 1_000)]], HALF_IS_DISPUTED),
    ("half is disputed and won", &[&[Paid], &[DisputedPart(Open, 1_000)], &[DisputedPart(Won, 1_000)]], ALL),
    (
        "half is lost to a dispute before anything was delivered",
        &[&[Paid, DisputedPart(Open, 1_000), DisputedPart(Lost, 1_000)]],
        "disputed_lost, done: alice/POSX 4.997498749374687343, alice/credits 49.974987493, alice/report-full 1, bob/commission-usd 0.99, \
         carol/commission-usd 0.19",
    ),
];

async fn shop() -> World {
    let world = World::new();
    made(&world, order(everything())).await;
    world
}

#[tokio::test(start_paused = true)]
async fn each_story_ends_in_its_books_and_telling_it_again_changes_nothing() {
    for (name, chapters, expected) in STORIES {
        let world = shop().await;
        for (attempt, reports) in (1..).zip(chapters) {
            for report in *reports {
                happens(&world, *report).await;
            }
            // Each in a sandbox of its own.
            assert!(work(&worker(world.ledger(attempt), None, None).await, &run_at(attempt, 1)).await, "{name}");
        }
        assert_eq!(told(&world.books()), expected, "{name}");
        let before = world.books();
        for attempt in 50..53 {
            assert!(work(&worker(world.ledger(attempt), None, None).await, &run_at(attempt, 2)).await, "{name}");
        }
        assert_eq!(world.books(), before, "{name}, the stream from its beginning");
    }
}

/// Only the last of it counts: whatever the worker was in time for.
#[tokio::test(start_paused = true)]
async fn a_worker_that_comes_late_ends_in_the_same_balances() {
    for (name, chapters, expected) in STORIES {
        let world = shop().await;
        for report in chapters.iter().copied().flatten() {
            happens(&world, *report).await;
        }
        assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await, "{name}");
        let balances = |told: &str| told.split_once(": ").map(|(_, balances)| balances.to_owned());
        assert_eq!(balances(&told(&world.books())), balances(expected), "{name}");
    }
}

/// Each call of theirs takes its time, so that they do meet.
#[tokio::test(start_paused = true)]
async fn workers_that_meet_post_each_line_once() {
    for seed in 0..20_u64 {
        let world = shop().await;
        happens(&world, Paid).await;
        let mut workers = Vec::new();
        for n in 1..=4 {
            let mut dice = fastrand::Rng::with_seed(seed * 10 + n);
            let plan =
                move |_: usize, _: &str| testkit::Fault::Delay(std::time::Duration::from_millis(dice.u64(0..200)));
            workers.push((n, worker(world.faulty(n, plan).0, None, None).await));
        }
        let (story, refund) = (workers.iter(), async {
            tokio::time::sleep(std::time::Duration::from_millis(seed * 20)).await;
            happens(&world, Refunded(1_000)).await;
        });
        let working = story.map(|(n, worker)| async move { work(worker, &run_at(*n, 1)).await });
        let (worked, ()) = futures_util::future::join(futures_util::future::join_all(working), refund).await;
        assert!(worked.iter().any(|worked| *worked), "seed {seed}");
        // The refund's own record.
        assert!(work(&worker(world.ledger(9), None, None).await, &run_at(9, 2)).await);
        assert_eq!(told(&world.books()), STORIES[3].2, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_store_at_every_call_ends_in_the_same_books() {
    let mut tried = 0_u32;
    for fault in testkit::Fault::ALL {
        for at in 0.. {
            let world = shop().await;
            happens(&world, Paid).await;
            let (ledger, faults) = world.faulty(1, move |n, _| if n == at { fault } else { testkit::Fault::None });
            let dying = worker(ledger, None, None).await;
            let run = run_at(1, 1);
            tokio::select! {
                biased;
                _ = work(&dying, &run) => {}
                () = faults.killed() => {}
            }
            if faults.calls().len() <= at {
                break;
            }
            tried += 1;
            assert!(work(&worker(world.ledger(2), None, None).await, &run_at(2, 2)).await, "{fault:?} at {at}");
            assert_eq!(told(&world.books()), ALL, "{fault:?} at {at}");
        }
    }
    assert!(tried >= 40, "{tried}");
}

/// When it was made, paid, delivered and last written stands on the row for whoever looks; that it was delivered is said once.
#[tokio::test(start_paused = true)]
async fn an_order_says_when_it_was_fulfilled_first() {
    let world = shop().await;
    happens(&world, Paid).await;
    assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await);
    happens(&world, Refunded(1_000)).await;
    assert!(work(&worker(world.ledger(2), None, None).await, &run_at(2, 60)).await);
    let key = serde_json::json!({ "TableName": "hookledger-local-orders", "Key": { "id": { "S": ORDER } } });
    let row = world.engine.request("GetItem", &key).expect("an answer");
    let times = ["created_at", "paid_at", "fulfilled_at", "updated_at"].map(|name| row["Item"][name]["S"].as_str());
    assert_eq!(
        times.map(|time| time.expect("a time").trim_start_matches("2026-01-01T")),
        ["00:00:00.000Z", "00:00:00.000Z", "00:00:01.000Z", "00:01:00.000Z"]
    );
}

/// Nobody earns who was not on the order when it was made, whoever leads whom by now.
#[tokio::test(start_paused = true)]
async fn who_earns_is_pinned() {
    let world = shop().await;
    let effect = Effect::Refer {
        owner: Owner::new("alice").expect("an owner"),
        from: None,
        to: Some(Owner::new("mallory").expect("an owner")),
    };
    let header = JournalHeader {
        receipt: EventKey::new("test", "refer").expect("an id"),
        source: "test",
        kind: "test",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let entry = Entry { header, effects: vec![effect], keeps_body: false, alarm: None };
    world.ledger(0).commit(&Decision::Record(entry), &context(0)).await.expect("written");
    happens(&world, Paid).await;
    assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await);
    assert_eq!(told(&world.books()), ALL);
}
