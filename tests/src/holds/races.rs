//! Holders, spenders, settlements and the sweep at the same moment, on real threads.

use tokio::task::JoinSet;

use super::*;

/// Of 20 undated credits and 30 that expire now, 64 spenders and holders at once take one each, while the sweep expires.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_spenders_and_holders_at_the_date_take_only_what_is_left() {
    let world = World::new();
    committed(&world, &credit("alice", "top", "20", None), 0).await;
    committed(&world, &credit("alice", "g1", "30", Some(until(DAY))), 0).await;
    let early = hold_of("alice", "early", "25", None, None);
    world.ledger(0).open_hold(&early, &context(0)).await.expect("a hold");
    let mut takers = JoinSet::new();
    for taker in 0..64_u64 {
        let ledger = world.ledger(taker);
        takers.spawn(async move {
            let context = later(taker, DAY);
            if taker % 2 == 0 {
                match ledger.commit(&spend("alice", &format!("e{taker}"), "1"), &context).await {
                    Ok(_) => return (1_i128, 0_i128),
                    Err(CommitError::Rejected(_)) => return (0, 0),
                    Err(error) => panic!("{error:?}"),
                }
            }
            let hold = hold_of("alice", &format!("h{taker}"), "1", None, None);
            match ledger.open_hold(&hold, &context).await {
                Ok(_) => (0, 1),
                Err(HoldError::Refused(_)) => (0, 0),
                Err(HoldError::Store(error)) => panic!("{error:?}"),
            }
        });
    }
    let taken = takers.join_all().await;
    let (spent, held) = taken.iter().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let books = world.books();
    books.check();
    // The early hold covers 25 of the 30 past their date, so that 5 expire, and 20 are free.
    assert_eq!(books.journal["expire#alice/credits.1"].change, -5 * ONE);
    assert_eq!(spent + held, 20, "{spent} spent, {held} held");
    let row = &books.accounts["alice/credits"];
    assert_eq!((row.available, row.held), (0, (25 + held) * ONE));
    let settled = world.ledger(0).close_hold(&early, &settle("25"), &later(99, DAY)).await;
    settled.expect("what was held is spent");
    assert_eq!(world.books().balance("alice/credits"), (20 - spent) * ONE);
}

/// A settlement, its repeat, the sweep, a release and the gateway's event of the same use: one charge, every time.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hold_that_is_swept_while_it_settles_is_charged_once() {
    for round in 0..40_u64 {
        let world = World::new();
        committed(&world, &credit("alice", "top", "10", None), 0).await;
        let charge = (round % 2 == 0).then_some("3");
        let hold = hold_of("alice", "h1", "4", Some("e1"), charge);
        world.ledger(0).open_hold(&hold, &context(0)).await.expect("a hold");
        let mut closers = JoinSet::new();
        for closer in 0..8_u64 {
            let (ledger, hold) = (world.ledger(round * 10 + closer), hold.clone());
            closers.spawn(async move {
                let context = later(closer, TTL);
                let closing = match closer % 4 {
                    0 => settle("3"),
                    1 => HoldClosing::Expire,
                    2 => HoldClosing::Settle { cost: amount("3"), facts: Vec::new(), reported: None },
                    _ => {
                        let booked = ledger.commit(&used("alice", "e1", "3"), &context).await;
                        assert!(matches!(booked, Ok(_) | Err(CommitError::Rejected(_))), "{booked:?}");
                        return;
                    }
                };
                let closed = ledger.close_hold(&hold, &closing, &context).await;
                assert!(closed.is_ok(), "{closed:?}");
            });
        }
        closers.join_all().await;
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 7 * ONE, "round {round}");
        assert_eq!(books.accounts["alice/credits"].held, 0, "round {round}");
    }
}
