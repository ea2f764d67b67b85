//! Exchange rates: a changed rate gives another order at the next click, and without a rate no order is made.

use ledger::{
    CallContext, CurrencyPair, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, OrderNumber, Rate, Writer,
};

use super::*;

const TOP_UP: &str = r#"{"product":"5000","phoneNumber":"88001122"}"#;

/// Sets this rate in place of the one in force, or none.
async fn replace(shop: &Shop, rate: Option<&str>) {
    let (ledger, pair) = (shop.world.ledger(9), CurrencyPair::parse("MNT/CNY").expect("a pair"));
    let context = CallContext { received_at: shop.now, ..testkit::context(99) };
    let mut rates = ledger.rates(pair, &context).await.expect("read");
    let id = rate.unwrap_or("none");
    let receipt = EventKey::new(Writer::Manual, id).expect("an id");
    let version = rates.version;
    if let Some(start) = rates.start_in_force(shop.now) {
        rates = rates.revoke(start, shop.now).expect("revoked");
    }
    if let Some(rate) = rate {
        let rate = Rate::parse(rate).expect("a rate");
        rates = rates.set(rate, shop.now, shop.now, receipt.clone()).expect("set");
    }
    rates.version = version.checked_add(1).expect("small");
    let header = JournalHeader {
        receipt,
        writer: Writer::Manual,
        kind: "rate",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("rate", id)]).into(),
        order: None,
    };
    let entry = Entry { header, effects: vec![Effect::Rates(rates)], keeps_body: false, alarm: None };
    ledger.commit(&Decision::Record(entry), &context).await.expect("changed");
}

#[tokio::test(start_paused = true)]
async fn click_after_a_change_of_the_rate_gets_an_order_at_the_new_one() {
    let mut shop = Shop::new().await;
    let first = shop.click(1, TOP_UP).await;
    assert_eq!(summary(&first), is(201, "unpaid"));
    shop.later(60);
    replace(&shop, Some("0.003")).await;
    let second = shop.click(2, TOP_UP).await;
    assert_eq!(summary(&second), is(201, "unpaid"));
    let price = |reply: &Reply| {
        let number = OrderNumber::new(&word(reply, "orderNumber")).expect("a number");
        let (ledger, context) = (shop.world.ledger(8), testkit::context(8));
        async move {
            let terms = ledger.order(&number, &context).await.expect("read").expect("there").terms;
            format!("{} at {}", terms.price, terms.exchange.expect("an exchange").rate)
        }
    };
    assert_eq!((price(&first).await, price(&second).await), ("10.2 CNY at 0.00204".into(), "15 CNY at 0.003".into()));
    assert_eq!(shop.payment(&word(&first, "orderNumber")), "expired", "its page is closed");
}

#[tokio::test(start_paused = true)]
async fn click_without_a_rate_in_force_is_refused_and_writes_nothing() {
    let mut shop = Shop::new().await;
    let first = shop.click(1, TOP_UP).await;
    shop.later(60);
    replace(&shop, None).await;
    let (before, calls) = (shop.world.books(), shop.net.calls().len());
    assert_eq!(summary(&shop.click(2, TOP_UP).await), is(503, "exchange_rate_missing"));
    assert_eq!((shop.world.books(), shop.net.calls().len()), (before, calls), "nothing is written, no page is begun");
    // The order that the buyer has can be paid: it keeps its price.
    let number = word(&first, "orderNumber");
    assert_eq!(summary(&shop.click(3, &format!(r#"{{"orderNumber":"{number}"}}"#)).await), is(200, "unpaid"));
}
