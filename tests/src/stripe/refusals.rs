//! Deliveries that Stripe may send in several forms, and events without effect. The suites have the refusals.

use super::*;

pub(super) fn signed_with(key: &[u8], t: i64, body: &str) -> String {
    let keys = signing::hmac_hex::Keys::parse(std::str::from_utf8(key).expect("text"), Strength::Local).expect("a key");
    signing::hmac_hex::sign(&keys, format!("{t}.{body}").as_bytes())
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
