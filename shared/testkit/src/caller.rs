//! Fixture: API keys of callers.

use ledger::{CallerKey, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, Ledger, Owner, Writer};

/// Binds this API key to this owner, as the operator's command does.
pub async fn api_key<L: Ledger>(ledger: &L, owner: &str, secret: &str) {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, &format!("key-{secret}")).unwrap(),
        writer: Writer::Manual,
        kind: "manual",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("owner", owner)]).into(),
        order: None,
    };
    let effects = vec![Effect::Bind { key: CallerKey::api(secret), owner: Owner::new(owner).unwrap() }];
    let decision = Decision::Record(Entry { header, effects, keeps_body: false, alarm: None });
    ledger.commit(&decision, &crate::context(0)).await.unwrap();
}
