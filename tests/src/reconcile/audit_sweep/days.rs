//! The day that a pass closes: what customers hold and what each account of the house has, whatever is written or fails
//! meanwhile.

use ledger::TrialBalance;

use super::*;
use crate::account_transfers::transfer;
use crate::lots::{committed, credit, later, spend, until};

/// Of two days. Alice buys 10 and 5 that last a day, gives 3 to bob, uses 1, and what is left of the 5 expires.
async fn days() -> World {
    let world = World::new();
    for (decision, seconds) in [
        (credit("alice", "top", "10", None), 10),
        (credit("alice", "dated", "5", Some(until(DAY))), 20),
        (transfer("alice", "bob", "t1", "3"), 30),
        (spend("alice", "e1", "1"), 40),
        // The next day.
        (spend("alice", "e2", "4"), DAY + 40),
        (transfer("alice", "bob", "t2", "2"), DAY + 50),
    ] {
        committed(&world, &decision, seconds).await;
    }
    world
}

async fn day(world: &World, ended_after_s: i64) -> Option<TrialBalance> {
    let until = testkit::now().plus_seconds(ended_after_s);
    world.ledger(0).closed_day(until, &context(0)).await.expect("a read")
}

fn shown(day: &TrialBalance) -> Vec<(String, i128)> {
    let credits = &day.assets["credits"];
    let houses = credits.houses.iter().map(|(house, side)| (house.as_str().to_owned(), side.units()));
    let customers = ("customers".to_owned(), credits.customers.units());
    std::iter::once(customers).chain(houses).map(|(name, units)| (name, units / 1_000_000_000)).collect()
}

fn named(sums: &[(&str, i128)]) -> Vec<(String, i128)> {
    sums.iter().map(|(name, credits)| ((*name).to_owned(), *credits)).collect()
}

const FIRST: [(&str, i128); 4] =
    [("customers", 14), ("house/usage", 1), ("house/revenue", -15), ("house/transfers", 0)];
/// Of what alice had until the date, 1 was left. What bob has of it has no line until it expires.
const SECOND: [(&str, i128); 5] =
    [("customers", 9), ("house/usage", 5), ("house/revenue", -15), ("house/breakage", 1), ("house/transfers", 0)];

#[tokio::test(start_paused = true)]
async fn each_pass_closes_the_day_that_has_ended() {
    let world = days().await;
    assert_eq!(day(&world, DAY).await, None);
    check(&world, DAY + HOUR).await;
    let first = day(&world, DAY).await.expect("a closed day");
    assert_eq!((first.day(), shown(&first)), ("2026-01-01".to_owned(), named(&FIRST)));
    check(&world, 2 * DAY + HOUR).await;
    let second = day(&world, 2 * DAY).await.expect("a closed day");
    assert_eq!((second.day(), shown(&second)), ("2026-01-02".to_owned(), named(&SECOND)));
    assert_eq!(day(&world, DAY).await, Some(first), "a closed day stays");
    assert_eq!(second.unbalanced().count(), 0);
}

/// Runs that end after each page of lines, and within an account, add up to the same.
#[tokio::test(start_paused = true)]
async fn day_of_a_pass_in_many_runs_is_the_same() {
    let world = days().await;
    for n in 0..300 {
        committed(&world, &spend("alice", &format!("many{n}"), "0.01"), 60).await;
    }
    let mut runs = 0;
    while day(&world, DAY).await.is_none() {
        let (ledger, _) = world.faulty(1, |_, _| Fault::Delay(Duration::from_millis(700)));
        check_over(ledger, DAY + HOUR + runs * 300, Duration::from_secs(7)).await.expect("a run");
        runs += 1;
        assert!(runs < 20, "the pass ends");
    }
    assert!(runs > 1, "one run closed it");
    let closed = day(&world, DAY).await.expect("a closed day");
    let expected = [("customers", 11), ("house/usage", 4), ("house/revenue", -15), ("house/transfers", 0)];
    assert_eq!(shown(&closed), named(&expected));
    assert_eq!(closed.unbalanced().count(), 0);
}

/// What is written during the pass is of another day, and what an account has is still what its row has.
#[tokio::test(start_paused = true)]
async fn writes_during_the_pass_are_not_of_the_day() {
    let world = days().await;
    let (engine, mut written) = (world.clone(), 0);
    let (ledger, _) = world.faulty(1, move |_, operation| {
        if operation == "Query" && written < 3 {
            written += 1;
            spent_at(&engine, &format!("meanwhile{written}"), 1, DAY + HOUR);
        }
        Fault::None
    });
    check_over(ledger, DAY + HOUR, RUN).await.expect("a run");
    let closed = day(&world, DAY).await.expect("a closed day");
    assert_eq!((shown(&closed), closed.assets["credits"].unsettled), (named(&FIRST), 0));
}

/// Each fault at each write of the pass leaves the same day, and two passes at once do.
#[tokio::test(start_paused = true)]
async fn fault_of_the_pass_leaves_the_same_day() {
    let writes: Vec<usize> = {
        let world = days().await;
        let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
        check_over(ledger, DAY + HOUR, RUN).await;
        let calls = faults.calls().into_iter().enumerate();
        calls.filter(|(_, call)| call.operation == "TransactWriteItems").map(|(place, _)| place).collect()
    };
    assert!(!writes.is_empty(), "the pass saves its progress");
    for (call, fault) in writes.into_iter().flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        let world = days().await;
        let (ledger, faults) = world.faulty(1, move |n, _| if n == call { fault } else { Fault::None });
        tokio::select! {
            biased;
            _ = check_over(ledger, DAY + HOUR, RUN) => {}
            () = faults.killed() => {}
        }
        tokio::time::sleep(Duration::from_secs(10)).await;
        check(&world, DAY + HOUR + 300).await;
        let closed = day(&world, DAY).await.unwrap_or_else(|| panic!("{fault:?} at call {call}"));
        assert_eq!(shown(&closed), named(&FIRST), "{fault:?} at call {call}");
    }
    let world = days().await;
    let late = |seed| world.faulty(seed, |_, _| Fault::Delay(Duration::from_millis(10))).0;
    tokio::join!(check_over(late(1), DAY + HOUR, RUN), check_over(late(2), DAY + HOUR, RUN));
    assert_eq!(day(&world, DAY).await.map(|closed| shown(&closed)), Some(named(&FIRST)));
}

/// An altered balance, and a transfer of which one side is lost, do not add up, and the audit finds each.
#[tokio::test(start_paused = true)]
async fn day_that_does_not_add_up_has_a_finding_for_each_cause() {
    type Break = fn(&Shop);
    let rows: [(&str, Break, i128, &[DifferenceKind]); 3] = [
        (
            "an altered balance",
            |shop| {
                let value = json!({ ":n": { "N": "20000000000" } });
                shop.change("accounts", "bob/credits", "SET balance_units = :n", &value);
            },
            15,
            &[DifferenceKind::Balance, DifferenceKind::Available],
        ),
        (
            "a lost side",
            |shop| shop.remove("journal", "received#manual#t1"),
            0,
            &[DifferenceKind::Lines, DifferenceKind::Transfer],
        ),
        (
            "an altered side",
            |shop| {
                let value = json!({ ":n": { "N": "4000000000" } });
                shop.change("journal", "received#manual#t1", "SET amount_units = :n", &value);
            },
            -1,
            &[DifferenceKind::Balance, DifferenceKind::Transfer, DifferenceKind::Transfer],
        ),
    ];
    for (name, is_broken, sum, expected) in rows {
        let shop = Shop { world: days().await };
        is_broken(&shop);
        check(&shop.world, DAY + HOUR).await;
        let closed = day(&shop.world, DAY).await.expect("a closed day");
        let credits = &closed.assets["credits"];
        assert_eq!((credits.sum().units() / 1_000_000_000, closed.unbalanced().count()), (sum, 1), "{name}");
        let open = state(&shop.world).await.open;
        // These payments have no orders, which the audit finds too.
        let mut kinds: Vec<DifferenceKind> = open.iter().map(|open| open.difference.difference_kind).collect();
        kinds.retain(|kind| *kind != DifferenceKind::NoOrder);
        kinds.sort();
        assert_eq!(kinds, expected, "{name}");
    }
}

/// A row that the store holds is all that a later command reads.
#[tokio::test(start_paused = true)]
async fn closed_day_costs_one_row_and_one_read() {
    let world = days().await;
    check(&world, DAY + HOUR).await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let until = testkit::now().plus_seconds(DAY);
    assert!(ledger.closed_day(until, &later(1, 0)).await.expect("a read").is_some());
    assert_eq!(faults.calls().len(), 1);
}
