//! Calls of the credits API by a shop's own server or by an owner, again until there is an answer.

use std::time::Duration;

use edge::{Reply, Service as _};
use ledger::{Effect, EventKey, Scopes, ServiceKey, ServiceKeyChange, ServiceKeyHash, Word, Writer};
use testkit::{Sent, Shape};
use tokio::time::sleep;

use crate::mark::Mark;
use crate::world::World;

/// A client tries a request again this often, and the last time when an outage of hours is over.
const PAUSES_S: [u64; 4] = [1, 20, 600, 40_000];

/// Makes a service key of this name, whose secret is `hs_<name>`.
pub(super) async fn open_server(world: &World, name: &str, scopes: &str) -> String {
    let secret = format!("{}{name}", ServiceKey::PREFIX);
    let id = format!("server-{name}");
    let key = ServiceKey {
        hash: ServiceKeyHash::of(&secret),
        name: Word::new(name).expect("a word"),
        scopes: Scopes::parse(scopes).expect("scopes"),
        made_by: EventKey::new(Writer::Manual, &id).expect("an id"),
        since: world.now(),
        revoked_at: None,
        rate: None,
    };
    world.by_hand(&id, vec![Effect::ServiceKey(ServiceKeyChange::Make(Box::new(key)))]).await;
    secret
}

/// One call of this key. A change has a name, under which it happens once. `None`: it was never answered.
pub(super) async fn call(world: &World, key: &str, name: &str, sent: Sent<'_>, mark: Mark) -> Option<Reply> {
    let sent = sent.with("authorization", format!("Bearer {key}"));
    let sent = if name.is_empty() { sent } else { sent.with("idempotency-key", name) };
    let event = sent.event(Shape::HttpApi);
    for (attempt, pause_s) in (0_u64..).zip(PAUSES_S) {
        let answer = world.invoke(&world.pools.credits, mark.child(attempt), async |credits, invocation| {
            credits.answer(&event, invocation).await
        });
        let answer = answer.await;
        world.detail(|| format!("{name}: {:?}", answer.as_ref().map(|reply| reply.status)));
        if let Some(reply) = answer.filter(|reply| reply.status < 500) {
            return Some(reply);
        }
        sleep(Duration::from_secs(pause_s)).await;
    }
    None
}

/// Erases what names this owner, by an administrator's key of that name.
pub(super) async fn erase(world: &World, admin: &str, owner: &str, name: &str, mark: Mark) -> Option<Reply> {
    let path = format!("/v1/owners/{owner}/personal-data");
    let sent = Sent { method: "DELETE", ..Sent::post(&path, br#"{"reason":"a request of theirs"}"#) };
    call(world, admin, name, sent, mark).await
}
