//! Referral credits: the first purchase of a referred buyer gives them, once, and a refund takes them back.

use std::time::Duration;

use futures_util::future::join_all;
use ledger::{PaymentState, ReferralState};
use testkit::Fault;

use super::*;
use crate::lots::{DAY, committed, credit, until};

const ONE: i128 = 1_000_000_000;

/// Alice's order of access to a report, who was referred by bob: she gets 5 credits by her first purchase, and he 10.
fn referred(name: &str) -> Order {
    let mut order = crate::stripe::order(name);
    order.terms.grants = vec![Grant::Report(word("full"))];
    order.terms.referral = Some(referral());
    order
}

fn named(name: &str) -> OrderNumber {
    OrderNumber::new(name).expect("a number")
}

/// Writes these effects over the order as it is.
async fn write(world: &World, name: &str, id: &str, effects: impl FnOnce(&Order) -> Vec<Effect>) {
    let order = stored(world, name).await;
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, &format!("{name}.{id}")).expect("an id"),
        writer: Writer::Manual,
        kind: "test",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: Some(named(name)),
    };
    let entry = Entry { header, effects: effects(&order), keeps_body: false, alarm: None };
    world.ledger(0).commit(&Decision::Record(entry), &context(0)).await.expect("written");
}

async fn stored(world: &World, name: &str) -> Order {
    world.ledger(0).order(&named(name), &context(0)).await.expect("read").expect("there")
}

fn payment_of(name: &str) -> Reference {
    Reference::new(Provider::Stripe, &format!("pi_{name}")).expect("an id")
}

async fn paid_orders(names: &[&str]) -> World {
    let world = World::new();
    for name in names {
        made(&world, referred(name)).await;
        let pay = |order: &Order| {
            order.pay(&Payment { by: payment_of(name), money: order.terms.price, at: now() }).expect("what it costs")
        };
        write(&world, name, "paid", pay).await;
    }
    world
}

async fn refunded(world: &World, name: &str, id: &str, cents: u64) {
    let refund = Refund { state: RefundState::Succeeded, amount: Amount::from_units(cents) };
    write(world, name, id, |order| order.apply_refund(&payment_of(name), id, refund)).await;
}

async fn fulfilled(world: &World, name: &str, attempt: u64) {
    worker(world.ledger(attempt), None, None).await.fulfil(&named(name), &run_at(attempt, 1)).await.expect("fulfilled");
}

/// What alice and bob have of credits.
fn balances(world: &World) -> [i128; 2] {
    let books = world.books();
    books.check();
    ["alice", "bob"].map(|owner| books.balance(&format!("{owner}/credits")) / ONE)
}

#[tokio::test(start_paused = true)]
async fn first_purchase_gives_its_credits_and_the_second_none() {
    let world = paid_orders(&["HL1", "HL2"]).await;
    fulfilled(&world, "HL2", 1).await;
    assert_eq!(balances(&world), [5, 10]);
    fulfilled(&world, "HL1", 2).await;
    assert_eq!(balances(&world), [5, 10]);
    let states = [stored(&world, "HL1").await, stored(&world, "HL2").await].map(|order| order.referral);
    assert_eq!(states, [ReferralState::GivenBefore, ReferralState::Given]);
    for name in ["HL1", "HL2"] {
        assert!(!stored(&world, name).await.is_to_be_fulfilled(), "{name} waits for nothing");
    }
    let books = world.books();
    assert_eq!(books.pointers["first_purchase#alice"], "HL2");
    assert_eq!(books.journal["referral#HL2#2"].change, 10 * ONE);
}

/// Workers of eight orders at the same moment: one of the orders gives them.
#[tokio::test(start_paused = true)]
async fn eight_first_purchases_at_once_give_once() {
    let names = ["HL1", "HL2", "HL3", "HL4", "HL5", "HL6", "HL7", "HL8"];
    let world = paid_orders(&names).await;
    let runs = (1_u64..).zip(names).map(|(attempt, name)| {
        let (ledger, _) = world.faulty(attempt, |_, _| Fault::Delay(Duration::from_millis(10)));
        async move {
            let worker = worker(ledger, None, None).await;
            worker.fulfil(&named(name), &run_at(attempt, 1)).await.expect("fulfilled")
        }
    });
    join_all(runs).await;
    assert_eq!(balances(&world), [5, 10]);
    let mut given = 0;
    for name in names {
        given += u32::from(stored(&world, name).await.referral == ReferralState::Given);
    }
    assert_eq!(given, 1);
}

/// In proportion, as everything that the payment buys; and the order stays the first purchase.
#[tokio::test(start_paused = true)]
async fn refund_takes_referral_credits_back_in_proportion() {
    let world = paid_orders(&["HL1"]).await;
    fulfilled(&world, "HL1", 1).await;
    refunded(&world, "HL1", "re_1", 999).await;
    fulfilled(&world, "HL1", 2).await;
    let books = world.books();
    books.check();
    // Of 19.99 USD the buyer keeps 10.00.
    assert_eq!(books.balance("alice/credits"), 5 * ONE * 1_000 / 1_999);
    assert_eq!(books.balance("bob/credits"), 10 * ONE * 1_000 / 1_999);
    refunded(&world, "HL1", "re_2", 1_000).await;
    fulfilled(&world, "HL1", 3).await;
    assert_eq!((balances(&world), stored(&world, "HL1").await.payment), ([0, 0], PaymentState::Refunded));
    assert_eq!(world.books().pointers["first_purchase#alice"], "HL1");
}

/// A payment that was given back before its order was fulfilled is no purchase.
#[tokio::test(start_paused = true)]
async fn order_that_is_refunded_at_once_is_no_first_purchase() {
    let world = paid_orders(&["HL1", "HL2"]).await;
    refunded(&world, "HL1", "re_1", 1_999).await;
    fulfilled(&world, "HL1", 1).await;
    assert_eq!((balances(&world), stored(&world, "HL1").await.referral), ([0, 0], ReferralState::Open));
    fulfilled(&world, "HL2", 2).await;
    assert_eq!(balances(&world), [5, 10]);
}

/// Credits that expire are dated, and those of the referral are not.
#[tokio::test(start_paused = true)]
async fn referral_credits_go_to_an_account_with_lots() {
    let world = paid_orders(&["HL1"]).await;
    committed(&world, &credit("alice", "dated", "3", Some(until(DAY))), 0).await;
    fulfilled(&world, "HL1", 1).await;
    assert_eq!(world.books().balance("alice/credits"), 8 * ONE);
    assert_eq!(world.books().accounts["alice/credits"].lots_version, 2);
}

/// With credits of alice's that expire, or without: each fault at each call, and each pair at the transaction and its
/// retry.
#[tokio::test(start_paused = true)]
async fn every_fault_gives_referral_credits_once() {
    for (has_lots, given) in [(false, [5, 10]), (true, [8, 10])] {
        let prepared = async || {
            let world = paid_orders(&["HL1"]).await;
            if has_lots {
                committed(&world, &credit("alice", "dated", "3", Some(until(DAY))), 0).await;
            }
            world
        };
        let calls: Vec<String> = {
            let (ledger, faults) = prepared().await.faulty(1, |_, _| Fault::None);
            worker(ledger, None, None).await.fulfil(&named("HL1"), &run_at(1, 1)).await.expect("fulfilled");
            faults.calls().into_iter().map(|call| call.operation).collect()
        };
        let first = calls.iter().position(|call| call == "TransactWriteItems").expect("a transaction");
        let single = (0..calls.len()).flat_map(|call| Fault::ALL.map(|fault| vec![(call, fault)]));
        let pairs =
            Fault::ALL.into_iter().flat_map(|one| Fault::ALL.map(|other| vec![(first, one), (first + 1, other)]));
        for plan in single.chain(pairs) {
            let world = prepared().await;
            let failing = plan.clone();
            let (ledger, faults) = world.faulty(1, move |call, _| {
                failing.iter().find(|(at, _)| *at == call).map_or(Fault::None, |(_, fault)| *fault)
            });
            let (worker, run) = (worker(ledger, None, None).await, run_at(1, 1));
            let number = named("HL1");
            tokio::select! {
                biased;
                _ = worker.fulfil(&number, &run) => {}
                () = faults.killed() => {}
            }
            tokio::time::sleep(crate::sandbox::SETTLED).await;
            fulfilled(&world, "HL1", 2).await;
            assert_eq!(balances(&world), given, "lots {has_lots}: {plan:?}");
        }
    }
}
