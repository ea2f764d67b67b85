//! Fixtures that a person makes: API keys of owners, service keys, exchange rates, and the pepper of codes.

use ledger::{
    CallerKey, CurrencyPair, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, Ledger, Owner, Rate,
    Scopes, ServiceKey, ServiceKeyChange, ServiceKeyHash, Timestamp, Word, Writer,
};

/// The pepper of redeem codes.
pub fn code_pepper() -> signing::CodePepper {
    signing::CodePepper::parse("a-local-pepper-of-the-tests-0123456789", signing::Strength::Local).unwrap()
}

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

/// Makes a service key with these scopes, which is `hs_<name>`.
pub async fn service_key<L: Ledger>(ledger: &L, name: &str, scopes: &str) {
    let receipt = EventKey::new(Writer::Manual, &format!("service-{name}")).unwrap();
    let key = ServiceKey {
        hash: ServiceKeyHash::of(&format!("hs_{name}")),
        name: Word::new(name).unwrap(),
        scopes: Scopes::parse(scopes).unwrap(),
        made_by: receipt.clone(),
        since: crate::now(),
        revoked_at: None,
        rate: None,
    };
    change_service_key(ledger, receipt, ServiceKeyChange::Make(Box::new(key))).await;
}

/// Revokes the service key `hs_<name>`.
pub async fn revoke_service_key<L: Ledger>(ledger: &L, name: &str) {
    let receipt = EventKey::new(Writer::Manual, &format!("revoke-{name}")).unwrap();
    change_service_key(ledger, receipt, ServiceKeyChange::Revoke(ServiceKeyHash::of(&format!("hs_{name}")))).await;
}

async fn change_service_key<L: Ledger>(ledger: &L, receipt: EventKey, change: ServiceKeyChange) {
    let header = JournalHeader {
        receipt,
        writer: Writer::Manual,
        kind: "service_key",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let decision =
        Decision::Record(Entry { header, effects: vec![Effect::ServiceKey(change)], keeps_body: false, alarm: None });
    ledger.commit(&decision, &crate::context(0)).await.unwrap();
}

/// Puts this exchange rate into force from this time on, as `MNT/CNY` and `0.00204`, unless it is.
pub async fn exchange_rate<L: Ledger>(ledger: &L, pair: &str, rate: &str, from: Timestamp) {
    let (pair, rate) = (CurrencyPair::parse(pair).unwrap(), Rate::parse(rate).unwrap());
    let receipt = EventKey::new(Writer::Manual, &format!("rate-{rate}")).unwrap();
    let rates = ledger.rates(pair, &crate::context(0)).await.unwrap();
    if rates.by_start.get(&from).is_some_and(|dated| dated.rate == rate) {
        return;
    }
    let rates = rates.set(rate, from, crate::now(), receipt.clone()).unwrap();
    let header = JournalHeader {
        receipt,
        writer: Writer::Manual,
        kind: "rate",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("pair", &pair.to_string())]).into(),
        order: None,
    };
    let decision =
        Decision::Record(Entry { header, effects: vec![Effect::Rates(rates)], keeps_body: false, alarm: None });
    ledger.commit(&decision, &crate::context(0)).await.unwrap();
}
