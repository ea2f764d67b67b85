//! Many uses of one key at the same moment, on real threads.

use tokio::task::JoinSet;

use super::*;

/// Of 5 a day, 64 charges and holds at once take one each.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_charges_and_holds_never_take_more_than_a_limit() {
    let world = world().await;
    let mut takers = JoinSet::new();
    for taker in 0..64_u64 {
        let ledger = world.ledger(taker);
        takers.spawn(async move {
            let operation = if taker % 2 == 0 {
                Operation::Commit(charge(&format!("c{taker}"), "1", 0))
            } else {
                Operation::Open(hold(&format!("h{taker}"), "1"))
            };
            operation.on(&ledger, taker, 0).await.expect("an answer")
        });
    }
    let answers = takers.join_all().await;
    let taken = answers.iter().filter(|answer| ["booked", "open"].contains(&answer.as_str())).count();
    let refused = answers.iter().filter(|answer| answer.starts_with("budget_exceeded")).count();
    assert_eq!((taken, refused), (5, 59), "{answers:?}");
    world.books().check();
    assert_eq!(spent(&world), of(&[("2025-12", 5 * ONE), ("2025-12-31", 5 * ONE), ("total", 5 * ONE)]));
}

/// 64 reports at the turn of the day and the year, half of each: every one is counted in its own windows.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_reports_at_the_turn_of_the_day_are_each_counted_in_their_own() {
    let world = world().await;
    let mut reports = JoinSet::new();
    for report in 0..64_u64 {
        let ledger = world.ledger(report);
        reports.spawn(async move {
            let sent = if report % 2 == 0 { 3_599 } else { 3_600 };
            let used = Operation::Commit(used(&format!("e{report}"), "1", sent));
            used.on(&ledger, report, 3_600).await.expect("an answer")
        });
    }
    assert!(reports.join_all().await.iter().all(|answer| answer == "booked"));
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 36 * ONE);
    let half = 32 * ONE;
    let windows =
        [("2025-12", half), ("2025-12-31", half), ("2026-01", half), ("2026-01-01", half), ("total", 2 * half)];
    assert_eq!(spent(&world), of(&windows));
    // The first 5 of each day are within its limit, the first 8 of each month, and the first 12 altogether.
    let marks = |window: &str| {
        let is_marked = |mark: &&String| mark.split(' ').any(|word| word == window);
        books.journal.values().filter_map(|row| row.over_budget.as_ref()).filter(is_marked).count()
    };
    assert_eq!((marks("day"), marks("month"), marks("total")), (54, 48, 52));
}

/// Holds that close while others open: what is counted is what was charged, and what is still held.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn holds_that_open_and_close_at_once_leave_what_they_have_charged() {
    let world = world().await;
    let mut holders = JoinSet::new();
    for holder in 0..32_u64 {
        let ledger = world.ledger(holder);
        holders.spawn(async move {
            let hold = hold(&format!("h{holder}"), "1");
            let opened = Operation::Open(hold.clone()).on(&ledger, holder, 0).await.expect("an answer");
            if opened == "open" {
                let closing = if holder % 2 == 0 { settle("0.5") } else { HoldClosing::Release };
                let at = if holder % 3 == 0 { 3_600 } else { 0 };
                Operation::Close(hold, closing).on(&ledger, holder, at).await.expect("an answer");
            }
        });
    }
    holders.join_all().await;
    let books = world.books();
    books.check();
    let charged = 100 * ONE - books.balance("alice/credits");
    assert_eq!(spent(&world), of(&[("2025-12", charged), ("2025-12-31", charged), ("total", charged)]));
}
