//! What buyers of every provider do alike: they have a key of the shop, and click until it answers.

use std::time::Duration;

use edge::Service as _;
use serde_json::Value;
use testkit::{Sent, Shape};
use tokio::time::sleep;

use super::quoted::set_rates;
use crate::mark::Mark;
use crate::world::World;

const ATTEMPTS_MAX: u64 = 4;

/// Gives a buyer a key.
pub(super) async fn register(world: &World, name: &str) {
    testkit::api_key(world.ledger(), name, &format!("key-of-{name}")).await;
    set_rates(world).await;
}

/// A click of this buyer; again until the shop answers, a few times. Returns the body of the answer.
pub(super) async fn click(world: &World, name: &str, (path, body): (&str, &str), mark: Mark) -> Option<Value> {
    let sent = Sent::post(path, body.as_bytes());
    let request = sent.with("authorization", format!("Bearer key-of-{name}")).event(Shape::HttpApi);
    for attempt in 0..ATTEMPTS_MAX {
        let mark = mark.child(attempt);
        sleep(Duration::from_millis(mark.rng().u64(0..200))).await;
        let reply = world.invoke(&world.pools.checkout, mark, async |checkout, invocation| {
            checkout.answer(&request, invocation).await
        });
        let reply = reply.await;
        world.detail(|| format!("{name} clicks: {:?}", reply.as_ref().map(|reply| reply.status)));
        if let Some(reply) = reply.filter(|reply| reply.status < 500) {
            return serde_json::from_str(&reply.body).ok();
        }
        sleep(Duration::from_secs(mark.rng().u64(1..20))).await;
    }
    None
}
