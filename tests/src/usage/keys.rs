//! Revoked API keys: how long a warm function may still accept one, and the events that used it.

use ledger::{
    CallerKey, Committed, Decision, Draws, Effect, Entry, EventKey, Fingerprint, JournalHeader, Ledger as _, Owner,
    Writer,
};
use testkit::{World, context, now, usage};

use crate::sandbox::{Sandbox, message, moment_at, open_account};

async fn revoke(world: &World, owner: &str, key: &str) {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, key).expect("an id"),
        writer: Writer::Manual,
        kind: "revoke_key",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let (key_of_owner, owner) = (CallerKey::remote(key).expect("a key"), Owner::new(owner).expect("an owner"));
    let effect = Effect::Revoke { key: key_of_owner, owner, draws: Draws::default() };
    let decision = Decision::Record(Entry { header, effects: vec![effect], keeps_body: false, alarm: None });
    let done = world.ledger(9).commit(&decision, &context(9)).await;
    assert!(matches!(done, Ok(Committed::Now(_))), "{done:?}");
}

#[tokio::test(start_paused = true)]
async fn revoked_key_is_refused_within_a_minute() {
    const BOOKED: &str = "Event processed successfully";
    const UNKNOWN: &str = "Unknown remoteKeyId";
    let world = World::new();
    open_account(&world, "alice", "k1", "10").await;
    let (warm, cold) = (Sandbox::faultless(&world).await, Sandbox::faultless(&world).await);
    let rows = [
        ("before", &warm, 0, BOOKED),
        ("in a function that knows it", &warm, 59, BOOKED),
        ("in another", &cold, 1, UNKNOWN),
        ("in the first after a minute", &warm, 60, UNKNOWN),
        ("and for good", &warm, 3_600, UNKNOWN),
    ];
    for (attempt, (name, sandbox, late, expected)) in (1..).zip(rows) {
        if attempt == 2 {
            revoke(&world, "alice", "k1").await;
        }
        let invocation = moment_at(attempt, now().plus_seconds(late));
        let reply = sandbox.deliver(&usage(&format!("e{attempt}"), "k1", "1").to_string(), &invocation).await;
        assert_eq!(message(&reply.expect("alive")), expected, "{name}");
    }
    let books = world.books();
    books.check();
    assert_eq!((books.balance("alice/credits"), books.keys.len()), (8_000_000_000, 0));
}
