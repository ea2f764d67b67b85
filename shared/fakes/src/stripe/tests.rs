//! Tests of the Stripe fake: API responses, payments, pages, forms and ids.

mod api;
mod idempotency;
mod lists;
mod page;
mod paying;
mod refusals;

use std::collections::BTreeSet;

use serde_json::Value;

use super::calendar::period_end;
use super::form::{FormError, Params};
use crate::{Answered, Call, Interval, Page, Paid, Price, Stripe};

const NOW: i64 = 1_767_225_600; // 2026-01-01T00:00:00Z
const SESSIONS: &str = "/v1/checkout/sessions";
const KEY: &str = "Bearer sk_test_demo";
const FIRST: &str = "cs_test_demo000000000000000000000002";

const PAYMENT: &str = "mode=payment&line_items[0][price]=price_credits&line_items[0][quantity]=2\
    &success_url=https://shop.example.com/done?session={CHECKOUT_SESSION_ID}\
    &cancel_url=https://shop.example.com/?a=1%26b=2\
    &client_reference_id=order-1&metadata[order_id]=order-1&payment_intent_data[metadata][order_id]=order-1";
const SUBSCRIPTION: &str = "mode=subscription&line_items%5B0%5D%5Bprice%5D=price_plan&line_items[0][quantity]=1\
    &success_url=https://shop.example.com/done&customer_email=alice%40example.com\
    &metadata[order_id]=order-2&subscription_data[metadata][owner]=alice";

fn stripe() -> Stripe {
    let price = |id: &str, name: &str, unit_amount, currency: &str, interval| Price {
        id: id.to_owned(),
        name: name.to_owned(),
        unit_amount,
        currency: currency.to_owned(),
        interval,
    };
    Stripe::new("http://127.0.0.1:9000/mock/stripe/pay/", false, "demo").with_prices([
        price("price_credits", "Credits", 1_250, "usd", None),
        price("price_yen", "Credits", 500, "jpy", None),
        price("price_plan", "Plan", 2_000, "usd", Some(Interval::Month)),
        price("price_year", "Plan", 20_000, "usd", Some(Interval::Year)),
    ])
}

fn post(stripe: &Stripe, path: &str, body: &str, key: Option<&str>) -> Answered {
    stripe.answer(&post_call(path, body, key))
}

fn post_call<'c>(path: &'c str, body: &'c str, key: Option<&'c str>) -> Call<'c> {
    Call { method: "POST", path, authorization: Some(KEY), idempotency_key: key, body, now_s: NOW }
}

fn read_at(stripe: &Stripe, id: &str, now_s: i64) -> Value {
    read_path_at(stripe, &format!("{SESSIONS}/{id}"), now_s)
}

fn read_path(stripe: &Stripe, path: &str) -> Value {
    read_path_at(stripe, path, NOW)
}

fn read_path_at(stripe: &Stripe, path: &str, now_s: i64) -> Value {
    let call = Call { method: "GET", path, authorization: Some(KEY), idempotency_key: None, body: "", now_s };
    json(&stripe.answer(&call).body)
}

/// Creates a session and returns its id.
fn new_session(stripe: &Stripe, body: &str) -> String {
    let response = post(stripe, SESSIONS, body, None);
    assert_eq!(response.status, 200, "{}", response.body);
    text(&json(&response.body), "/id")
}

fn json(body: &str) -> Value {
    serde_json::from_str(body).expect("JSON")
}

fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} of {value}")).to_owned()
}

fn kinds(events: &[String]) -> Vec<String> {
    events.iter().map(|event| text(&json(event), "/type")).collect()
}

/// Asserts the value at each JSON pointer.
fn assert_members(value: &Value, rows: &[(&str, Value)]) {
    for (pointer, expected) in rows {
        assert_eq!(value.pointer(pointer), Some(expected), "{pointer}");
    }
}

#[test]
fn malformed_form_is_rejected() {
    let rows = [
        ("", Ok(vec![])),
        ("a=1", Ok(vec![("a", "1")])),
        ("a=", Ok(vec![("a", "")])),
        ("a=1+2&b=%2B%26%3d", Ok(vec![("a", "1 2"), ("b", "+&=")])),
        ("m%5Bk%5D=%E2%82%AC", Ok(vec![("m[k]", "€")])),
        ("a=b=c?d", Ok(vec![("a", "b=c?d")])),
        ("a", Err(FormError::NotAPair)),
        ("=1", Err(FormError::NotAPair)),
        ("a=1&", Err(FormError::NotAPair)),
        ("a=%", Err(FormError::Escape)),
        ("a=%4", Err(FormError::Escape)),
        ("a=%+1", Err(FormError::Escape)),
        ("a=%gg", Err(FormError::Escape)),
        ("a=%FF", Err(FormError::Text)),
        ("a=1&%61=1", Err(FormError::Twice("a".to_owned()))),
    ];
    for (form, expected) in rows {
        let read = Params::decode(form).map(|mut params| {
            let mut pairs = Vec::new();
            while let Some(name) = params.first_remaining().map(str::to_owned) {
                let value = params.take(&name).expect("a value");
                pairs.push((name, value));
            }
            pairs
        });
        let owned = |pairs: Vec<(&str, &str)>| pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(read, expected.map(owned), "{form}");
    }
}

#[test]
fn take_under_takes_only_direct_members() {
    let mut params = Params::decode("m[a]=1&m[b][c]=2&m[]=3&ma=4&m=5&n[m][a]=6&n[m][b]=7").expect("a form");
    assert!(params.has("m") && params.has("n[m]") && !params.has("a"));
    assert_eq!(params.take_under("m").into_iter().collect::<Vec<_>>(), [("a".to_owned(), "1".to_owned())]);
    assert_eq!(params.take_under("n[m]").into_values().collect::<Vec<_>>(), ["6", "7"]);
    assert_eq!(params.first_remaining(), Some("m"));
}

#[test]
fn period_ends_on_the_same_day_or_last_of_month() {
    let rows = [
        (NOW, Interval::Day, 1_767_312_000),
        (NOW, Interval::Week, 1_767_830_400),
        (NOW, Interval::Month, 1_769_904_000),           // 2026-02-01
        (NOW, Interval::Year, 1_798_761_600),            // 2027-01-01
        (1_769_904_061, Interval::Month, 1_772_323_261), // 2026-02-01 to 03-01, at 00:01:01
        (1_769_817_600, Interval::Month, 1_772_236_800), // 2026-01-31 to 02-28
        (1_706_659_200, Interval::Month, 1_709_164_800), // 2024-01-31 to 02-29
        (1_709_164_800, Interval::Year, 1_740_700_800),  // 2024-02-29 to 2025-02-28
        (1_798_675_200, Interval::Month, 1_801_353_600), // 2026-12-31 to 2027-01-31
        (0, Interval::Month, 2_678_400),
    ];
    for (start, interval, end) in rows {
        assert_eq!(period_end(start, interval), end, "{start} {interval:?}");
    }
    assert!(period_end(i64::MAX, Interval::Year) >= 0, "an invalid time terminates");
}

/// Every id that a fake with this seed returns, of all kinds of objects.
fn all_ids(seed: &str) -> BTreeSet<String> {
    let stripe = Stripe::new("http://127.0.0.1:9000/pay", false, seed);
    let body = "mode=payment&line_items[0][price_data][currency]=usd&line_items[0][price_data][unit_amount]=100\
                &line_items[0][price_data][product_data][name]=Demo&line_items[0][quantity]=1&success_url=http://a.test/";
    let mut ids = BTreeSet::new();
    for _ in 0..3 {
        let session = new_session(&stripe, body);
        let events = stripe.pay(&session, "4242424242424242", NOW).events;
        let of_event = events.iter().map(|event| json(event));
        let of_events = of_event.flat_map(|event| [text(&event, "/id"), text(&event, "/data/object/id")]);
        ids.extend(of_events);
        ids.insert(session);
    }
    ids
}

#[test]
fn ids_are_unique_and_follow_from_the_seed() {
    let (one, other) = (all_ids("one"), all_ids("o-t/h<er"));
    assert_eq!(one.len(), 3 * 6, "three events, an intent, a charge and the session");
    assert_eq!(one, all_ids("one"));
    assert!(one.is_disjoint(&other));
    assert!(other.iter().all(|id| id.contains("_other0") && id.len() >= 24 + "pi_".len()));
}

#[test]
fn debug_output_is_redacted() {
    let stripe = stripe();
    let path = format!("{SESSIONS}?sk_test_demo");
    let call = Call {
        method: "POST",
        path: &path,
        authorization: Some(KEY),
        idempotency_key: Some("sk_test_demo"),
        body: "sk_test_demo",
        now_s: NOW,
    };
    let secret = || "sk_test_demo".to_owned();
    let response = Answered { status: 200, headers: vec![("x", secret())], body: secret(), events: vec![secret()] };
    let paid = Paid { events: vec![secret()], redirect: Some(secret()), error: None };
    let page = Page { status: 200, html: secret() };
    let text = format!("{stripe:?} {call:?} {response:?} {paid:?} {page:?}");
    assert!(!text.contains("sk_test"), "{text}");
    assert!(text.contains("POST") && text.contains(SESSIONS), "{text}");
}
