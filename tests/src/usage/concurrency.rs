//! Sixty-four senders at once, on real threads and real time: the books add up, and nobody spends what is not there.

use std::collections::BTreeSet;
use std::sync::Arc;

use ledger::Ledger as _;
use testkit::{Fault, World, usage};

use crate::sandbox::{Sandbox, invocation, open_account};

const SENDERS: u64 = 64;
const ACCOUNTS: u64 = 20;
const EVENTS_EACH: u64 = 25;
/// Each account is asked for about four times as much as it has.
const CREDITS: &str = "20";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_senders_and_twenty_accounts() {
    let world = World::new();
    for account in 0..ACCOUNTS {
        open_account(&world, &format!("owner-{account}"), &format!("key-{account}"), CREDITS).await;
    }
    // A few processes, each serving many senders, each with one call in sixteen in conflict.
    let mut sandboxes = Vec::new();
    for seed in 0..8 {
        let mut dice = fastrand::Rng::with_seed(seed);
        let plan = move |_: usize, _: &str| {
            if dice.u8(0..16) == 0 { Fault::Conflict } else { Fault::None }
        };
        sandboxes.push(Arc::new(Sandbox::new(&world, seed, plan).await));
    }
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let sandboxes = sandboxes.clone();
        senders.spawn(async move {
            let mut dice = fastrand::Rng::with_seed(1_000 + sender);
            let mut booked = Vec::new();
            for event in 0..EVENTS_EACH {
                // Neighbours send the same events: every second one is a duplicate of somebody's.
                let id = format!("e-{}-{event}", sender / 2);
                let (account, cost) = ((sender / 2 + event) % ACCOUNTS, 1 + (event + sender / 2) % 4);
                let body = usage(&id, &format!("key-{account}"), &cost.to_string()).to_string();
                let sandbox = &sandboxes[dice.usize(0..sandboxes.len())];
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
    assert_eq!(processed, acknowledged, "what was acknowledged is what is booked");
    assert!(books.accounts.values().all(|account| account.available >= 0), "nobody is below the line");
    assert!(books.accounts.values().any(|account| account.available < 4_000_000_000), "somebody was stopped at it");
    assert!(books.journal.values().any(|row| row.reason.as_deref() == Some("insufficient_credits")));
}

/// A line below zero holds as well as one at zero.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_overdraft_is_used_up_and_not_exceeded() {
    use ledger::{Asset, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, Owner};
    let world = World::new();
    open_account(&world, "alice", "k1", "5").await;
    let line = Effect::Overdraft {
        account: Owner::new("alice").expect("an owner").account(Asset::CREDITS),
        from: ledger::SpendingTerms::default(),
        to: ledger::SpendingTerms::prepaid(crate::sandbox::amount("7")),
    };
    let header = JournalHeader {
        receipt: EventKey::new("manual", "line").expect("an id"),
        source: "manual",
        kind: "overdraft",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let decision = Decision::Record(Entry { header, effects: vec![line], keeps_body: false, alarm: None });
    world.ledger(1).commit(&decision, &testkit::context(1)).await.expect("the line is moved");

    let sandbox = Arc::new(Sandbox::faultless(&world).await);
    let mut senders = tokio::task::JoinSet::new();
    for sender in 0..SENDERS {
        let sandbox = Arc::clone(&sandbox);
        senders.spawn(async move {
            let body = usage(&format!("e{sender}"), "k1", "1").to_string();
            delivered(&sandbox, &body, sender).await
        });
    }
    let told = senders.join_all().await;
    assert_eq!(told.iter().filter(|status| **status == 200).count(), 12);
    assert_eq!(told.iter().filter(|status| **status == 402).count(), 52);
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), -7_000_000_000);
}

/// As a sender does: again, while the answer is that we are busy. On a machine that has other things to do we may well be.
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
