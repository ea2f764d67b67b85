//! Sixty-four concurrent senders on real threads and real time: the ledger adds up, and no balance falls below its overdraft limit.

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::Ledger as _;
use testkit::{Fault, World, usage};

use crate::sandbox::{Sandbox, invocation, open_account};

const SENDERS: u64 = 64;
const ACCOUNTS: u64 = 20;
const EVENTS_EACH: u64 = 25;
/// The events of each account cost about four times its balance.
const CREDITS: &str = "20";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_senders_never_overdraw_an_account() {
    let world = World::new();
    for account in 0..ACCOUNTS {
        open_account(&world, &format!("owner-{account}"), &format!("key-{account}"), CREDITS).await;
    }
    // A few sandboxes, each with many senders, and one call in sixteen in conflict.
    let mut sandboxes = Vec::new();
    for seed in 0..8 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let plan = move |_: usize, _: &str| {
            if rng.u8(0..16) == 0 { Fault::Conflict } else { Fault::None }
        };
        sandboxes.push(Arc::new(Sandbox::new(&world, seed, plan).await));
    }
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let sandboxes = sandboxes.clone();
        senders.spawn(async move {
            let mut rng = fastrand::Rng::with_seed(1_000 + sender);
            let mut booked = Vec::new();
            for event in 0..EVENTS_EACH {
                // Two neighbours send the same events, so that every second delivery is a duplicate.
                let id = format!("e-{}-{event}", sender / 2);
                let (account, cost) = ((sender / 2 + event) % ACCOUNTS, 1 + (event + sender / 2) % 4);
                let body = usage(&id, &format!("key-{account}"), &cost.to_string()).to_string();
                let sandbox = &sandboxes[rng.usize(0..sandboxes.len())];
                match delivered(sandbox, &body, sender * 1_000 + event).await {
                    200 => booked.push(id),
                    402 => {}
                    status => panic!("{id}: {status}"),
                }
            }
            booked
        });
    }
    let mut acknowledged = BTreeSet::new();
    while let Some(booked) = senders.join_next().await {
        acknowledged.extend(booked.expect("no sender panics").into_iter().map(|id| format!("usage#{id}")));
    }
    let books = world.books();
    books.check();
    let processed: BTreeSet<String> =
        books.processed().filter(|id| id.starts_with("usage#")).map(str::to_owned).collect();
    assert_eq!(processed, acknowledged, "exactly the acknowledged events are booked");
    assert!(books.accounts.values().all(|account| account.available >= 0), "no balance is below its limit");
    assert!(books.accounts.values().any(|account| account.available < 4_000_000_000), "some balance reached its limit");
    assert!(books.journal.values().any(|row| row.reason.as_deref() == Some("insufficient_credits")));
}

/// An overdraft limit below zero holds as exactly as one at zero.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn overdraft_is_used_up_and_not_exceeded() {
    use ledger::{Asset, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, Owner, Writer};
    let world = World::new();
    open_account(&world, "alice", "k1", "5").await;
    let overdraft = Effect::Overdraft {
        account: Owner::new("alice").expect("an owner").account(Asset::CREDITS),
        from: ledger::SpendingTerms::default(),
        to: ledger::SpendingTerms::prepaid(crate::sandbox::amount("7")),
    };
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, "overdraft-1").expect("an id"),
        writer: Writer::Manual,
        kind: "overdraft",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let decision = Decision::Record(Entry { header, effects: vec![overdraft], keeps_body: false, alarm: None });
    world.ledger(1).commit(&decision, &testkit::context(1)).await.expect("the overdraft is set");

    let sandbox = Arc::new(Sandbox::faultless(&world).await);
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let sandbox = Arc::clone(&sandbox);
        senders.spawn(async move {
            let body = usage(&format!("e{sender}"), "k1", "1").to_string();
            delivered(&sandbox, &body, sender).await
        });
    }
    let replies = senders.join_all().await;
    assert_eq!(replies.iter().filter(|status| **status == 200).count(), 12);
    assert_eq!(replies.iter().filter(|status| **status == 402).count(), 52);
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), -7_000_000_000);
}

/// Retries on 503, as a sender does: a loaded machine may give one.
async fn delivered(sandbox: &Sandbox, body: &str, attempt: u64) -> u16 {
    const TRIES_MAX: u32 = 20;
    let mut status = 503;
    for _ in 0..TRIES_MAX {
        status = sandbox.deliver(body, &invocation(attempt)).await.expect("alive").status;
        if status != 503 {
            break;
        }
    }
    status
}
