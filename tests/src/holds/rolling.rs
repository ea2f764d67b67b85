//! Holds one after the other, over a lot past its date.

use ledger::Expiring as _;

use super::*;

const HOUR: i64 = 60 * 60;

/// What is left of alice's lot.
async fn dated(world: &World) -> i128 {
    let lots = world.ledger(0).lots(&account("alice"), &context(0)).await.expect("both rows").settled().lots;
    let units = lots.iter().filter(|lot| lot.terms.expires_at.is_some()).map(|lot| lot.units).sum::<u128>();
    i128::try_from(units).expect("small")
}

/// Alice has 10 undated credits, and 8 that expire after a day. There is always a hold, each for ten minutes. Each hour the
/// lot keeps what is held then, and never more than it had: what no hold covers at one of these looks expires.
#[tokio::test(start_paused = true)]
async fn holds_without_a_gap_keep_no_more_of_a_lot_than_they_cover() {
    let world = world().await;
    let ledger = world.ledger(0);
    let opened = async |id: &str, sum: &str, seconds: i64| {
        let hold = hold_of("alice", id, sum, None, None);
        ledger.open_hold(&hold, &later(0, seconds)).await.expect("a hold");
        hold
    };
    let mut last = opened("h0", "6", DAY - 60).await;
    let looked = async |seconds: i64| {
        let expired = ledger.expire(&account("alice"), &later(0, seconds)).await.expect("a look");
        i128::try_from(expired.units()).expect("small")
    };
    assert_eq!((looked(DAY).await, dated(&world).await), (2 * ONE, 6 * ONE));
    // The hour, what is held at its end, and what expires then and is left.
    let rows = [(1, "6", 0, 6), (2, "6", 0, 6), (3, "6", 0, 6), (4, "4", 2, 4), (5, "6", 0, 4), (6, "1", 3, 1)];
    for (hour, sum, expires, left) in rows {
        for part in 0..6 {
            let next = opened(&format!("h{hour}-{part}"), sum, DAY + (hour - 1) * HOUR + part * 600 + 300).await;
            let released = ledger.close_hold(&last, &HoldClosing::Release, &later(0, DAY + hour * HOUR - 1)).await;
            released.expect("released");
            last = next;
        }
        let expired = looked(DAY + hour * HOUR).await;
        assert_eq!((expired, dated(&world).await), (expires * ONE, left * ONE), "hour {hour}");
        world.books().check();
    }
    ledger.close_hold(&last, &HoldClosing::Release, &later(0, DAY + 7 * HOUR - 1)).await.expect("released");
    assert_eq!((looked(DAY + 7 * HOUR).await, dated(&world).await), (ONE, 0), "no hold covers it");
    assert_eq!(world.books().balance("alice/credits"), 10 * ONE);
}
