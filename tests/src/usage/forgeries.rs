//! Unverified usage deliveries leave no trace: forged, unsigned, oversized, misrouted, not on the allowlist, or stale.

use edge::{Keyring, Service as _, Settings, Vault};
use signing::standard_webhooks;
use testkit::{Sent, Shape, World, usage};
use usage::Usage;
use webhook::{Admission, AdmissionError, Function, Webhook as _};

use super::refusals::books;
use crate::sandbox::{EVENTS, function, invocation, signature};

/// The reply to another method names those that the path has.
#[tokio::test(start_paused = true)]
async fn reply_to_another_method_names_the_allowed_ones() {
    let function = function(World::new().ledger(1), Admission::default()).await;
    let rows = [("PUT", EVENTS, "POST"), ("GET", EVENTS, "POST"), ("POST", "/api/webhooks/health", "GET, HEAD")];
    for (method, path, allowed) in rows {
        for shape in [Shape::HttpApi, Shape::FunctionUrl, Shape::RestApi] {
            let sent = Sent { method, path, ..Sent::post(EVENTS, b"{}") };
            let reply = function.answer(&sent.event(shape), &invocation(1)).await;
            assert!(reply.headers.contains(&("allow", allowed.to_owned())), "{method} {path} {shape:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn delivery_outside_allowlist_or_time_is_refused() {
    let world = books().await;
    let variables = |name: &str| match name {
        "ALLOWED_IPS" => Some("198.51.100.0/24, 2001:db8::1".to_owned()),
        "MAX_SKEW_SECONDS" => Some("300".to_owned()),
        _ => None,
    };
    let function = function(world.ledger(1), Admission::read(variables).expect("settings")).await;
    let before = world.books();
    let rows = [
        ("203.0.113.7", 0, (403, "Forbidden")),
        ("", 0, (403, "Forbidden")),
        ("2001:db8::2", 0, (403, "Forbidden")),
        ("198.51.100.9", 301, (400, "Invalid event: timestamp is outside the accepted window")),
        ("198.51.100.9", -301, (400, "Invalid event: timestamp is outside the accepted window")),
        ("198.51.100.9", 300, (200, "Event processed successfully")),
        ("2001:db8::1", -300, (200, "Event processed successfully")),
    ];
    for (number, (source_ip, late, (status, message))) in rows.into_iter().enumerate() {
        let body = usage(&format!("e{number}"), "k1", "0").to_string();
        let sent = Sent {
            source_ip,
            ..Sent::post(EVENTS, body.as_bytes()).with("x-webhook-signature", signature(body.as_bytes()))
        };
        let invocation = crate::sandbox::moment_at(1, testkit::now().plus_seconds(late));
        let reply = function.answer(&sent.event(Shape::HttpApi), &invocation).await;
        assert_eq!((reply.status, crate::sandbox::message(&reply).as_str()), (status, message), "{source_ip} {late}");
        let kept = world.books().journal.get(&format!("usage#e{number}")).map(|row| row.reason.clone());
        let expected = match status {
            403 => None,
            400 => Some(Some("outside_clock_window".to_owned())),
            _ => Some(None),
        };
        assert_eq!(kept, expected, "{source_ip} {late}");
    }
    assert_eq!(world.books().balance("alice/credits"), before.balance("alice/credits"));
}

/// A signature without a time can be replayed. A deployment that forbids it accepts only Standard Webhooks.
#[tokio::test(start_paused = true)]
async fn body_only_signature_is_refused_where_it_is_forbidden() {
    const STANDARD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let settings = || {
        let secrets = [("WEBHOOK_SECRET", crate::sandbox::SECRET), ("STANDARD_WEBHOOK_SECRET", STANDARD)];
        Settings::new(secrets.map(|(name, secret)| (name.to_owned(), secret.to_owned())))
    };
    let standard = standard_webhooks::Keys::parse(STANDARD).expect("a secret");
    for (forbid, by_hmac) in [("", 200), ("false", 200), ("true", 401)] {
        let world = books().await;
        let variable = |name: &str| (name == "FORBID_BODY_ONLY_HMAC").then(|| forbid.to_owned());
        let admission = Admission::read(variable).expect("settings");
        let keys = Keyring::open(Vault::Here(settings()), Usage::keys, testkit::now()).await.expect("keys");
        let function = Function { keys, ..function(world.ledger(1), admission).await };
        let (first, second) = (usage("e1", "k1", "3").to_string(), usage("e2", "k1", "3").to_string());
        let by_hmac_alone =
            Sent::post(EVENTS, first.as_bytes()).with("x-webhook-signature", signature(first.as_bytes()));
        let time = testkit::now().unix_s();
        let with_time = Sent::post(EVENTS, second.as_bytes())
            .with("webhook-id", "m1")
            .with("webhook-timestamp", time.to_string())
            .with("webhook-signature", standard_webhooks::sign(&standard, "m1", time, second.as_bytes()));
        for (sent, id, status) in [(by_hmac_alone, "usage#e1", by_hmac), (with_time, "usage#e2", 200)] {
            let reply = function.answer(&sent.event(Shape::HttpApi), &invocation(1)).await;
            assert_eq!(
                (reply.status, world.books().journal.contains_key(id)),
                (status, status == 200),
                "{forbid} {id}"
            );
        }
    }
    let variable = |name: &str| (name == "FORBID_BODY_ONLY_HMAC").then(|| "yes".to_owned());
    assert_eq!(Admission::read(variable).err(), Some(AdmissionError::BodyOnly));
}
