//! Creating, reading and expiring sessions.

use serde_json::{Value, json as value};

use super::*;

#[test]
fn new_session_has_the_requested_members() {
    let stripe = stripe();
    let response = post(&stripe, SESSIONS, PAYMENT, None);
    assert_eq!((response.status, response.events.len()), (200, 0));
    let headers = [("content-type", "application/json"), ("request-id", "req_demo000000000000000000000001")];
    assert_eq!(response.headers, headers.map(|(name, value)| (name, value.to_owned())));
    let session = json(&response.body);
    assert_members(
        &session,
        &[
            ("/id", value!(FIRST)),
            ("/object", value!("checkout.session")),
            ("/amount_subtotal", value!(2_500)),
            ("/amount_total", value!(2_500)),
            ("/cancel_url", value!("https://shop.example.com/?a=1&b=2")),
            ("/client_reference_id", value!("order-1")),
            ("/created", value!(NOW)),
            ("/currency", value!("usd")),
            ("/customer", Value::Null),
            ("/customer_details", Value::Null),
            ("/expires_at", value!(NOW + 86_400)),
            ("/invoice", Value::Null),
            ("/livemode", value!(false)),
            ("/metadata", value!({ "order_id": "order-1" })),
            ("/mode", value!("payment")),
            ("/payment_intent", Value::Null),
            ("/payment_status", value!("unpaid")),
            ("/status", value!("open")),
            ("/subscription", Value::Null),
            ("/success_url", value!("https://shop.example.com/done?session={CHECKOUT_SESSION_ID}")),
            ("/url", value!(format!("http://127.0.0.1:9000/mock/stripe/pay/{FIRST}"))),
        ],
    );
    assert_eq!(read_at(&stripe, FIRST, NOW), session);
}

#[test]
fn valid_session_request_is_accepted() {
    let data = "line_items[1][price_data][currency]=USD&line_items[1][price_data][unit_amount]=5\
                &line_items[1][price_data][product_data][name]=Fee&line_items[1][quantity]=3";
    let yearly = SUBSCRIPTION.replace("price_plan", "price_year");
    let inline_price = "mode=subscription&line_items[0][price_data][currency]=eur\
                           &line_items[0][price_data][unit_amount]=700&line_items[0][price_data][product_data][name]=Plan\
                           &line_items[0][price_data][recurring][interval]=week&line_items[0][quantity]=1&success_url=http://a.test";
    let largest = "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=99999999\
                   &line_items[0][price_data][product_data][name]=Gold&line_items[0][quantity]=1&success_url=http://a.test";
    let reference = PAYMENT.replace("client_reference_id=order-1", &format!("client_reference_id={}", "é".repeat(200)));
    let rows = [
        (format!("{PAYMENT}&{data}"), 2_515, "usd", NOW + 86_400),
        (PAYMENT.replace("price_credits", "price_yen"), 1_000, "jpy", NOW + 86_400),
        (yearly, 20_000, "usd", NOW + 86_400),
        (inline_price.to_owned(), 700, "eur", NOW + 86_400),
        (largest.to_owned(), 99_999_999, "usd", NOW + 86_400),
        (reference, 2_500, "usd", NOW + 86_400),
        (format!("{PAYMENT}&expires_at={}", NOW + 1_800), 2_500, "usd", NOW + 1_800),
        (format!("{PAYMENT}&expires_at={}", NOW + 86_400), 2_500, "usd", NOW + 86_400),
        (format!("{PAYMENT}&metadata[{}]={}", "k".repeat(40), "v".repeat(500)), 2_500, "usd", NOW + 86_400),
    ];
    for (body, amount, currency, expires_at) in rows {
        let response = post(&stripe(), SESSIONS, &body, None);
        assert_eq!(response.status, 200, "{body}: {}", response.body);
        let expected =
            [("/amount_total", value!(amount)), ("/currency", value!(currency)), ("/expires_at", value!(expires_at))];
        assert_members(&json(&response.body), &expected);
    }
}

#[test]
fn empty_metadata_value_is_dropped() {
    let stripe = stripe();
    let id = new_session(&stripe, &format!("{PAYMENT}&metadata[note]="));
    assert_members(&read_at(&stripe, &id, NOW), &[("/metadata", value!({ "order_id": "order-1" }))]);
}

#[test]
fn live_session_and_events_have_livemode() {
    let stripe = Stripe::new("https://pay.example.com", true, "demo");
    let body = "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=100\
                &line_items[0][price_data][product_data][name]=Demo&line_items[0][quantity]=1&success_url=https://a.test";
    let id = new_session(&stripe, body);
    assert!(id.starts_with("cs_live_demo"), "{id}");
    assert_members(&read_at(&stripe, &id, NOW), &[("/livemode", value!(true))]);
    for event in stripe.pay(&id, "4242424242424242", NOW).events {
        assert_members(&json(&event), &[("/livemode", value!(true)), ("/data/object/livemode", value!(true))]);
    }
}

#[test]
fn open_session_expires_at_its_time() {
    let stripe = stripe();
    let id = new_session(&stripe, &format!("{PAYMENT}&expires_at={}", NOW + 1_800));
    assert_members(&read_at(&stripe, &id, NOW + 1_799), &[("/status", value!("open"))]);
    let expired = [("/status", value!("expired")), ("/url", Value::Null), ("/payment_status", value!("unpaid"))];
    assert_members(&read_at(&stripe, &id, NOW + 1_800), &expired);
}

#[test]
fn expired_session_sends_one_event() {
    let stripe = stripe();
    let id = new_session(&stripe, PAYMENT);
    let expire = format!("{SESSIONS}/{id}/expire");
    let response = post(&stripe, &expire, "", Some("key-1"));
    let session = json(&response.body);
    assert_members(&session, &[("/id", value!(id)), ("/status", value!("expired")), ("/url", Value::Null)]);
    let [event] = response.events.as_slice() else { panic!("{:?}", kinds(&response.events)) };
    let request = response.headers.iter().find(|(name, _)| *name == "request-id").map(|(_, id)| id.as_str());
    assert_members(
        &json(event),
        &[
            ("/type", value!("checkout.session.expired")),
            ("/object", value!("event")),
            ("/api_version", value!("2025-08-27.basil")),
            ("/created", value!(NOW)),
            ("/livemode", value!(false)),
            ("/pending_webhooks", value!(1)),
            ("/request", value!({ "id": request, "idempotency_key": "key-1" })),
            ("/data/object", session),
        ],
    );
    assert_eq!(
        kinds(&post(&stripe, &expire, "", Some("key-1")).events),
        Vec::<String>::new(),
        "a repeat sends no event"
    );
}
