//! The order and the rate of payment queries.

use ledger::Timestamp;

use super::*;

fn due(number: &str, owner: &str, created_s: i64, due_s: i64) -> DueOrder {
    let at = |seconds| Timestamp::EPOCH.plus_seconds(seconds);
    let row = DueRow { id: number.to_owned(), due_at: at(due_s).to_string() };
    DueOrder { row, owner: owner.to_owned(), created_at: Some(at(created_s)) }
}

fn queue_of(orders: Vec<DueOrder>) -> String {
    in_turns(orders).into_iter().map(|row| row.id).collect::<Vec<_>>().join(" ")
}

#[test]
fn owners_take_turns() {
    let mut orders: Vec<DueOrder> = (0..5).map(|n| due(&format!("a{n}"), "alice", n, n + 300)).collect();
    orders.extend([due("b0", "bob", 10, 310), due("b1", "bob", 11, 311), due("c0", "carol", 12, 312)]);
    assert_eq!(queue_of(orders), "a0 b0 c0 a1 b1 a2 a3 a4");
}

#[test]
fn first_queries_precede_all_others() {
    let orders = vec![
        due("older", "bob", 0, 2_400),
        due("second", "alice", 3_000, 3_600),
        due("unanswered", "carol", 3_000, 3_601),
        due("almost", "bob", 3_000, 3_599),
        due("first", "alice", 3_400, 3_700),
        due("without", "alice", 0, 300),
    ];
    let [.., without] = orders.as_slice() else { panic!("six") };
    let without = DueOrder { created_at: None, ..without.clone() };
    let orders = orders.into_iter().take(5).chain([without]).collect();
    assert_eq!(queue_of(orders), "almost first second unanswered older without");
}

#[tokio::test(start_paused = true)]
async fn queries_stay_within_the_rate_limit() {
    for (provider, queries_max) in [(Provider::Stripe, 10), (Provider::Wechat, 10), (Provider::Epay, 5)] {
        let (mut pace, mut queries) = (pace(provider), Vec::new());
        for query in 0..100_u64 {
            // A delayed run does not catch up.
            if query == 50 {
                tokio::time::sleep(Duration::from_secs(30)).await;
            }
            queries.push(pace.tick().await.into_std());
        }
        for window in queries.windows(queries_max + 1) {
            let [first, .., last] = window else { panic!("a window") };
            assert!(last.duration_since(*first) >= Duration::from_secs(1), "{provider:?}");
        }
    }
}
