//! Every refusal of a Stripe delivery: its exact status and body, and its effect on the ledger.

use super::*;

const INVALID_PAYLOAD: (u16, &str) = (400, r#"{"error":"Invalid payload"}"#);
const INVALID_SIGNATURE: (u16, &str) = (400, r#"{"error":"Invalid signature"}"#);

fn post(body: &str) -> Sent<'_> {
    Sent::post(PATH, body.as_bytes())
}

fn signed_with(key: &[u8], t: i64, body: &str) -> String {
    let keys = signing::hmac_hex::Keys::parse(std::str::from_utf8(key).expect("text"), Strength::Local).expect("a key");
    signing::hmac_hex::sign(&keys, format!("{t}.{body}").as_bytes())
}

#[tokio::test(start_paused = true)]
async fn unverified_delivery_leaves_no_trace() {
    const HEADER: &str = signing::stripe::HEADER;
    let body = with("payment_intent_succeeded", &[]);
    let (good, t) = (signature(&body, now()), now().unix_s());
    let hmac = signed_with(SECRET.as_bytes(), t, &body);
    let other_key = signed_with(b"whsec_another_secret_of_the_tests_0123456789", t, &body);
    let without_prefix = signed_with(SECRET.trim_start_matches("whsec_").as_bytes(), t, &body);
    let (changed, spaced, long) = (body.replace("1999", "1998"), format!("{body} "), " ".repeat(1024 * 1024 + 1));
    let no_trace: Vec<(&str, Sent, (u16, &str))> = vec![
        ("nothing at all", post("{}"), INVALID_PAYLOAD),
        ("no signature", post(&body), INVALID_PAYLOAD),
        ("an empty signature", post(&body).with(HEADER, ""), INVALID_PAYLOAD),
        ("an empty body", post("").with(HEADER, signature("", now())), INVALID_PAYLOAD),
        ("no header of Stripe's", post(&body).with(HEADER, "garbage"), INVALID_SIGNATURE),
        ("two headers", post(&body).with(HEADER, good.clone()).with(HEADER, good.clone()), INVALID_SIGNATURE),
        ("two times", post(&body).with(HEADER, format!("t={t},t={t},v1={hmac}")), INVALID_SIGNATURE),
        ("no time", post(&body).with(HEADER, format!("v1={hmac}")), INVALID_SIGNATURE),
        ("another time", post(&body).with(HEADER, format!("t={},v1={hmac}", t + 1)), INVALID_SIGNATURE),
        ("too old", post(&body).with(HEADER, signature(&body, now().plus_seconds(-301))), INVALID_SIGNATURE),
        ("from the future", post(&body).with(HEADER, signature(&body, now().plus_seconds(301))), INVALID_SIGNATURE),
        ("another scheme", post(&body).with(HEADER, format!("t={t},v0={hmac}")), INVALID_SIGNATURE),
        ("capitals", post(&body).with(HEADER, format!("t={t},v1={}", hmac.to_uppercase())), INVALID_SIGNATURE),
        ("another secret", post(&body).with(HEADER, format!("t={t},v1={other_key}")), INVALID_SIGNATURE),
        (
            "the secret without its prefix",
            post(&body).with(HEADER, format!("t={t},v1={without_prefix}")),
            INVALID_SIGNATURE,
        ),
        ("another body", post(&changed).with(HEADER, good.clone()), INVALID_SIGNATURE),
        ("a space more", post(&spaced).with(HEADER, good.clone()), INVALID_SIGNATURE),
        ("over the size limit", post(&long).with(HEADER, good.clone()), (413, r#"{"error":"Payload too large"}"#)),
        (
            "another path",
            Sent::post("/api/stripe", body.as_bytes()).with(HEADER, good.clone()),
            (404, r#"{"error":"Not found"}"#),
        ),
    ];
    let world = shop().await;
    let before = world.books();
    let function = function(world.ledger(1), &[]).await;
    for (name, sent, expected) in no_trace {
        let reply = edge::Service::answer(&function, &sent.event(Shape::HttpApi), &invocation(1)).await;
        assert_eq!((reply.status, reply.body.as_str()), expected, "{name}");
        assert_eq!(world.books(), before, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn genuine_delivery_is_accepted_in_every_form() {
    let body = with("payment_intent_succeeded", &[]);
    let (good, t) = (signature(&body, now()), now().unix_s());
    let hmac = signed_with(SECRET.as_bytes(), t, &body);
    let other = "0".repeat(64);
    let rows = [
        (PATH, good.clone()),
        ("/api/v1/webhooks/stripe", good.clone()),
        ("/api/stripe/webhook", good.clone()),
        ("/api/stripe/webhook/", good),
        (PATH, format!("t={t},v1={other},v1={hmac}")),
        (PATH, format!("v1={hmac},t={t},v0={other},scheme=unknown")),
        (PATH, signature(&body, now().plus_seconds(-300))),
        (PATH, signature(&body, now().plus_seconds(300))),
    ];
    for (path, header) in rows {
        for shape in [Shape::HttpApi, Shape::RestApi] {
            let world = shop().await;
            let function = function(world.ledger(1), &[]).await;
            let sent = Sent::post(path, body.as_bytes()).with(signing::stripe::HEADER, header.clone());
            let reply = edge::Service::answer(&function, &sent.event(shape), &invocation(1)).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{path} {header}");
            assert_eq!(world.books().balance("alice/credits"), 100_000_000_000, "{path} {header}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn ignored_event_leaves_no_trace() {
    let only_payments = [("STRIPE_EVENTS", "payment_intent.succeeded, charge.refunded")];
    let rows: [(&[(&str, &str)], &str); 5] = [
        (&[], "customer_created"),
        (&[], "thin_ping"),
        (&only_payments, "charge_succeeded"),
        (&only_payments, "invoice_paid"),
        (&only_payments, "checkout_session_completed"),
    ];
    for (settings, name) in rows {
        let world = shop().await;
        let before = world.books();
        let function = function(world.ledger(1), settings).await;
        let reply = edge::Service::answer(&function, &Stripe::signed(&with(name, &[]), now()), &invocation(1)).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, ""), "{name}");
        assert_eq!(world.books(), before, "{name}");
    }
    let world = shop().await;
    let function = function(world.ledger(1), &only_payments).await;
    let body = with("payment_intent_succeeded", &[]);
    edge::Service::answer(&function, &Stripe::signed(&body, now()), &invocation(1)).await;
    assert_eq!(world.books().balance("alice/credits"), 100_000_000_000, "an enabled event is booked");
}

/// A verified event that cannot be parsed is refused, so that Stripe retries it, and kept for a release that can parse it.
#[tokio::test(start_paused = true)]
async fn unparsed_event_is_kept_and_refused() {
    let rows = [
        with("payment_intent_succeeded", &[("/data/object/amount_received", json!("1999"))]),
        with("payment_intent_succeeded", &[("/data/object/amount_received", json!(1999.0))]),
        with("payment_intent_succeeded", &[("/data/object/amount_received", json!(-1))]),
        with("payment_intent_succeeded", &[("/data/object/currency", json!("us"))]),
        with("payment_intent_succeeded", &[("/livemode", json!("false"))]),
        with("charge_dispute_created", &[("/data/object/status", json!("unheard_of"))]),
        with("payment_intent_succeeded", &[]).replace("\"pending_webhooks\"", "\"livemode\":true,\"pending_webhooks\""),
        with("payment_intent_succeeded", &[]).replace("\"capture_method\"", "\"amount_received\":1,\"capture_method\""),
        "{\"id\":\"evt_1\"}".to_owned(),
        "[]".to_owned(),
        "not JSON".to_owned(),
    ];
    for body in rows {
        let world = shop().await;
        let reply = Sandbox::faultless(&world).await.deliver(&body, &invocation(1)).await.expect("no fault");
        assert_eq!((reply.status, reply.body.as_str()), INVALID_PAYLOAD, "{body}");
        let books = world.books();
        books.check();
        let kept: Vec<&str> =
            books.journal.keys().filter(|id| id.starts_with("unparsed#stripe#")).map(String::as_str).collect();
        assert_eq!(kept.len(), 1, "{body}");
        assert!(books.bodies.contains(kept[0]) && books.accounts.is_empty(), "{body}");
    }
}

/// The same event id with other facts is kept beside the booked event, and acknowledged: a retry would not help.
#[tokio::test(start_paused = true)]
async fn conflicting_event_is_kept_and_acknowledged() {
    let world = shop().await;
    let other = with("payment_intent_succeeded", &[("/data/object/amount_received", json!(1))]);
    accepted(&world, &[with("payment_intent_succeeded", &[]), other]).await;
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
    assert!(books.journal.keys().any(|id| id.starts_with("stripe#evt_payment_intent_succeeded#conflict#")));
}
