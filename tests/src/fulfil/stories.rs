//! The events of a payment in every order, to one worker: once, step by step, repeatedly, and to two workers at once.

use ledger::DisputeStage::{Lost, Open, Won};
use ledger::Writer;

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

/// Each inner list of events is committed at once; then the worker runs.
type Story = (&'static str, &'static [&'static [Report]], &'static str);

const STORIES: [Story; 15] = [
    ("paid", &[&[Paid]], ALL),
    // 19.99 less 0.01: fractions of a cent stay with the house.
    (
        "a refund of one cent",
        &[&[Paid], &[Refunded(1)]],
        "partly_refunded, done: alice/POSX 9.994997498749374687, alice/credits 99.949974987, alice/report-full 1, bob/commission-usd 1.98, \
         carol/commission-usd 0.38",
    ),
    (
        "a refund of half",
        &[&[Paid], &[Refunded(1_000)]],
        "partly_refunded, done: alice/POSX 4.997498749374687343, alice/credits 49.974987493, alice/report-full 1, bob/commission-usd 0.99, \
         carol/commission-usd 0.19",
    ),
    (
        "a refund of half before delivery",
        &[&[Paid, Refunded(1_000)]],
        "partly_refunded, done: alice/POSX 4.997498749374687343, alice/credits 49.974987493, alice/report-full 1, bob/commission-usd 0.99, \
         carol/commission-usd 0.19",
    ),
    ("a full refund", &[&[Paid], &[Refunded(1_999)]], REFUNDED),
    ("a full refund before delivery", &[&[Paid, Refunded(1_999)]], REFUNDED),
    ("a full refund in parts", &[&[Paid], &[Refunded(999)], &[Refunded(1_000)]], REFUNDED),
    ("a dispute", &[&[Paid], &[Disputed(Open)]], NOTHING),
    ("a dispute before delivery", &[&[Paid, Disputed(Open)]], NOTHING),
    ("a dispute, won", &[&[Paid], &[Disputed(Open)], &[Disputed(Won)]], ALL),
    ("a dispute before delivery, won", &[&[Paid, Disputed(Open)], &[Disputed(Won)]], ALL),
    ("a dispute, lost", &[&[Paid], &[Disputed(Open)], &[Disputed(Lost)]], "disputed_lost, done: "),
    ("a dispute of half", &[&[Paid], &[DisputedPart(Open, 1_000)]], HALF_IS_DISPUTED),
    ("a dispute of half, won", &[&[Paid], &[DisputedPart(Open, 1_000)], &[DisputedPart(Won, 1_000)]], ALL),
    (
        "a dispute of half before delivery, lost",
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
async fn each_story_ends_in_its_books_and_repeats_change_nothing() {
    for (name, chapters, expected) in STORIES {
        let world = shop().await;
        for (attempt, reports) in (1..).zip(chapters) {
            for report in *reports {
                apply(&world, *report).await;
            }
            // Each run has a sandbox of its own.
            assert!(work(&worker(world.ledger(attempt), None, None).await, &run_at(attempt, 1)).await, "{name}");
        }
        assert_eq!(summary(&world.books()), expected, "{name}");
        let before = world.books();
        for attempt in 50..53 {
            assert!(work(&worker(world.ledger(attempt), None, None).await, &run_at(attempt, 2)).await, "{name}");
        }
        assert_eq!(world.books(), before, "{name}, the whole stream again");
    }
}

/// The balances depend on the last state alone, whenever the worker runs.
#[tokio::test(start_paused = true)]
async fn late_worker_ends_in_the_same_balances() {
    for (name, chapters, expected) in STORIES {
        let world = shop().await;
        for report in chapters.iter().copied().flatten() {
            apply(&world, *report).await;
        }
        assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await, "{name}");
        let balances = |summary: &str| summary.split_once(": ").map(|(_, balances)| balances.to_owned());
        assert_eq!(balances(&summary(&world.books())), balances(expected), "{name}");
    }
}

/// Each call takes some time, so that the workers do overlap.
#[tokio::test(start_paused = true)]
async fn overlapping_workers_post_each_entry_once() {
    for seed in 0..20_u64 {
        let world = shop().await;
        apply(&world, Paid).await;
        let mut workers = Vec::new();
        for n in 1..=4 {
            let mut rng = fastrand::Rng::with_seed(seed * 10 + n);
            let plan =
                move |_: usize, _: &str| testkit::Fault::Delay(std::time::Duration::from_millis(rng.u64(0..200)));
            workers.push((n, worker(world.faulty(n, plan).0, None, None).await));
        }
        let (story, refund) = (workers.iter(), async {
            tokio::time::sleep(std::time::Duration::from_millis(seed * 20)).await;
            apply(&world, Refunded(1_000)).await;
        });
        let working = story.map(|(n, worker)| async move { work(worker, &run_at(*n, 1)).await });
        let (worked, ()) = futures_util::future::join(futures_util::future::join_all(working), refund).await;
        assert!(worked.iter().any(|worked| *worked), "seed {seed}");
        // The stream record of the refund.
        assert!(work(&worker(world.ledger(9), None, None).await, &run_at(9, 2)).await);
        assert_eq!(summary(&world.books()), STORIES[3].2, "seed {seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn store_fault_at_any_call_ends_in_the_same_books() {
    let mut faulty_runs = 0_u32;
    for fault in testkit::Fault::ALL {
        for at in 0.. {
            let world = shop().await;
            apply(&world, Paid).await;
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
            faulty_runs += 1;
            assert!(work(&worker(world.ledger(2), None, None).await, &run_at(2, 2)).await, "{fault:?} at {at}");
            assert_eq!(summary(&world.books()), ALL, "{fault:?} at {at}");
        }
    }
    assert!(faulty_runs >= 40, "{faulty_runs}");
}

/// The row has the times of its creation, payment, first fulfilment and last update; the first fulfilment never
/// changes.
#[tokio::test(start_paused = true)]
async fn fulfilled_order_keeps_its_first_fulfilment_time() {
    let world = shop().await;
    apply(&world, Paid).await;
    assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await);
    apply(&world, Refunded(1_000)).await;
    assert!(work(&worker(world.ledger(2), None, None).await, &run_at(2, 60)).await);
    let key = serde_json::json!({ "TableName": "hookledger-local-orders", "Key": { "id": { "S": ORDER } } });
    let row = world.engine.request("GetItem", &key).expect("an answer");
    let times = ["created_at", "paid_at", "fulfilled_at", "updated_at"].map(|name| row["Item"][name]["S"].as_str());
    assert_eq!(
        times.map(|time| time.expect("a time").trim_start_matches("2026-01-01T")),
        ["00:00:00.000Z", "00:00:00.000Z", "00:00:01.000Z", "00:01:00.000Z"]
    );
}

/// Commissions go to the referrers pinned on the order at its creation, whatever referral is stored later.
#[tokio::test(start_paused = true)]
async fn later_referral_changes_no_commission() {
    let world = shop().await;
    let effect = Effect::Refer {
        owner: Owner::new("alice").expect("an owner"),
        from: None,
        to: Some(Owner::new("mallory").expect("an owner")),
    };
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, "refer").expect("an id"),
        writer: Writer::Manual,
        kind: "test",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let entry = Entry { header, effects: vec![effect], keeps_body: false, alarm: None };
    world.ledger(0).commit(&Decision::Record(entry), &context(0)).await.expect("written");
    apply(&world, Paid).await;
    assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await);
    assert_eq!(summary(&world.books()), ALL);
}
