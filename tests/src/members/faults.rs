//! Each fault at each call of what changes members or uses a member's key.

use super::*;
use crate::holds::settle;
use crate::lots::pairs;
use crate::operations::{Operation, Row, rows_give_the_same_books, singles};

/// Each after those before it, with its time, its result and the round trips.
fn operations() -> Vec<Row> {
    use Operation::{Close, Commit, Deliver, Open};
    const H: i64 = 60 * MINUTE;
    let none = bound("alice", None, &[]);
    let member = bound("alice", Some(budget("3")), &[("team", 0, None)]);
    let left = bound("alice", Some(budget("3")), &[("team", 0, Some(H))]);
    let joined = joins("k1", &none, "team", Some(budget("3")), 0);
    let circle = joins("k9", &bound("team", None, &[]), "alice", None, 0);
    let again = joins("k1", &left, "team", Some(budget("4")), 2 * H);
    let rejoined = bound("alice", Some(budget("4")), &[("team", 0, Some(H)), ("team", 2 * H, None)]);
    let revoke = Effect::Revoke { key: key("k1"), owner: owner("alice"), draws: rejoined.draws.clone() };
    vec![
        ("a key that joins", Commit(entry("j1", joined.clone())), 0, "booked", 1),
        ("the same again", Commit(entry("j1", joined)), 0, "booked", 1),
        ("a circle", Commit(entry("j2", circle.clone())), 0, "stale", 1),
        ("a use", Deliver("e1", "k1", "2"), MINUTE, BOOKED, 3),
        ("a use above its limit", Deliver("e2", "k1", "2"), MINUTE, BOOKED, 3),
        ("a use of more than the team has", Deliver("e3", "k1", "100"), MINUTE, "Insufficient credits", 3),
        ("a hold", Open(hold("h1", "5")), MINUTE, "open", 1),
        ("a key that leaves", Commit(entry("l1", leaves("k1", &member, "team", H))), H, "booked", 1),
        ("a use after it", Deliver("e4", "k1", "1"), H, BOOKED, 3),
        ("a settlement after it", Close(hold("h1", "5"), settle("4")), H, "settled 4000000000u false", 1),
        ("a key that joins again", Commit(entry("j3", again)), 2 * H, "booked", 1),
        ("a use of it", Deliver("e5", "k1", "1"), 2 * H, BOOKED, 3),
        ("a member that is revoked", Commit(entry("r1", revoke)), 3 * H, "booked", 1),
        ("a use of a revoked key", Deliver("e6", "k1", "1"), 3 * H, "Unknown remoteKeyId", 2),
        ("the other way round", Commit(entry("j4", circle)), 4 * H, "booked", 1),
    ]
}

/// Each fault at each call, and each pair at the first two.
#[tokio::test(start_paused = true)]
async fn every_fault_of_every_operation_gives_the_same_books() {
    let paired = ["a key that joins", "a use", "a key that leaves", "a member that is revoked"];
    let plans = |name: &str, calls| {
        let pairs = if paired.contains(&name) { pairs(1) } else { Vec::new() };
        [singles(calls), pairs].concat()
    };
    rows_give_the_same_books(&operations(), world, |books| books, plans).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes minutes: .ci/full runs it"]
async fn every_pair_of_faults_of_every_operation_gives_the_same_books() {
    rows_give_the_same_books(&operations(), world, |books| books, |_, calls| pairs(calls)).await;
}
