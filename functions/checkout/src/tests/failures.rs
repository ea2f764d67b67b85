//! Every refusal with its exact reply, and the order's state after it.

use ledger::{
    Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, Order, OrderNumber, Owner, PaymentState, Provider,
    Writer,
};
use testkit::context;

use super::*;

#[tokio::test(start_paused = true)]
async fn invalid_request_is_refused() {
    let rows = [
        ("", 400, "body_invalid"),
        ("[]", 400, "body_invalid"),
        ("{}", 400, "product_missing"),
        (r#"{"quantity":2}"#, 400, "product_missing"),
        (r#"{"product":1}"#, 400, "product_invalid"),
        (r#"{"product":"nothing"}"#, 400, "unknown_product"),
        (r#"{"product":"credits-100","quantity":0}"#, 400, "quantity_out_of_range"),
        (r#"{"product":"credits-100","quantity":101}"#, 400, "quantity_out_of_range"),
        (r#"{"product":"credits-100","quantity":"1"}"#, 400, "quantity_invalid"),
        (r#"{"product":"credits-100","amount":1}"#, 400, "unknown_field"),
        (r#"{"product":"credits-100","provider":"stripe"}"#, 400, "unknown_field"),
        (r#"{"product":"credits-100","product":"posx-10"}"#, 400, "duplicate_field"),
        (r#"{"product":"credits-100","orderNumber":"HL1"}"#, 400, "fields_conflict"),
        (r#"{"orderNumber":"HL1","quantity":1}"#, 400, "fields_conflict"),
        (r#"{"product":"unitel-sd5000"}"#, 400, "phone_missing"),
        (r#"{"orderNumber":7}"#, 400, "order_number_invalid"),
        (r#"{"orderNumber":"HL1"}"#, 404, "order_not_found"),
        (r#"{"orderNumber":"stripe#cs_1"}"#, 404, "order_not_found"),
    ];
    let shop = Shop::new().await;
    for (body, status, code) in rows {
        assert_eq!(summary(&shop.click(1, body).await), is(status, code), "{body}");
    }
    assert_eq!((shop.net.calls().len(), shop.world.books().orders.len()), (0, 0));
}

/// An order that was created elsewhere, in this state.
pub(super) async fn order(shop: &Shop, number: &str, owner: &str, provider: Provider, state: PaymentState) {
    let catalog = Catalog::parse(catalog::SHIPPED).expect("a valid catalog");
    let choice = catalog::Choice { quantity: 1, provider: Some(provider), ..catalog::Choice::default() };
    let terms = catalog.product("credits-1000").expect("a product").terms(&choice, None).expect("sold");
    created(shop, number, owner, terms).await;
    closed(shop, number, state).await;
}

/// An order that was created elsewhere, on these terms.
pub(super) async fn created(shop: &Shop, number: &str, owner: &str, terms: ledger::Terms) {
    let owner = Owner::new(owner).expect("an owner");
    let order = Order::new(OrderNumber::new(number).expect("a number"), owner, terms, now());
    write(shop, &order, &format!("{number}-created"), vec![order.clone().created()]).await;
}

/// Closes the order as a webhook would.
pub(super) async fn closed(shop: &Shop, number: &str, state: PaymentState) {
    let number = OrderNumber::new(number).expect("a number");
    let order = shop.world.ledger(9).order(&number, &context(9)).await.expect("books").expect("an order");
    write(shop, &order, &format!("{number}-{}", state.as_str()), order.apply_unpaid(state)).await;
}

/// Pays the order as a webhook would.
pub(super) async fn paid(shop: &Shop, number: &str, by: &str) {
    let number = OrderNumber::new(number).expect("a number");
    let order = shop.world.ledger(9).order(&number, &context(9)).await.expect("books").expect("an order");
    let by = ledger::Reference::new(order.terms.provider, by).expect("a reference");
    let payment = ledger::Payment { by, money: order.terms.price, at: now() };
    write(shop, &order, &format!("{number}-paid"), order.pay(&payment).expect("agrees")).await;
}

/// Flags the order as a webhook with a payment one cent short would.
pub(super) async fn mispaid(shop: &Shop, number: &str, by: &str) {
    let number = OrderNumber::new(number).expect("a number");
    let order = shop.world.ledger(9).order(&number, &context(9)).await.expect("books").expect("an order");
    let by = ledger::Reference::new(order.terms.provider, by).expect("a reference");
    let short = order.terms.price.amount.saturating_sub(ledger::Amount::from_units(1));
    let money = ledger::Money { amount: short, ..order.terms.price };
    let anomaly = order.pay(&ledger::Payment { by, money, at: now() }).expect_err("another amount");
    write(shop, &order, &format!("{number}-mispaid"), order.flag(&anomaly)).await;
}

async fn write(shop: &Shop, order: &Order, event: &str, effects: Vec<Effect>) {
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, event).expect("a key"),
        writer: Writer::Manual,
        kind: "test",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: Some(order.number.clone()),
    };
    let entry = Entry { header, effects, keeps_body: false, alarm: None };
    shop.world.ledger(9).commit(&Decision::Record(entry), &context(9)).await.expect("booked");
}

#[tokio::test(start_paused = true)]
async fn order_canceled_elsewhere_leaves_no_page_open() {
    let shop = Shop::new().await;
    let first = shop.click(1, CREDITS).await;
    closed(&shop, &word(&first, "orderNumber"), PaymentState::Canceled).await;
    let next = shop.click(2, CREDITS).await;
    assert_eq!((summary(&next), shop.net.open()), (is(201, "unpaid"), vec![word(&next, "sessionId")]));
}

#[tokio::test(start_paused = true)]
async fn only_payable_order_of_owner_and_provider_is_started() {
    let shop = Shop::new().await;
    let rows = [
        ("HL-bobs", "bob", Provider::Stripe, PaymentState::Unpaid, is(404, "order_not_found")),
        ("HL-wechat", "alice", Provider::Wechat, PaymentState::Unpaid, is(409, "wrong_provider")),
        ("HL-canceled", "alice", Provider::Stripe, PaymentState::Canceled, is(409, "order_canceled")),
        ("HL-expired", "alice", Provider::Stripe, PaymentState::Expired, is(409, "order_expired")),
        ("HL-failed", "alice", Provider::Stripe, PaymentState::Failed, is(201, "failed")),
        ("HL-unpaid", "alice", Provider::Stripe, PaymentState::Unpaid, is(201, "unpaid")),
    ];
    for (number, owner, provider, state, expected) in rows {
        order(&shop, number, owner, provider, state).await;
        let calls = shop.net.calls().len();
        let reply = shop.click(1, &format!(r#"{{"orderNumber":"{number}"}}"#)).await;
        assert_eq!(summary(&reply), expected, "{number}");
        assert_eq!(shop.net.calls().len() - calls, usize::from(expected.0 == 201), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn session_fault_gives_its_error_and_next_click_recovers() {
    use NetFault::{Altered, Delay, Disconnect, DropRequest, DropResponse, Garbage, Own, Status};
    let late = Delay(std::time::Duration::from_secs(3));
    // The reply, the order's state after it, and the number of orders after the next click.
    let rows = [
        (DropRequest, is(504, "stripe_timeout"), "unpaid", 1),
        (DropResponse, is(504, "stripe_timeout"), "unpaid", 1),
        (Disconnect, is(504, "stripe_timeout"), "unpaid", 1),
        (late, is(504, "stripe_timeout"), "unpaid", 1),
        (Garbage, is(502, "stripe_unreadable"), "unpaid", 1),
        (Status(302), is(502, "stripe_unreadable"), "unpaid", 1),
        (Status(409), is(503, "stripe_busy"), "unpaid", 1),
        (Status(429), is(503, "stripe_busy"), "unpaid", 1),
        (Status(400), is(502, "stripe_refused"), "unpaid", 1),
        (Status(401), is(502, "stripe_refused"), "unpaid", 1),
        (Status(402), is(502, "stripe_refused"), "unpaid", 1),
        (Status(403), is(502, "stripe_refused"), "unpaid", 1),
        (Status(500), is(502, "stripe_failed"), "canceled", 2),
        (Status(503), is(502, "stripe_failed"), "canceled", 2),
        (Own(StripeFault::KeptFailure), is(502, "stripe_failed"), "canceled", 2),
        (Altered("\"hookledger_order\":\"HL", "\"hookledger_order\":\"XX"), is(502, "stripe_unreadable"), "unpaid", 1),
        (Altered("\"amount_total\":999", "\"amount_total\":99"), is(502, "price_mismatch"), "canceled", 2),
        (Altered("\"currency\":\"usd\"", "\"currency\":\"cny\""), is(502, "price_mismatch"), "canceled", 2),
    ];
    for (fault, expected, state, orders) in rows {
        let shop = Shop::new().await;
        let row = format!("{fault:?}");
        shop.net.fail(move |_, what| if what.ends_with("/sessions") { fault } else { NetFault::None });
        assert_eq!(summary(&shop.click(1, CREDITS).await), expected, "{row}");
        let number = shop.world.books().orders.keys().next().expect("an order").clone();
        assert_eq!(shop.payment(&number), state, "{row}");
        shop.net.recover();
        let next = shop.click(2, CREDITS).await;
        assert_eq!(summary(&next), is(201, "unpaid"), "{row}");
        assert_eq!(word(&next, "orderNumber") == number, state == "unpaid", "{row}");
        assert_eq!(shop.world.books().orders.len(), orders, "{row}");
        shop.world.books().check();
    }
}

#[tokio::test(start_paused = true)]
async fn session_with_another_price_is_closed() {
    let report = r#"{"product":"full-report"}"#;
    let mut shop = Shop::new().await;
    shop.kept_price = "price_dear";
    let refused = shop.click(1, report).await;
    let expected = r#"{"error":"price_mismatch","message":"Stripe has another price for this product."}"#;
    assert_eq!((refused.status, refused.body.as_str()), (502, expected));
    let calls = shop.net.calls();
    assert!(calls[1].endpoint.ends_with("/expire") && calls.len() == 2, "the page is closed: {calls:?}");
    shop.kept_price = "price_unknown";
    assert_eq!(summary(&shop.click(2, report).await), is(502, "stripe_refused"));
    shop.kept_price = "price_report";
    assert_eq!(summary(&shop.click(3, report).await), is(201, "unpaid"), "the refused session left nothing");
    // Other parameters under the same key: the price changed between two clicks, and the first one had no answer.
    let shop = Shop { kept_price: "price_report", ..Shop::new().await };
    shop.net.fail(|_, _| NetFault::DropResponse);
    assert_eq!(summary(&shop.click(1, report).await), is(504, "stripe_timeout"));
    shop.net.recover();
    let shop = Shop { kept_price: "price_dear", ..shop };
    assert_eq!(summary(&shop.click(2, report).await), is(502, "stripe_failed"));
    let shop = Shop { kept_price: "price_report", ..shop };
    assert_eq!(summary(&shop.click(3, report).await), is(201, "unpaid"));
}

#[tokio::test(start_paused = true)]
async fn page_that_cannot_be_queried_is_unchanged() {
    let rows = [
        (NetFault::DropRequest, is(504, "stripe_timeout")),
        (NetFault::Status(500), is(502, "stripe_failed")),
        (NetFault::Status(429), is(503, "stripe_busy")),
        (NetFault::Status(404), is(502, "stripe_refused")),
        (NetFault::Garbage, is(502, "stripe_unreadable")),
        (NetFault::Altered("\"url\":\"https://pay.invalid/", "\"url\":null,\"was\":\""), is(502, "stripe_unreadable")),
    ];
    for (fault, expected) in rows {
        let shop = Shop::new().await;
        let first = shop.click(1, CREDITS).await;
        let before = shop.world.books();
        let row = format!("{fault:?}");
        shop.net.fail(move |_, _| fault);
        assert_eq!(summary(&shop.click(2, CREDITS).await), expected, "{row}");
        assert_eq!(shop.world.books().journal, before.journal, "{row}");
        shop.net.recover();
        assert_eq!(shop.click(3, CREDITS).await.body, first.body, "{row}");
    }
}
