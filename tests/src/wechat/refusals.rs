//! The forms in which a WeChat notification is accepted, and the keys that each needs. The suites have the refusals.

use super::*;

/// The gateway's base64 flag contradicts the body.
#[tokio::test(start_paused = true)]
async fn invalid_base64_body_is_malformed() {
    let world = shop().await;
    let before = world.books();
    let sent = sent(&sample("v3_payment"));
    let event = event(NOTIFY, &sent).replace("\"isBase64Encoded\":false", "\"isBase64Encoded\":true");
    let function = function(world.ledger(1), &paid(), &[]).await;
    let got = status_and_body(function.answer(&event, &invocation(1)).await);
    assert!(is(&got, (400, r#"{"code":"FAIL","message":"Malformed request"}"#)), "{got:?}");
    // Bytes that are not UTF-8.
    let post = Sent { base64: true, ..Sent::post(NOTIFY, b"<xml>\xff\xfe</xml>") };
    let got = status_and_body(function.answer(&post.event(Shape::HttpApi), &invocation(1)).await);
    assert!(is(&got, V2_UNVERIFIED), "{got:?}");
    assert_eq!(world.books(), before);
}

/// CVE-2026-41432: a missing secret verifies nothing, and a form whose keys are not set is not served.
#[tokio::test(start_paused = true)]
async fn form_without_keys_is_not_served() {
    let rows = [
        ("v3_payment", ["WECHAT_PLATFORM_KEYS", "WECHAT_API_V3_KEY"], V3_UNVERIFIED),
        ("v2_payment", ["WECHAT_API_V2_KEY", ""], V2_UNVERIFIED),
        ("v2_refund", ["WECHAT_API_V2_KEY", ""], V2_UNVERIFIED),
        ("cloudrun_payment", ["WECHAT_FORWARDER_SECRET", ""], CLOUDRUN_UNVERIFIED),
    ];
    for (name, gone, expected) in rows {
        let (world, mut settings) = (shop().await, settings());
        settings.retain(|(name, _)| !gone.contains(&name.as_str()) && name != "WECHAT_PRIVATE_KEY");
        let before = world.books();
        let function = with_settings(world.ledger(1), &paid(), &[], settings).await;
        let got = status_and_body(function.answer(&event(NOTIFY, &sent(&sample(name))), &invocation(1)).await);
        assert!(is(&got, expected), "{name}: {got:?}");
        assert_eq!(world.books(), before, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn genuine_notification_is_accepted_in_every_form() {
    for (name, path) in PAYMENTS.iter().flat_map(|name| [NOTIFY, CALLBACK].map(|path| (*name, path))) {
        for (shape, base64) in [(Shape::HttpApi, false), (Shape::HttpApi, true), (Shape::RestApi, false)] {
            let world = shop().await;
            let function = function(world.ledger(1), &paid(), &[]).await;
            let sent = sent(&sample(name));
            let post = Sent { base64, ..post(path, &sent) };
            let got = status_and_body(function.answer(&post.event(shape), &invocation(1)).await);
            assert!(is(&got, success_of(name)), "{name} {path} {shape:?}: {got:?}");
            let books = world.books();
            books.check();
            assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{name} {path}");
            assert_eq!(books.order(ORDER).paid_by.as_deref(), Some(format!("wechat#{TRANSACTION}").as_str()), "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn forwarder_may_sign_with_standard_webhooks() {
    use signing::standard_webhooks;
    let keys = standard_webhooks::Keys::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
    let body = sample("cloudrun_payment");
    let signed = |id: &str| standard_webhooks::sign(&keys, id, now().unix_s(), body.as_bytes());
    let rows = [("msg_1", signed("msg_1"), CLOUDRUN_SUCCESS), ("msg_2", signed("msg_1"), CLOUDRUN_UNVERIFIED)];
    for (id, signature, expected) in rows {
        let world = shop().await;
        let function = function(world.ledger(1), &paid(), &[]).await;
        let post = Sent::post(CALLBACK, body.as_bytes())
            .with("webhook-id", id)
            .with("webhook-timestamp", now().unix_s().to_string())
            .with("webhook-signature", signature);
        let got = status_and_body(function.answer(&post.event(Shape::HttpApi), &invocation(1)).await);
        assert!(is(&got, expected), "{id}: {got:?}");
    }
}

/// A signature over time and nonce, with the secret of the body-only HMAC. It is accepted also where that HMAC is forbidden.
#[tokio::test(start_paused = true)]
async fn forwarder_may_sign_with_a_time() {
    use signing::forwarder::{Keys, SIGNATURE, sign_answer, sign_callback};
    let keys = |secret| Keys::parse(secret, signing::Strength::Deployed).expect("a secret");
    let (body, nonce) = (sample("cloudrun_payment"), "0123456789abcdef0123456789abcdef");
    let (bytes, other) = (body.as_bytes(), "another-secret-of-the-tests-0123456789");
    let at = |seconds: i64| sign_callback(&keys(FORWARDER_SECRET), nonce, bytes, now().plus_seconds(seconds).unix_s());
    let rows = [
        ("now", at(0), CLOUDRUN_SUCCESS),
        ("at the end of its time", at(-300), CLOUDRUN_SUCCESS),
        ("too late", at(-301), CLOUDRUN_UNVERIFIED),
        ("of tomorrow", at(301), CLOUDRUN_UNVERIFIED),
        ("of another secret", sign_callback(&keys(other), nonce, bytes, now().unix_s()), CLOUDRUN_UNVERIFIED),
        ("of another body", sign_callback(&keys(FORWARDER_SECRET), nonce, b"{}", now().unix_s()), CLOUDRUN_UNVERIFIED),
        ("of an answer", sign_answer(&keys(FORWARDER_SECRET), nonce, 200, bytes, now().unix_s()), CLOUDRUN_UNVERIFIED),
        ("nothing", String::new(), CLOUDRUN_UNVERIFIED),
    ];
    for (name, signature, expected) in rows {
        let world = shop().await;
        let admission = Admission { forbids_body_only_hmac: true, ..Admission::default() };
        let function = Function { admission, ..function(world.ledger(1), &paid(), &[]).await };
        let post = Sent::post(CALLBACK, bytes).with(SIGNATURE, signature);
        let got = status_and_body(function.answer(&post.event(Shape::HttpApi), &invocation(1)).await);
        assert!(is(&got, expected), "{name}: {got:?}");
        assert_eq!(world.books().order(ORDER).paid_by.is_some(), expected == CLOUDRUN_SUCCESS, "{name}");
    }
}

/// The forwarder's body-only HMAC signs no time. WeChat's own signatures are not affected.
#[tokio::test(start_paused = true)]
async fn body_only_signature_is_refused_where_it_is_forbidden() {
    let forbidding = || Admission { forbids_body_only_hmac: true, ..Admission::default() };
    for (name, expected) in [("cloudrun_payment", CLOUDRUN_UNVERIFIED), ("v3_payment", V3_SUCCESS)] {
        let (world, net) = (shop().await, paid());
        let function = Function { admission: forbidding(), ..function(world.ledger(1), &net, &[]).await };
        let got = status_and_body(function.answer(&event(CALLBACK, &sent(&sample(name))), &invocation(1)).await);
        assert!(is(&got, expected), "{name}: {got:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn ignored_notification_leaves_no_trace() {
    let failed_on_the_way = r#"{"returnCode":"FAIL","returnMsg":"system error"}"#;
    for (name, body) in [("v3_payscore", sample("v3_payscore")), ("cloudrun_failed", failed_on_the_way.to_owned())] {
        let world = shop().await;
        let before = world.books();
        let got = deliver_sample(&world, &paid(), &[], NOTIFY, &body).await;
        assert!(is(&got, success_of(name)), "{name}: {got:?}");
        assert_eq!(world.books(), before, "{name}");
    }
}
