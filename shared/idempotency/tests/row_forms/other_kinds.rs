//! Rows of the kinds that the contract does not write.

use ledger::{
    CachedJwks, CallContext, Decision, EventKey, Fingerprint, JournalHeader, JwksCache as _, JwksName, Ledger as _,
    RawBody, Reason, Refusal, Source,
};
use testkit::{World, context, now};

/// A world with the kinds of rows that the contract does not write.
pub(crate) async fn world() -> World {
    let world = World::new();
    let ledger = world.ledger(1);
    let keys = CachedJwks { text: "{\"keys\":[]}".to_owned(), fetched_at: now() };
    ledger.cache_jwks(JwksName("fireblocks"), &keys, &context(1)).await.expect("written");
    let mut noise = fastrand::Rng::with_seed(1);
    let bytes: Vec<u8> = std::iter::repeat_with(|| noise.u8(..)).take(400_000).collect();
    let body =
        RawBody { method: "POST", path: "/", query: "", headers: &[], bytes: &bytes, bytes_at: now(), batch: None };
    let header = JournalHeader {
        receipt: EventKey::new(Source::Usage, "large").expect("an id"),
        writer: Source::Usage.into(),
        kind: "unparsed",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let refusal = Decision::Refuse(Refusal { header, reason: Reason::Unparsed, effects: Vec::new() });
    ledger.commit(&refusal, &CallContext { body: Some(body), ..context(1) }).await.expect_err("refused");
    world
}
