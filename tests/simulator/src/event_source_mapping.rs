//! The event source mapping that calls `fulfil` with the records of the stream: in batches, and again after a failure.

use std::time::Duration;

use edge::Worker as _;
use tokio::time::sleep;

use crate::mark::Mark;
use crate::world::World;

/// The attempts before the records of a batch are given up, as the template declares them.
const ATTEMPTS_MAX: u64 = 9;
/// The stream's own delay.
const LAG: Duration = Duration::from_millis(200);

/// Runs as long as the world.
pub(crate) async fn follow(world: &World) {
    let mark = world.mark_of("stream");
    let mut batches = 0;
    loop {
        let batch = world.stream.take();
        if batch.is_empty() {
            world.stream.changed().await;
            sleep(LAG).await;
            continue;
        }
        batches += 1;
        deliver(world, batch, mark.child(batches)).await;
    }
}

async fn deliver(world: &World, mut batch: Vec<(String, String)>, mark: Mark) {
    for attempt in 0..ATTEMPTS_MAX {
        let records: Vec<&str> = batch.iter().map(|(_, record)| record.as_str()).collect();
        let event = format!(r#"{{"Records":[{}]}}"#, records.join(","));
        let run = world.invoke(&world.pools.fulfil, mark.child(attempt), async |fulfil, invocation| {
            fulfil.work(&event, invocation).await.ok()
        });
        match run.await.flatten() {
            Some(failures) => {
                let failed: Vec<String> =
                    failures.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect();
                let Some(first) = batch.iter().position(|(number, _)| failed.contains(number)) else { return };
                batch.drain(..first);
                world.detail(|| format!("fulfil fails on {} records", failed.len()));
            }
            None => world.detail(|| "fulfil fails on a batch".to_owned()),
        }
        sleep(Duration::from_millis(100 << attempt)).await;
    }
    world.step(|| format!("the stream gives up {} records", batch.len()));
}
