//! The JWKS cache of both ledgers keeps the keys that were fetched last, in any order of writes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use ledger::{CachedJwks, JwksCache, JwksName};
use testkit::{Fault, MemoryLedger, World, context, now};

const NAME: JwksName = JwksName("fireblocks");

fn copied(text: &str, seconds: i64) -> CachedJwks {
    CachedJwks { text: text.to_owned(), fetched_at: now().plus_seconds(seconds) }
}

async fn keeps_the_newest(jwks_cache: &impl JwksCache) {
    assert_eq!(jwks_cache.cached_jwks(NAME, &context(1)).await.unwrap(), None);
    let rows = [(10, "first"), (20, "second"), (20, "third"), (15, "fourth"), (21, "fifth")];
    let kept = ["first", "second", "second", "second", "fifth"];
    for ((seconds, text), kept) in rows.into_iter().zip(kept) {
        jwks_cache.cache_jwks(NAME, &copied(text, seconds), &context(1)).await.unwrap();
        let found = jwks_cache.cached_jwks(NAME, &context(1)).await.unwrap().unwrap();
        assert_eq!(found.text, kept, "{text}");
    }
    assert_eq!(jwks_cache.cached_jwks(NAME, &context(1)).await.unwrap(), Some(copied("fifth", 21)));
    assert_eq!(jwks_cache.cached_jwks(JwksName("other"), &context(1)).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn older_keys_do_not_replace_newer_ones() {
    let world = World::new();
    keeps_the_newest(&world.ledger(1)).await;
    keeps_the_newest(&MemoryLedger::default()).await;
    // The row is neither an account nor a key.
    assert_eq!(world.books(), World::new().books());
}

#[tokio::test(start_paused = true)]
async fn keys_survive_each_fault() {
    for fault in Fault::ALL {
        if matches!(fault, Fault::Kill | Fault::KillApplied) {
            continue;
        }
        let world = World::new();
        let (ledger, _) = world.faulty(1, move |call, _| if call == 0 { fault } else { Fault::None });
        ledger.cache_jwks(NAME, &copied("kept", 0), &context(1)).await.unwrap();
        let (ledger, _) = world.faulty(2, move |call, _| if call == 0 { fault } else { Fault::None });
        assert_eq!(ledger.cached_jwks(NAME, &context(1)).await.unwrap(), Some(copied("kept", 0)), "{fault:?}");
    }
}
