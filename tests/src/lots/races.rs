//! Changes of the same lots, of which one is booked between the other's read and its transaction.

use super::*;

fn units(sum: &str) -> i128 {
    i128::try_from(amount(sum).units()).expect("an amount")
}

#[derive(Clone, Copy)]
enum Change {
    /// A clawback of this much of this grant, before the next date.
    Clawback(&'static str, &'static str),
    /// The expiry of what is left at that date.
    Expiry,
}

async fn make(ledger: &DynamoLedger, change: Change, attempt: u64) {
    match change {
        Change::Clawback(grant, sum) => {
            let decision = correction("alice", &format!("of-{grant}"), sum, grant, true);
            let committed = ledger.commit(&decision, &later(attempt, DAY + 10)).await;
            assert!(matches!(committed, Ok(Committed::Now(_))), "{committed:?}");
        }
        Change::Expiry => {
            let expired = ledger.expire(&account("alice"), &later(attempt, 2 * DAY)).await;
            assert_eq!(expired.expect("an expiry"), amount("4"));
        }
    }
}

/// Two grants have expired, 8 of each, and of a third 4 are left. With these, alice has 14.
async fn expired() -> World {
    let world = world().await;
    committed(&world, &credit("alice", "g2", "8", Some(until(DAY))), 0).await;
    committed(&world, &credit("alice", "g3", "5", Some(until(2 * DAY))), 0).await;
    committed(&world, &spend("alice", "e2", "1"), DAY).await;
    assert_eq!(world.books().balance("alice/credits"), units("14"));
    world
}

/// What a clawback takes of expired credits comes back under a key that is only a version of the lots: the change that
/// is booked first owns it, and the other takes the next version.
#[tokio::test(start_paused = true)]
async fn change_of_lots_that_another_has_changed_is_booked_after_it() {
    use Change::{Clawback, Expiry};
    // The call that waits: a clawback learns of the lots from a first transaction, and an expiry reads them at once.
    let rows = [
        ("two clawbacks of equal amounts", (Clawback("g1", "4"), 2), Clawback("g2", "4"), "14"),
        ("two clawbacks of different amounts", (Clawback("g1", "4"), 2), Clawback("g2", "3"), "14"),
        ("a clawback and an expiry of equal amounts", (Clawback("g1", "4"), 2), Expiry, "10"),
        ("a clawback and an expiry of different amounts", (Clawback("g1", "3"), 2), Expiry, "10"),
        ("an expiry and a clawback", (Expiry, 1), Clawback("g1", "4"), "10"),
    ];
    for (name, (late, waits), early, balance) in rows {
        let world = expired().await;
        let delay = Fault::Delay(Duration::from_millis(100));
        let (ledger, faults) = world.faulty(7, move |call, _| if call == waits { delay } else { Fault::None });
        let other = world.ledger(8);
        let between = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            make(&other, early, 2).await;
        };
        tokio::join!(make(&ledger, late, 1), between);
        assert!(faults.calls().len() > waits + 1, "{name}: the first transaction was too late");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), units(balance), "{name}");
        let left: u128 = lots(&world).await.settled().lots.iter().map(|lot| lot.units).sum();
        assert_eq!(left, amount(balance).units(), "{name}");
    }
}
