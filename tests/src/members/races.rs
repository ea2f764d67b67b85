//! Members who spend the last credits of their team at the same moment, on real threads.

use tokio::task::JoinSet;

use super::*;

/// 64 members of as many owners, each with credits of their own, and 20 credits of the team.
async fn team_of_64() -> World {
    let world = World::new();
    top_up(&world, "team", "team", "20").await;
    for number in 0..64 {
        let name = format!("k{number}");
        open_account(&world, &format!("owner{number}"), &name, "9").await;
        join(&world, &format!("join-{name}"), &name, "team", 0).await;
    }
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixty_four_members_spend_no_more_than_the_team_has() {
    let world = team_of_64().await;
    let mut members = JoinSet::new();
    for number in 0..64_u64 {
        let sandbox = Sandbox::faultless(&world).await;
        members.spawn(async move {
            let body = body(&format!("e{number}"), &format!("k{number}"), "1", MINUTE);
            sandbox.deliver(&body, &moment_at(number, at(MINUTE))).await.expect("alive").status
        });
    }
    let answers = members.join_all().await;
    let of = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    assert_eq!((of(200), of(402)), (20, 44), "{answers:?}");
    let books = world.books();
    books.check();
    assert_eq!(books.balance("team/credits"), 0);
    assert!((0..64).all(|number| books.balance(&format!("owner{number}/credits")) == 9 * ONE), "no one else pays");
}

/// Half of the members leave while all of them spend: each use is paid once, by the team or by the member.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn members_who_leave_while_they_spend_are_charged_once() {
    let world = team_of_64().await;
    let mut spends = JoinSet::new();
    for number in 0..64_u64 {
        let (ledger, sandbox) = (world.ledger(number), Sandbox::faultless(&world).await);
        if number % 2 == 0 {
            spends.spawn(async move {
                let name = format!("k{number}");
                let context = later(100 + number, MINUTE);
                let bound = ledger.stored_key(&key(&name), &context).await.expect("a row").expect("bound");
                let left = entry(&format!("leave-{name}"), leaves(&name, &bound, "team", MINUTE));
                ledger.commit(&left, &context).await.expect("no member any more");
                200
            });
        }
        spends.spawn(async move {
            let body = body(&format!("e{number}"), &format!("k{number}"), "0.25", MINUTE);
            sandbox.deliver(&body, &moment_at(number, at(MINUTE))).await.expect("alive").status
        });
    }
    assert!(spends.join_all().await.iter().all(|status| *status == 200));
    let books = world.books();
    books.check();
    let of_members: i128 = (0..64).map(|number| 9 * ONE - books.balance(&format!("owner{number}/credits"))).sum();
    let of_team = 20 * ONE - books.balance("team/credits");
    assert_eq!(of_team + of_members, 16 * ONE);
    assert!(of_team >= 8 * ONE, "those who stay do not pay");
}
