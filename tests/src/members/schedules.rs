//! Random schedules: keys join, leave and are used, by functions and commands whose calls fail.

use std::collections::BTreeMap;

use ledger::{Committed, Draws};

use super::*;
use crate::recorded::is_all_tried;
use crate::sandbox::Named;

const TRIED: u64 = 100;
const SCHEDULES: u64 = 300;
const STEPS: i64 = 16;

#[derive(Default)]
struct Known {
    /// The periods of each key, as its commands were acknowledged.
    draws: BTreeMap<&'static str, Draws>,
    /// The key and the time of each event that was answered.
    answered: BTreeMap<String, (&'static str, i64)>,
}

fn owner_of(name: &str) -> &'static str {
    if name == "k1" { "alice" } else { "bob" }
}

#[expect(clippy::disallowed_methods, reason = "how a person names the seed to play again")]
/// Every event is paid once, by who paid at its time, and by no one else.
#[tokio::test(start_paused = true)]
async fn every_use_is_paid_once_by_who_paid_at_its_time() {
    let first = std::env::var("HOOKLEDGER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = if is_all_tried() { SCHEDULES } else { TRIED };
    for seed in first.map_or(0..seeds, |seed: u64| seed..seed + 1) {
        let _named = Named { seed, tests: "members::schedules" };
        let mut rng = fastrand::Rng::with_seed(seed);
        let world = world().await;
        top_up(&world, "bobs", "bob", "20").await;
        top_up(&world, "alices", "alice", "20").await;
        let mut known = Known::default();
        for step in 0..STEPS {
            let seconds = step * 100;
            let name = if rng.bool() { "k1" } else { "k2" };
            match rng.u8(0..4) {
                0 => change(&world, &mut rng, &mut known, name, seconds).await,
                _ => use_key(&world, &mut rng, &mut known, name, (step, seconds)).await,
            }
        }
        let books = world.books();
        books.check();
        for (id, (name, sent)) in &known.answered {
            let draws = known.draws.get(name).cloned().unwrap_or_default();
            let bound = BoundKey { draws, ..BoundKey::of(owner(owner_of(name))) };
            let payer = bound.used(&key(name), at(*sent), at(*sent)).payer;
            let row = &books.journal[&format!("usage#{id}")];
            assert_eq!(row.account, Some(format!("{payer}/credits")), "{id}");
        }
        let spent: i128 = known.answered.len().try_into().expect("few");
        let left: i128 = ["team", "alice", "bob"].map(|owner| books.balance(&format!("{owner}/credits"))).iter().sum();
        assert_eq!(left, (20 + 25 + 20 - spent) * ONE, "each was paid once");
    }
}

async fn change(world: &World, rng: &mut fastrand::Rng, known: &mut Known, name: &'static str, seconds: i64) {
    let draws = known.draws.get(name).cloned().unwrap_or_default();
    let before = BoundKey { draws, ..BoundKey::of(owner(owner_of(name))) };
    let change = if before.draws.open().is_some() {
        MemberChange::leave(&key(name), &before, &owner("team"), at(seconds))
    } else {
        MemberChange::join(&key(name), &before, &owner("team"), None, at(seconds))
    };
    let change = change.expect("a change");
    let decision = entry(&format!("c{seconds}"), Effect::Member(Box::new(change.clone())));
    // Until it is acknowledged, as a person repeats a command that got no answer.
    for attempt in 0..100 {
        let (ledger, _faults) = Sandbox::unlucky_ledger(world, rng);
        let context = later(rng.u64(..), seconds);
        let answer = tokio::time::timeout(Duration::from_mins(1), ledger.commit(&decision, &context)).await;
        if matches!(answer, Ok(Ok(Committed::Now(_) | Committed::Earlier(_)))) {
            known.draws.insert(name, change.to);
            return;
        }
        assert!(!matches!(answer, Ok(Err(CommitError::Stale | CommitError::Rejected(_)))), "{attempt}: {answer:?}");
    }
    panic!("{name} was never answered")
}

/// Delivered late, several times, and by functions that do not know the key yet.
async fn use_key(
    world: &World,
    rng: &mut fastrand::Rng,
    known: &mut Known,
    name: &'static str,
    (step, seconds): (i64, i64),
) {
    let id = format!("e{step}");
    let sent = rng.i64(0..=seconds);
    let body = body(&id, name, "1", sent);
    for _ in 0..100 {
        let sandbox = Sandbox::unlucky(world, rng).await;
        let reply = sandbox.deliver(&body, &moment_at(rng.u64(..), at(seconds))).await;
        if reply.is_some_and(|reply| reply.status == 200) {
            known.answered.insert(id, (name, sent));
            return;
        }
    }
    panic!("{id} was never answered")
}
