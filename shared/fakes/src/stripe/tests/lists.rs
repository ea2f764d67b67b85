//! Lists: events, newest first, and payment intents by metadata.

use serde_json::{Value, json as value};

use super::*;

fn get(stripe: &Stripe, path: &str) -> (u16, Value) {
    let call = Call { method: "GET", path, authorization: Some(KEY), idempotency_key: None, body: "", now_s: NOW };
    let response = stripe.answer(&call);
    assert!(response.events.is_empty(), "{path}");
    (response.status, json(&response.body))
}

fn ids(list: &Value) -> Vec<String> {
    list["data"].as_array().expect("a list").iter().map(|item| text(item, "/id")).collect()
}

/// The three events of a payment at this time, and their ids in order.
fn paid_at(stripe: &Stripe, now_s: i64) -> (Vec<String>, Vec<String>) {
    let events = stripe.pay(&new_session(stripe, PAYMENT), "4242424242424242", now_s).events;
    let ids = events.iter().map(|event| text(&json(event), "/id")).collect();
    (events, ids)
}

#[test]
fn events_are_listed_newest_first() {
    let stripe = stripe();
    let (early, first) = paid_at(&stripe, NOW);
    let (_, second) = paid_at(&stripe, NOW + 60);
    stripe.delivered(&early[1]);
    let all: Vec<&String> = first.iter().chain(&second).collect();
    // Expected events by index in their order of creation.
    let rows: [(&str, &[usize], bool); 8] = [
        ("", &[5, 4, 3, 2, 1, 0], false),
        ("?limit=2", &[5, 4], true),
        ("?limit=6", &[5, 4, 3, 2, 1, 0], false),
        (&format!("?limit=2&starting_after={}", second[1]), &[3, 2], true),
        (&format!("?starting_after={}", first[0]), &[], false),
        ("?delivery_success=false", &[5, 4, 3, 2, 0], false),
        ("?delivery_success=true", &[1], false),
        (&format!("?created[gte]={}&delivery_success=false", NOW + 60), &[5, 4, 3], false),
    ];
    for (query, expected, has_more) in rows {
        let (status, list) = get(&stripe, &format!("/v1/events{query}"));
        let rest = (status, &list["object"], &list["has_more"], &list["url"]);
        assert_eq!(rest, (200, &value!("list"), &value!(has_more), &value!("/v1/events")), "{query}");
        let expected: Vec<String> = expected.iter().map(|index| all[*index].clone()).collect();
        assert_eq!(ids(&list), expected, "{query}");
    }
    let (_, list) = get(&stripe, "/v1/events?limit=1");
    assert_eq!(list["data"][0]["data"]["object"]["object"], "checkout.session");
}

#[test]
fn intent_is_found_by_metadata_from_the_first_attempt() {
    let stripe = stripe();
    let search = |query: &str| get(&stripe, &format!("/v1/payment_intents/search?query={query}")).1;
    let session = new_session(&stripe, PAYMENT);
    let ours = "metadata['order_id']:'order-1'";
    assert_eq!(search(ours)["data"], value!([]), "no attempt to pay");
    stripe.pay(&session, "4000000000000002", NOW);
    let declined = search(ours)["data"][0].clone();
    stripe.pay(&session, "4242424242424242", NOW);
    let paid = search(ours);
    assert_eq!(
        (&paid["object"], &paid["has_more"], &paid["next_page"]),
        (&value!("search_result"), &value!(false), &Value::Null)
    );
    let paid = paid["data"][0].clone();
    assert_eq!((&declined["status"], &declined["amount_received"]), (&value!("requires_payment_method"), &value!(0)));
    assert_eq!((&paid["status"], &paid["amount_received"]), (&value!("succeeded"), &value!(2_500)));
    assert_eq!((&paid["id"], &paid["object"]), (&declined["id"], &value!("payment_intent")));

    let subscribed = new_session(&stripe, SUBSCRIPTION);
    stripe.pay(&subscribed, "4242424242424242", NOW);
    for none in ["metadata['owner']:'alice'", "metadata['order_id']:'order-2'", "metadata['order']:'order-1'"] {
        assert_eq!(search(none)["data"], value!([]), "{none}");
    }
}

#[test]
fn invalid_list_request_is_refused() {
    let stripe = stripe();
    let rows = [
        ("/v1/events?limit=0", "limit", "Invalid integer: 0"),
        ("/v1/events?limit=101", "limit", "Invalid integer: 101"),
        ("/v1/events?starting_after=evt_1", "starting_after", "No such event: 'evt_1'"),
        ("/v1/events?created[gte]=now", "", "Invalid timestamp: now"),
        ("/v1/events?delivery_success=no", "", "Invalid boolean: no"),
        ("/v1/events?color=red", "color", "Received unknown parameter: color"),
        ("/v1/payment_intents/search", "query", "Missing required param: query."),
        ("/v1/payment_intents/search?query=a", "query", "We were unable to parse your search query."),
        (
            "/v1/payment_intents/search?query=metadata['a']:'b'%20OR%20metadata['c']:'d'",
            "query",
            "We were unable to parse your search query.",
        ),
    ];
    for (path, param, message) in rows {
        let (status, error) = get(&stripe, path);
        assert_eq!((status, text(&error, "/error/message").as_str()), (400, message), "{path}");
        assert_eq!(error["error"]["param"].as_str().unwrap_or_default(), param, "{path}");
    }
}
