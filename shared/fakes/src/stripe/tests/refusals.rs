//! Refused requests, with their exact errors and without any effect.

use serde_json::{Value, json as value};

use super::*;

/// status, type, code, param, message
type Error<'e> = (u16, &'e str, Option<&'e str>, Option<&'e str>, &'e str);

fn assert_refused(response: &Answered, (status, kind, code, param, message): Error<'_>, row: &str) {
    let error = json(&response.body);
    let of = |name: &str| error["error"][name].as_str();
    assert_eq!((response.status, of("message")), (status, Some(message)), "{row}");
    assert_eq!((of("type"), of("code"), of("param")), (Some(kind), code, param), "{row}");
    assert!(response.events.is_empty(), "{row}");
}

const INVALID: &str = "invalid_request_error";

#[test]
fn missing_or_wrong_api_key_is_unauthorized() {
    const NONE: &str = "You did not provide an API key. You need to provide your API key in the Authorization header, using \
                        Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').";
    const WRONG: &str = "Invalid API Key provided: ****";
    let rows = [
        (None, Some(NONE)),
        (Some("sk_test_demo"), Some(NONE)),
        (Some("Basic sk_test_demo"), Some(NONE)),
        (Some("Bearer "), Some(WRONG)),
        (Some("Bearer sk_"), Some(WRONG)),
        (Some("Bearer pk_test_demo"), Some(WRONG)),
        (Some("Bearer sk_test_demo"), None),
        (Some("Bearer sk_live_demo"), None),
    ];
    for (authorization, refused) in rows {
        let stripe = stripe();
        let call =
            Call { method: "POST", path: SESSIONS, authorization, idempotency_key: None, body: PAYMENT, now_s: NOW };
        let response = stripe.answer(&call);
        match refused {
            Some(message) => assert_refused(&response, (401, INVALID, None, None, message), message),
            None => assert_eq!(response.status, 200, "{authorization:?}"),
        }
    }
}

#[test]
fn unknown_path_or_object_is_not_found() {
    let missing = Some("resource_missing");
    let no_session = (404, INVALID, missing, Some("session"), "No such checkout.session: cs_test_none");
    let rows: &[(&str, &str, Error<'_>)] = &[
        ("GET", "/v1/checkout/sessions/cs_test_none", no_session),
        ("POST", "/v1/checkout/sessions/cs_test_none/expire", no_session),
        ("GET", "/v1/charges", (404, INVALID, None, None, "Unrecognized request URL (GET: /v1/charges).")),
        ("GET", SESSIONS, (404, INVALID, None, None, "Unrecognized request URL (GET: /v1/checkout/sessions).")),
        (
            "POST",
            "/v1/checkout/sessionsx",
            (404, INVALID, None, None, "Unrecognized request URL (POST: /v1/checkout/sessionsx)."),
        ),
        (
            "POST",
            "/v1/checkout/sessionsx/a/expire",
            (404, INVALID, None, None, "Unrecognized request URL (POST: /v1/checkout/sessionsx/a/expire)."),
        ),
        (
            "POST",
            "/v1/checkout/sessions?color=red&mode=payment",
            (
                400,
                INVALID,
                Some("parameter_missing"),
                Some("line_items"),
                "The `line_items` parameter is required in payment mode.",
            ),
        ),
        (
            "DELETE",
            "/v1/checkout/sessions/a",
            (404, INVALID, None, None, "Unrecognized request URL (DELETE: /v1/checkout/sessions/a)."),
        ),
        (
            "GET",
            "/v1/checkout/sessions/a?expand[]=b",
            (400, INVALID, Some("parameter_unknown"), Some("expand[]"), "Received unknown parameter: expand[]"),
        ),
    ];
    for (method, path, error) in rows {
        let call = Call { method, path, authorization: Some(KEY), idempotency_key: None, body: "", now_s: NOW };
        assert_refused(&stripe().answer(&call), *error, path);
    }
}

#[test]
fn invalid_session_parameters_are_refused() {
    let expanded = |text: &str| {
        let line = text.replace("LINE", "line_items[0][price]=price_credits&line_items[0][quantity]=2");
        line.replace("DATA", "line_items[0][price_data]").replace("COUNT", "line_items[0][quantity]")
    };
    let rows = include_str!("refusals.txt").lines().filter(|row| !row.is_empty() && !row.starts_with('#'));
    for row in rows {
        let columns: Vec<String> = row.split(" | ").map(expanded).collect();
        let [old, new, code, param, message] = columns.as_slice() else { panic!("five columns: {row}") };
        let some = |text: &'_ String| (text != "-").then(|| text.clone());
        let body = PAYMENT.replacen(old, &some(new).unwrap_or_default(), 1);
        assert_ne!(body, PAYMENT, "{row}");
        let stripe = stripe();
        let response = post(&stripe, SESSIONS, &body, None);
        let (code, param) = (some(code), some(param));
        assert_refused(&response, (400, INVALID, code.as_deref(), param.as_deref(), message), row);
        assert!(stripe.state().sessions.is_empty(), "{row}");
    }
}

#[test]
fn oversized_values_are_refused() {
    let key = format!("payment_intent_data[metadata][{}]", "k".repeat(41));
    let many = (0..50).fold(String::new(), |form, n| form + "&metadata[k" + &n.to_string() + "]=v");
    let rows = [
        (
            PAYMENT.replace("_id=order-1&", &format!("_id={}&", "x".repeat(201))),
            "client_reference_id",
            "Invalid string: must be at most 200 characters",
        ),
        (
            format!("{PAYMENT}&metadata[note]={}", "x".repeat(501)),
            "metadata[note]",
            "Metadata values can have up to 500 characters",
        ),
        (format!("{PAYMENT}&{key}=v"), key.as_str(), "Metadata keys can have up to 40 characters"),
        (format!("{PAYMENT}{many}"), "metadata", "Metadata can have up to 50 keys"),
    ];
    for (body, param, message) in rows {
        assert_refused(&post(&stripe(), SESSIONS, &body, None), (400, INVALID, None, Some(param), message), message);
    }
}

#[test]
fn subscription_needs_prices_of_one_interval() {
    let rows = [
        (
            "price_plan".to_owned(),
            "price_credits",
            "You must provide at least one recurring price in `subscription` mode when using prices.",
        ),
        (
            "line_items[0][quantity]=1".to_owned(),
            "line_items[0][quantity]=1&line_items[1][price]=price_year&line_items[1][quantity]=1",
            "Checkout does not support multiple prices with different billing intervals.",
        ),
    ];
    for (old, new, message) in rows {
        let response = post(&stripe(), SESSIONS, &SUBSCRIPTION.replace(&old, new), None);
        assert_refused(&response, (400, INVALID, None, None, message), new);
    }
}

#[test]
fn closed_session_cannot_be_expired() {
    let stripe = stripe();
    let [paid, expired, late] = [(); 3].map(|()| new_session(&stripe, PAYMENT));
    stripe.pay(&paid, "4242424242424242", NOW);
    post(&stripe, &format!("{SESSIONS}/{expired}/expire"), "", None);
    let rows = [(&paid, NOW, "complete"), (&expired, NOW, "expired"), (&late, NOW + 86_400, "expired")];
    for (id, now_s, status) in rows {
        let path = format!("{SESSIONS}/{id}/expire");
        let call =
            Call { method: "POST", path: &path, authorization: Some(KEY), idempotency_key: None, body: "", now_s };
        let response = stripe.answer(&call);
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{status}`."
        );
        let error: Value = json(&response.body);
        assert_eq!((response.status, &error["error"]["message"]), (400, &value!(message)));
        assert!(response.events.is_empty(), "{status}");
    }
    let unknown = post(&stripe, &format!("{SESSIONS}/{late}/expire"), "why=1", None);
    assert_refused(
        &unknown,
        (400, INVALID, Some("parameter_unknown"), Some("why"), "Received unknown parameter: why"),
        "",
    );
}
