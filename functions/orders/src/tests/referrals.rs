//! Referral credits: an order of a referred buyer keeps them, with the referrer of that moment.

use ledger::{Asset, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, Owner, Writer};
use testkit::MemoryLedger;

use super::*;

const BUY: &str = r#"{"product":"credits-100"}"#;

async fn refer<L: Ledger>(ledger: &L, owner: &str, referrer: &str) {
    let [owner, referrer] = [owner, referrer].map(|name| Owner::new(name).expect("an owner"));
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, owner.as_str()).expect("an id"),
        writer: Writer::Manual,
        kind: "referrer",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("owner", owner.as_str())]).into(),
        order: None,
    };
    let effects = vec![Effect::Refer { owner, from: None, to: Some(referrer) }];
    let entry = Entry { header, effects, keeps_body: false, alarm: None };
    ledger.commit(&Decision::Record(entry), &testkit::context(98)).await.expect("referred");
}

#[tokio::test]
async fn order_of_a_referred_buyer_keeps_the_credits_for_a_first_purchase() {
    let with_referral = |product: &str| {
        let named = format!("\"{product}\": {{");
        let referral = format!("{named} \"referral\": {{ \"buyer\": \"5\", \"referrer\": \"10\" }},");
        let json = catalog::SHIPPED.replacen(&named, &referral, 1);
        assert_ne!(json, catalog::SHIPPED, "the catalog has {product}");
        Catalog::parse(&json).expect("valid")
    };
    let rows =
        [("credits-100", None, None), ("credits-100", Some("bob"), Some("bob")), ("full-report", Some("bob"), None)];
    for (product, referrer, expected) in rows {
        let mut function = function(MemoryLedger::default()).await;
        function.api.catalog = with_referral(product);
        if let Some(referrer) = referrer {
            refer(&function.ledger, "alice", referrer).await;
        }
        let request = post("/orders", BUY).with("idempotency-key", "k1");
        assert_eq!(sent(&function, 1, &request).await.status, 201);
        let number = OrderNumber::new(&number_of("alice", "k1")).expect("a number");
        let order = function.ledger.order(&number, &testkit::context(1)).await.expect("read").expect("there");
        let credits = |text: &str| Asset::CREDITS.parse(text).expect("valid");
        let found =
            order.terms.referral.map(|referral| (referral.by.to_string(), referral.to_buyer, referral.to_referrer));
        let expected = expected.map(|by: &str| (by.to_owned(), credits("5"), credits("10")));
        assert_eq!(found, expected, "{product} by a buyer referred by {referrer:?}");
    }
}
