//! The minutely schedule of the replay of refused events. A world skips the minutes in which none is due. So replays happen
//! amid the faults, as they do in a deployment, and not only after them.

use std::time::Duration;

use ledger::Sweep;
use tokio::time::sleep;

use crate::world::World;

/// Runs as long as the world, and starts nothing from this time on: the rounds after the last fault follow.
pub(crate) async fn follow(world: &World, until: Duration) {
    while world.elapsed() < until {
        if let Some(minute) = world.retries.take(world.elapsed()) {
            if !world.sweep(Sweep::Refused, world.mark_of(&format!("refused {minute}"))).await {
                world.retries.add_minute(minute + 1);
            }
            continue;
        }
        let pause = world.retries.next().map_or(Duration::MAX, |at| at.saturating_sub(world.elapsed()));
        tokio::select! {
            biased;
            () = world.retries.added.notified() => {}
            () = sleep(pause) => {}
        }
    }
    std::future::pending::<()>().await;
}
