//! Idempotency keys: replayed responses, conflicts, and responses that are not stored.

use super::*;

fn is_replayed(response: &Answered) -> bool {
    response.headers.contains(&("idempotent-replayed", "true".to_owned()))
}

#[test]
fn repeated_request_replays_the_first_response() {
    let stripe = stripe();
    let first = post(&stripe, SESSIONS, PAYMENT, Some("key-1"));
    // The same parameters in another order and with other escapes.
    let (head, tail) = PAYMENT.split_once('&').expect("two parameters");
    let reordered = format!("{tail}&{}", head.replace('=', "=%70").replace("%70p", "%70"));
    for body in [PAYMENT, &reordered] {
        let repeat = post(&stripe, SESSIONS, body, Some("key-1"));
        assert_eq!((repeat.status, &repeat.body), (200, &first.body));
        assert!(is_replayed(&repeat) && !is_replayed(&first));
    }
    // The replay is the original response, not the current session.
    stripe.pay(FIRST, "4242424242424242", NOW);
    assert_eq!(post(&stripe, SESSIONS, PAYMENT, Some("key-1")).body, first.body);
    for other in [None, Some("key-2")] {
        let response = post(&stripe, SESSIONS, PAYMENT, other);
        assert!(!is_replayed(&response) && response.body != first.body, "{other:?}");
    }
    assert_eq!(stripe.state().sessions.len(), 3);
}

#[test]
fn key_with_another_request_is_refused() {
    let stripe = stripe();
    let id = text(&json(&post(&stripe, SESSIONS, PAYMENT, Some("key-1")).body), "/id");
    let expire = format!("{SESSIONS}/{id}/expire");
    let other = PAYMENT.replace("[quantity]=2", "[quantity]=3");
    let invalid = PAYMENT.replace("mode=payment", "mode=none");
    let rows = [
        (SESSIONS, other.as_str(), "with the same parameters they were first used with"),
        (SESSIONS, invalid.as_str(), "with the same parameters they were first used with"),
        (expire.as_str(), "", "for the same endpoint they were first used for ('/v1/checkout/sessions')"),
    ];
    for (path, body, differs) in rows {
        let response = post(&stripe, path, body, Some("key-1"));
        let error = json(&response.body);
        let message = format!(
            "Keys for idempotent requests can only be used {differs}. Try using a key other than 'key-1' if you meant to \
             execute a different request."
        );
        assert_eq!((response.status, text(&error, "/error/type")), (400, "idempotency_error".to_owned()));
        assert_eq!(text(&error, "/error/message"), message);
        assert!(!is_replayed(&response) && response.events.is_empty());
    }
    assert_eq!(text(&read_at(&stripe, &id, NOW), "/status"), "open");
    assert_eq!(stripe.state().sessions.len(), 1);
}

#[test]
fn refusal_is_not_stored() {
    let stripe = stripe();
    let wrong = PAYMENT.replace("price_credits", "price_none");
    for _ in 0..2 {
        let response = post(&stripe, SESSIONS, &wrong, Some("key-1"));
        assert_eq!((response.status, is_replayed(&response)), (400, false));
    }
    let response = post(&stripe, SESSIONS, PAYMENT, Some("key-1"));
    assert_eq!((response.status, is_replayed(&response)), (200, false));
}

#[test]
fn failure_is_replayed() {
    let stripe = stripe();
    let failing = |path: &str, body: &str, key| stripe.answer_failing(None, &post_call(path, body, key));
    assert_eq!(failing(SESSIONS, "mode=none", None).status, 400, "only a valid request fails");
    let first = failing(SESSIONS, PAYMENT, Some("key-1"));
    let again = post(&stripe, SESSIONS, PAYMENT, Some("key-1"));
    assert_eq!((first.status, is_replayed(&first)), (500, false));
    assert_eq!(text(&json(&first.body), "/error/type"), "api_error");
    assert_eq!((again.status, is_replayed(&again), &again.body), (500, true, &first.body));
    assert_eq!(failing(SESSIONS, PAYMENT, Some("key-1")).body, first.body);
    assert_eq!(stripe.sessions(), [""; 0]);
    let expire = format!("{SESSIONS}/{}/expire", new_session(&stripe, PAYMENT));
    let failed = failing(&expire, "", None);
    assert_eq!((failed.status, failed.events.len()), (500, 0));
    assert_eq!(post(&stripe, &expire, "", None).status, 200);
}

#[test]
fn key_is_limited_in_length_and_ignored_on_get() {
    for (chars, status) in [(255, 200), (256, 400)] {
        assert_eq!(post(&stripe(), SESSIONS, PAYMENT, Some(&"é".repeat(chars))).status, status, "{chars}");
    }
    let stripe = stripe();
    let path = format!("{SESSIONS}/{}", new_session(&stripe, PAYMENT));
    let read = |key| {
        let call =
            Call { method: "GET", path: &path, authorization: Some(KEY), idempotency_key: key, body: "", now_s: NOW };
        stripe.answer(&call)
    };
    let first = read(Some("key-1"));
    let again = read(Some("key-1"));
    assert_eq!((first.status, again.status, is_replayed(&again)), (200, 200, false));
    assert_eq!(post(&stripe, SESSIONS, PAYMENT, Some("key-1")).status, 200, "the key is still free");
}
