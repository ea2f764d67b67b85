//! The budget of an actor's key. It is drawn beside the actor, which acts the same with and without one.

use fastrand::Rng;
use ledger::{Budget, BudgetChange, CallerKey, Effect, Limits, Owner, Zone};

use super::credits;
use crate::world::World;

const ZONES: [&str; 4] = ["Z", "+08:00", "-05:00", "+05:45"];

/// Two of three keys have one. The generator of the actor stays as it is.
pub(super) fn draw(of_actor: &Rng) -> Option<Budget> {
    let mut rng = Rng::with_seed(of_actor.get_seed());
    let mut limit = |most: u64| rng.bool().then(|| credits(rng.u64(0..=most)));
    let limits = Limits { day: limit(12), month: limit(20), total: limit(30) };
    let zone = Zone::parse(ZONES[rng.usize(0..ZONES.len())]).expect("a zone");
    Budget::new(zone, limits).filter(|_| rng.u8(0..3) > 0)
}

/// The key is bound before.
pub(super) async fn set(world: &World, key: &CallerKey, owner: &Owner, budget: Option<Budget>) {
    if budget.is_some() {
        let change = BudgetChange { key: key.clone(), owner: owner.clone(), from: Ok(None), to: budget };
        world.by_hand(&format!("budget-{owner}"), vec![Effect::SetBudget(change)]).await;
    }
}
