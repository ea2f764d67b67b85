//! Fixtures that a person makes: API keys of callers, and exchange rates.

use ledger::{
    CallerKey, CurrencyPair, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, Ledger, Owner, Rate, Writer,
};

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

/// Puts this exchange rate into force, as `MNT/CNY` and `0.00204`, unless it is.
pub async fn exchange_rate<L: Ledger>(ledger: &L, pair: &str, rate: &str) {
    let (pair, rate) = (CurrencyPair::parse(pair).unwrap(), Rate::parse(rate).unwrap());
    let receipt = EventKey::new(Writer::Manual, &format!("rate-{rate}")).unwrap();
    let rates = ledger.rates(pair, &crate::context(0)).await.unwrap();
    if rates.in_force(crate::now()) == Some(&rate) {
        return;
    }
    let rates = rates.set(rate, crate::now(), crate::now(), receipt.clone()).unwrap();
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
