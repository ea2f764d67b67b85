//! Transfers between accounts, on DynamoDB: every fault, circles at once, and a sender in use.

use futures_util::future::join_all;
use ledger::{
    AccountTransfer, CommitError, Committed, Decision, Entry, EventKey, Expiring as _, Fingerprint, JournalHeader,
    Ledger as _, LotShare, Writer,
};
use testkit::{World, context};

use crate::lots::{
    DAY, Plan, account, commit, committed, credit, later, pairs, plans, spend, until, without_attempts, world,
};
use crate::sandbox::amount;

pub(crate) fn transfer(from: &str, to: &str, id: &str, sum: &str) -> Decision {
    let transfer = AccountTransfer::new(account(from), account(to), amount(sum)).expect("two accounts");
    let receipt = EventKey::new(Writer::Manual, id).expect("an id");
    let effects = transfer.effects(&receipt);
    let header = JournalHeader {
        receipt,
        writer: Writer::Manual,
        kind: "transfer",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("from", from), ("to", to), ("amount", sum)]).into(),
        order: None,
    };
    Decision::Record(Entry { header, effects, keeps_body: false, alarm: None })
}

/// What is left of an account, lot by lot.
async fn lots_of(world: &World, owner: &str) -> Vec<LotShare> {
    let lots = world.ledger(0).lots(&account(owner), &context(0)).await.expect("both rows").settled().lots;
    lots.into_iter().map(|lot| LotShare { terms: lot.terms, units: lot.units }).collect()
}

/// Alice has 10 undated credits and 8 that last a day, and carol has 4 undated ones.
async fn shop() -> World {
    let world = world().await;
    committed(&world, &credit("carol", "c1", "4", None), 0).await;
    world
}

/// The transfers, each with its time and the balances of alice, bob and carol after it.
fn transfers() -> Vec<(&'static str, Decision, i64, [i128; 3])> {
    vec![
        ("of an account without lots", transfer("carol", "bob", "t1", "3"), 0, [18, 3, 1]),
        ("to an account with lots", transfer("carol", "alice", "t2", "3"), 0, [21, 0, 1]),
        ("of dated credits", transfer("alice", "bob", "t3", "12"), 0, [6, 12, 4]),
        ("after the date", transfer("alice", "carol", "t4", "2"), DAY, [8, 0, 6]),
        ("of too much after the date", transfer("alice", "carol", "t5", "10.1"), DAY, [10, 0, 4]),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_a_transfer_gives_the_same_books() {
    transfers_give_the_same_books_under(plans).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: .ci/full runs it"]
async fn every_pair_of_faults_of_a_transfer_gives_the_same_books() {
    transfers_give_the_same_books_under(pairs).await;
}

async fn transfers_give_the_same_books_under(plans: fn(usize) -> Vec<Plan>) {
    for (name, decision, seconds, balances) in transfers() {
        let faultless = shop().await;
        let (is_booked, calls) = commit(&faultless, &decision, seconds, vec![]).await;
        let expected = without_attempts(faultless.books());
        expected.check();
        let found = ["alice", "bob", "carol"].map(|owner| expected.balance(&format!("{owner}/credits")));
        assert_eq!(found, balances.map(|credits| credits * 1_000_000_000), "{name}");
        let lots = [lots_of(&faultless, "alice").await, lots_of(&faultless, "bob").await];
        for plan in plans(calls) {
            let world = shop().await;
            let (was_booked, _) = commit(&world, &decision, seconds, plan.clone()).await;
            assert_eq!(was_booked, is_booked, "{name}: {plan:?}");
            assert_eq!(without_attempts(world.books()), expected, "{name}: {plan:?}");
            let found = [lots_of(&world, "alice").await, lots_of(&world, "bob").await];
            assert_eq!(found, lots, "{name}: {plan:?}");
        }
    }
}

/// Three owners give to each other round and round, at the same moment, while each of them spends.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn circle_of_transfers_keeps_the_sum() {
    let world = shop().await;
    committed(&world, &credit("bob", "b1", "6", Some(until(2 * DAY))), 0).await;
    let circle = [("alice", "bob"), ("bob", "carol"), ("carol", "alice")];
    let transfers = (0_u64..24).map(|number| {
        let (from, to) = circle[usize::try_from(number % 3).expect("small")];
        (number, transfer(from, to, &format!("t{number}"), "2"))
    });
    let spends = (24_u64..36).map(|number| {
        let owner = ["alice", "bob", "carol"][usize::try_from(number % 3).expect("small")];
        (number, spend(owner, &format!("e{number}"), "0.5"))
    });
    let booked = join_all(transfers.chain(spends).map(|(number, decision)| {
        let ledger = world.ledger(number);
        async move {
            match ledger.commit(&decision, &later(number, 0)).await {
                Ok(Committed::Now(_)) => number >= 24,
                Err(CommitError::Rejected(_)) => false,
                other => panic!("{number}: {other:?}"),
            }
        }
    }));
    let spent = i128::try_from(booked.await.into_iter().filter(|is_spent| *is_spent).count()).expect("small");
    let books = world.books();
    books.check();
    let balances = ["alice", "bob", "carol"].map(|owner| books.balance(&format!("{owner}/credits")));
    assert!(balances.iter().all(|balance| *balance >= 0), "{balances:?}");
    assert_eq!(balances.iter().sum::<i128>(), 28_000_000_000 - spent * 500_000_000, "{spent} were spent");
    for (owner, balance) in ["alice", "bob", "carol"].into_iter().zip(balances) {
        let left: u128 = lots_of(&world, owner).await.iter().map(|share| share.units).sum();
        assert_eq!(i128::try_from(left), Ok(balance), "{owner}");
    }
}

/// A sender's lots are read only where it has any.
#[tokio::test(start_paused = true)]
async fn transfer_costs_the_round_trips_that_the_documentation_states() {
    let rows = [("of an account without lots", 1), ("to an account with lots", 3), ("of dated credits", 4)];
    for ((name, decision, seconds, _), (expected, calls)) in transfers().into_iter().zip(rows) {
        assert_eq!((name, commit(&shop().await, &decision, seconds, vec![]).await.1), (expected, calls));
    }
}
