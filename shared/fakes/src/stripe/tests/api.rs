//! Sessions made, read and expired.

use serde_json::{Value, json as value};

use super::*;

#[test]
fn a_new_session_is_what_was_asked_for() {
    let stripe = stripe();
    let answered = post(&stripe, SESSIONS, PAYMENT, None);
    assert_eq!((answered.status, answered.events.len()), (200, 0));
    let headers = [("content-type", "application/json"), ("request-id", "req_demo000000000000000000000001")];
    assert_eq!(answered.headers, headers.map(|(name, value)| (name, value.to_owned())));
    let session = json(&answered.body);
    assert_says(
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
fn what_may_be_asked_for() {
    let data = "line_items[1][price_data][currency]=USD&line_items[1][price_data][unit_amount]=5\
                &line_items[1][price_data][product_data][name]=Fee&line_items[1][quantity]=3";
    let yearly = SUBSCRIPTION.replace("price_plan", "price_year");
    let made_on_the_way = "mode=subscription&line_items[0][price_data][currency]=eur\
                           &line_items[0][price_data][unit_amount]=700&line_items[0][price_data][product_data][name]=Plan\
                           &line_items[0][price_data][recurring][interval]=week&line_items[0][quantity]=1&success_url=http://a.test";
    let largest = "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=99999999\
                   &line_items[0][price_data][product_data][name]=Gold&line_items[0][quantity]=1&success_url=http://a.test";
    let reference = PAYMENT.replace("client_reference_id=order-1", &format!("client_reference_id={}", "é".repeat(200)));
    let rows = [
        (format!("{PAYMENT}&{data}"), 2_515, "usd", NOW + 86_400),
        (PAYMENT.replace("price_credits", "price_yen"), 1_000, "jpy", NOW + 86_400),
        (yearly, 20_000, "usd", NOW + 86_400),
        (made_on_the_way.to_owned(), 700, "eur", NOW + 86_400),
        (largest.to_owned(), 99_999_999, "usd", NOW + 86_400),
        (reference, 2_500, "usd", NOW + 86_400),
        (format!("{PAYMENT}&expires_at={}", NOW + 1_800), 2_500, "usd", NOW + 1_800),
        (format!("{PAYMENT}&expires_at={}", NOW + 86_400), 2_500, "usd", NOW + 86_400),
        (format!("{PAYMENT}&metadata[{}]={}", "k".repeat(40), "v".repeat(500)), 2_500, "usd", NOW + 86_400),
    ];
    for (body, amount, currency, expires_at) in rows {
        let answered = post(&stripe(), SESSIONS, &body, None);
        assert_eq!(answered.status, 200, "{body}: {}", answered.body);
        let expected =
            [("/amount_total", value!(amount)), ("/currency", value!(currency)), ("/expires_at", value!(expires_at))];
        assert_says(&json(&answered.body), &expected);
    }
}

#[test]
fn an_empty_value_of_metadata_is_none() {
    let stripe = stripe();
    let id = made(&stripe, &format!("{PAYMENT}&metadata[note]="));
    assert_says(&read_at(&stripe, &id, NOW), &[("/metadata", value!({ "order_id": "order-1" }))]);
}

#[test]
fn live_sessions_say_so() {
    let stripe = Stripe::new("https://pay.example.com", true, "demo");
    let body = "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=100\
                &line_items[0][price_data][product_data][name]=Demo&line_items[0][quantity]=1&success_url=https://a.test";
    let id = made(&stripe, body);
    assert!(id.starts_with("cs_live_demo"), "{id}");
    assert_says(&read_at(&stripe, &id, NOW), &[("/livemode", value!(true))]);
    for event in stripe.pay(&id, "4242424242424242", NOW).events {
        assert_says(&json(&event), &[("/livemode", value!(true)), ("/data/object/livemode", value!(true))]);
    }
}

#[test]
fn an_open_session_expires_by_itself() {
    let stripe = stripe();
    let id = made(&stripe, &format!("{PAYMENT}&expires_at={}", NOW + 1_800));
    assert_says(&read_at(&stripe, &id, NOW + 1_799), &[("/status", value!("open"))]);
    let expired = [("/status", value!("expired")), ("/url", Value::Null), ("/payment_status", value!("unpaid"))];
    assert_says(&read_at(&stripe, &id, NOW + 1_800), &expired);
}

#[test]
fn expiring_is_told_and_happens_once() {
    let stripe = stripe();
    let id = made(&stripe, PAYMENT);
    let expire = format!("{SESSIONS}/{id}/expire");
    let answered = post(&stripe, &expire, "", Some("key-1"));
    let session = json(&answered.body);
    assert_says(&session, &[("/id", value!(id)), ("/status", value!("expired")), ("/url", Value::Null)]);
    let [event] = answered.events.as_slice() else { panic!("{:?}", kinds(&answered.events)) };
    let request = answered.headers.iter().find(|(name, _)| *name == "request-id").map(|(_, id)| id.as_str());
    assert_says(
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
        "a repeat tells nothing"
    );
}
