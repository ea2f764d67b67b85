//! Every refusal of a WeChat notification: the exact status and body in each form, and the effect on the ledger.

use fakes::WechatSent;
use signing::rsa::PrivateKey;
use signing::wechat_v3;

use super::*;

/// The sample with this header replaced, or removed if the value is empty.
fn but<'s>(sent: &'s WechatSent, name: &str, value: &str) -> Sent<'s> {
    let mut post = post(NOTIFY, sent);
    post.headers.retain(|(known, _)| *known != name);
    if !value.is_empty() {
        let name = sent.headers.iter().map(|(known, _)| *known).find(|known| *known == name).unwrap_or("x-none");
        post.headers.push((name, value.to_owned()));
    }
    post
}

#[tokio::test(start_paused = true)]
async fn unverified_notification_leaves_no_trace() {
    let (v3, v2, cloudrun) =
        (sent(&sample("v3_payment")), sent(&sample("v2_payment")), sent(&sample("cloudrun_payment")));
    let refund = sent(&sample("v2_refund"));
    let signature = v3.headers.iter().find(|(name, _)| *name == wechat_v3::SIGNATURE).expect("signed").1.clone();
    let changed = |sent: &WechatSent, this: &str, that: &str| {
        assert!(sent.body.contains(this), "{this}");
        WechatSent { body: sent.body.replace(this, that), headers: sent.headers.clone() }
    };
    let by_another = {
        let key = PrivateKey::parse(&rsa_pair(MERCHANT_PAIR).private).expect("a key");
        wechat_v3::sign(&key, now().unix_s(), "5d2b6c2a8db53831f7eda20af46e531c", v3.body.as_bytes())
    };
    let (old, future) = (
        sent_at(&sample("v3_payment"), now().plus_seconds(-301)),
        sent_at(&sample("v3_payment"), now().plus_seconds(301)),
    );
    let spaced = changed(&v3, "{\"create_time\"", "{ \"create_time\"");
    let v2_amount = changed(&v2, "1999", "1998");
    let v2_twice = changed(&v2, "<total_fee>", "<total_fee><![CDATA[1]]></total_fee><total_fee>");
    let v2_comment = changed(&v2, "<![CDATA[1999]]>", "19<!-- -->99");
    let v2_unknown = changed(&v2, "</xml>", "<zz>1</zz></xml>");
    let v2_unsigned =
        changed(&v2, "<sign>", "<sign></sign><device_info>").body.replace("</sign></xml>", "</device_info></xml>");
    let xxe = "<!DOCTYPE xml [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><xml><attach>&x;</attach></xml>";
    let nested = "<!DOCTYPE xml [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><xml><attach>&b;</attach></xml>";
    let parameter = "<!DOCTYPE xml [<!ENTITY % p SYSTEM \"http://192.0.2.1/\"> %p;]><xml></xml>";
    let failed = "<xml><return_code><![CDATA[FAIL]]></return_code></xml>";
    let spliced = changed(&refund, "<req_info><![CDATA[", "<req_info><![CDATA[AAAA");
    let cloud_amount = changed(&cloudrun, "1999", "1998");
    let cloud_spaced = changed(&cloudrun, "{\n", "{ \n");
    let too_long = " ".repeat(64 * 1024 + 1);
    let xml = |body: &'static str| Sent::post(NOTIFY, body.as_bytes());
    let signature_of = |value: &str| but(&v3, wechat_v3::SIGNATURE, value);
    let rows: Vec<(&str, Sent<'_>, (u16, &str))> = vec![
        ("no time", but(&v3, wechat_v3::TIMESTAMP, ""), V3_UNVERIFIED),
        ("another time", but(&v3, wechat_v3::TIMESTAMP, "1767225601"), V3_UNVERIFIED),
        ("no nonce", but(&v3, wechat_v3::NONCE, ""), V3_UNVERIFIED),
        ("no serial", but(&v3, wechat_v3::SERIAL, ""), V3_UNVERIFIED),
        ("an unknown serial", but(&v3, wechat_v3::SERIAL, "PUB_KEY_ID_1"), V3_UNVERIFIED),
        ("a serial that is a path", but(&v3, wechat_v3::SERIAL, "../../tmp/key.pem"), V3_UNVERIFIED),
        ("a probe", signature_of(&format!("WECHATPAY/SIGNTEST/{signature}")), V3_UNVERIFIED),
        ("a short probe", signature_of("WECHATPAY/SIGNTEST/abcdefgh"), V3_UNVERIFIED),
        ("a signature of another key", signature_of(&by_another), V3_UNVERIFIED),
        ("a damaged signature", signature_of(&signature.replace(['A', 'B', 'C'], "D")), V3_UNVERIFIED),
        ("no base64", signature_of("%%%"), V3_UNVERIFIED),
        ("two signatures", post(NOTIFY, &v3).with(wechat_v3::SIGNATURE, signature.clone()), V3_UNVERIFIED),
        ("two serials", post(NOTIFY, &v3).with(wechat_v3::SERIAL, PLATFORM_KEY_ID), V3_UNVERIFIED),
        ("SM2", but(&v3, wechat_v3::SIGNATURE_TYPE, "WECHATPAY2-SM2-WITH-SM3"), V3_UNVERIFIED),
        ("too old", post(NOTIFY, &old), V3_UNVERIFIED),
        ("from the future", post(NOTIFY, &future), V3_UNVERIFIED),
        ("a space more", post(NOTIFY, &spaced), V3_UNVERIFIED),
        ("v2: another amount", post(NOTIFY, &v2_amount), V2_UNVERIFIED),
        ("v2: two amounts", post(NOTIFY, &v2_twice), V2_UNVERIFIED),
        ("v2: a comment in the amount", post(NOTIFY, &v2_comment), V2_UNVERIFIED),
        ("v2: an unknown field", post(NOTIFY, &v2_unknown), V2_UNVERIFIED),
        ("v2: no signature", Sent::post(NOTIFY, v2_unsigned.as_bytes()), V2_UNVERIFIED),
        ("v2: an external entity", xml(xxe), V2_UNVERIFIED),
        ("v2: nested entities", xml(nested), V2_UNVERIFIED),
        ("v2: a parameter entity", xml(parameter), V2_UNVERIFIED),
        ("v2: a failed return code", xml(failed), V2_UNVERIFIED),
        ("v2: a damaged refund", post(NOTIFY, &spliced), V2_UNVERIFIED),
        ("CloudRun: nothing but the body", Sent::post(CALLBACK, cloudrun.body.as_bytes()), CLOUDRUN_UNVERIFIED),
        ("CloudRun: another amount", post(CALLBACK, &cloud_amount), CLOUDRUN_UNVERIFIED),
        ("CloudRun: serialised again", post(CALLBACK, &cloud_spaced), CLOUDRUN_UNVERIFIED),
        ("an empty body", Sent::post(CALLBACK, b""), CLOUDRUN_UNVERIFIED),
        ("APIv3's body without its headers", Sent::post(NOTIFY, v3.body.as_bytes()), CLOUDRUN_UNVERIFIED),
        (
            "over the size limit",
            Sent::post(NOTIFY, too_long.as_bytes()),
            (413, r#"{"errcode":413,"errmsg":"Payload too large"}"#),
        ),
        (
            "another path",
            Sent { path: "/payment/wechat", ..post(NOTIFY, &v3) },
            (404, r#"{"code":"FAIL","message":"Not found"}"#),
        ),
        (
            "another method",
            Sent { method: "GET", ..post(NOTIFY, &v3) },
            (405, r#"{"code":"FAIL","message":"Method not allowed"}"#),
        ),
    ];
    let world = shop().await;
    let before = world.books();
    let function = function(world.ledger(1), &paid(), &[]).await;
    for (name, post, expected) in rows {
        for shape in [Shape::HttpApi, Shape::RestApi] {
            let got = status_and_body(function.answer(&post.event(shape), &invocation(1)).await);
            assert!(is(&got, expected), "{name} {shape:?}: {got:?}");
            assert_eq!(world.books(), before, "{name}");
        }
    }
}

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
    for blank in ["", "   ", "change-me", "REPLACE_ME"] {
        let blanks = settings().into_iter().map(|(name, _)| (name, blank.to_owned()));
        let keys = Keyring::open(Vault::Here(Settings::new(blanks)), Wechat::keys, now()).await;
        assert!(keys.is_err(), "{blank:?}");
    }
    for half in ["WECHAT_PLATFORM_KEYS", "WECHAT_API_V3_KEY"] {
        let rest = settings().into_iter().filter(|(name, _)| name != half);
        let keys = Keyring::open(Vault::Here(Settings::new(rest)), Wechat::keys, now()).await;
        assert!(keys.is_err(), "{half}");
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

/// A verified notification that cannot be parsed is refused, so that WeChat retries it, and kept for a release that can parse it.
#[tokio::test(start_paused = true)]
async fn unparsed_notification_is_kept_and_refused() {
    use serde_json::json;
    let v3 = (400, r#"{"code":"FAIL","message":"Not understood"}"#);
    let v2 = (
        200,
        "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[Not understood]]></return_msg></xml>",
    );
    let cloudrun = (400, r#"{"errcode":400,"errmsg":"Not understood"}"#);
    let rows = [
        ("v3_payment", "/resource/amount/total", json!("1999"), v3),
        ("v3_payment", "/resource/amount/total", json!(1999.0), v3),
        ("v3_payment", "/resource/amount/total", json!(-1), v3),
        ("v3_payment", "/resource/amount/total", json!(null), v3),
        ("v3_payment", "/resource/amount", json!([1999, "CNY"]), v3),
        ("v3_payment", "/resource/amount/currency", json!("RMB1"), v3),
        ("v3_payment", "/resource/trade_state", json!("PERHAPS"), v3),
        ("v3_payment", "/resource/transaction_id", json!("42#1"), v3),
        ("v3_payment", "/resource/out_trade_no", json!("a/b"), v3),
        ("v3_payment", "/resource/success_time", json!("yesterday"), v3),
        ("v3_refund", "/resource/refund_status", json!("PERHAPS"), v3),
        ("v3_refund", "/resource/amount/refund", json!("500"), v3),
        ("v2_payment", "/total_fee", json!("19.99"), v2),
        ("v2_payment", "/total_fee", json!("1e3"), v2),
        ("v2_payment", "/total_fee", json!("01999"), v2),
        ("v2_payment", "/total_fee", json!("-1"), v2),
        ("v2_payment", "/total_fee", json!("１９９９"), v2),
        ("v2_payment", "/total_fee", json!("99999999999999999999"), v2),
        ("v2_payment", "/result_code", json!("PERHAPS"), v2),
        ("v2_payment", "/time_end", json!("20261301080000"), v2),
        ("v2_refund", "/req_info/refund_status", json!("PERHAPS"), v2),
        ("cloudrun_payment", "/totalFee", json!("1999"), cloudrun),
        ("cloudrun_payment", "/totalFee", json!(1999.5), cloudrun),
        ("cloudrun_payment", "/resultCode", json!("PERHAPS"), cloudrun),
        ("cloudrun_payment", "/returnCode", json!(null), cloudrun),
        ("cloudrun_payment", "/transactionId", json!(42), cloudrun),
    ];
    for (name, pointer, value, expected) in rows {
        let world = shop().await;
        let body = with(name, &[(pointer, value.clone())]);
        let got = deliver_sample(&world, &paid(), &[], NOTIFY, &body).await;
        assert!(is(&got, expected), "{name} {pointer} {value}: {got:?}");
        let books = world.books();
        books.check();
        let kept: Vec<&String> = books.journal.keys().filter(|id| id.starts_with("unparsed#wechat#")).collect();
        assert_eq!(kept.len(), 1, "{name} {pointer} {value}");
        assert!(books.bodies.contains(kept[0]) && books.accounts.is_empty(), "{name} {pointer} {value}");
    }
    let deep = format!("{{\"returnCode\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [deep, "\u{feff}{}".to_owned(), "{\"returnCode\":\"\\ud800\"}".to_owned()] {
        let function = function(shop().await.ledger(1), &paid(), &[]).await;
        let got = status_and_body(function.answer(&event(NOTIFY, &SENDER.forwarded(body)), &invocation(1)).await);
        assert!(is(&got, cloudrun), "{got:?}");
    }
    // A duplicate field is ambiguous.
    let twice = sample("cloudrun_payment").replacen("\"totalFee\": 1999", "\"totalFee\": 1, \"totalFee\": 1999", 1);
    let world = shop().await;
    let got = status_and_body(
        function(world.ledger(1), &paid(), &[])
            .await
            .answer(&event(NOTIFY, &SENDER.forwarded(twice)), &invocation(1))
            .await,
    );
    assert!(is(&got, cloudrun), "{got:?}");
    assert!(world.books().accounts.is_empty());
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

/// With a slow store the reply still meets WeChat's deadline, and nothing is acknowledged that is not durable.
#[tokio::test(start_paused = true)]
async fn slow_store_gives_an_error_before_the_deadline() {
    use std::time::Duration;
    use testkit::Fault;
    let rows = [
        ("v3_payment", (503, r#"{"code":"FAIL","message":"Temporarily unavailable"}"#)),
        (
            "v2_payment",
            (
                200,
                "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[Temporarily unavailable]]>\
                 </return_msg></xml>",
            ),
        ),
        ("cloudrun_payment", (503, r#"{"errcode":503,"errmsg":"Temporarily unavailable"}"#)),
    ];
    for (name, expected) in rows {
        let world = shop().await;
        let before = world.books();
        let (ledger, _faults) = world.faulty(1, |_, _| Fault::DropRequest);
        let function = function(ledger, &paid(), &[]).await;
        let invocation = edge::Invocation { deadline: testkit::deadline(Wechat::REPLY_WITHIN), ..invocation(1) };
        let started = testkit::deadline(Duration::ZERO).0;
        let got = status_and_body(function.answer(&event(NOTIFY, &sent(&sample(name))), &invocation).await);
        assert!(is(&got, expected), "{name}: {got:?}");
        let took = testkit::deadline(Duration::ZERO).0.duration_since(started);
        assert!(took < Duration::from_secs(4), "{name} took {took:?}");
        assert_eq!(world.books(), before, "{name}");
    }
}
