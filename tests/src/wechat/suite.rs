//! WeChat's notifications in the suites that every source passes.

use serde_json::json;
use signing::rsa::PrivateKey;
use signing::wechat_v3;

use super::*;
use crate::suite::{Before, KeptForm, Refusal, Replayed, Request, Scenario, Suite, in_each_shape, owned};

crate::suite::tests_of!(Wechat);

const UNPAID: &str = "an unpaid order";

impl Suite for Wechat {
    const STATE: &'static str = UNPAID;
    const PAIRED: usize = 1;
    const SHAPES: &'static [Shape] = &[Shape::HttpApi, Shape::RestApi];

    async fn prepare(world: &World, state: &str) {
        let order = match state {
            "a stripe order" => order_by(Provider::Stripe, ORDER, "CNY"),
            "an epay order" => order_by(Provider::Epay, ORDER, "CNY"),
            "an order in USD" => order_by(Provider::Wechat, ORDER, "USD"),
            _ => order(),
        };
        made(world, order).await;
    }

    fn unavailable(body: &str) -> (u16, &'static str) {
        match form_of(body) {
            "v3" => (503, r#"{"code":"FAIL","message":"Temporarily unavailable"}"#),
            "v2" => (
                200,
                "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[Temporarily unavailable]]>\
                 </return_msg></xml>",
            ),
            _ => (503, r#"{"errcode":503,"errmsg":"Temporarily unavailable"}"#),
        }
    }

    fn decided_with() -> Vec<Before> {
        let rows: [(&'static str, &[&str]); 4] = [
            ("an unpaid order", &[]),
            ("a paid order", &["v3_payment"]),
            ("a refunded order", &["v3_payment", "v3_refund"]),
            ("a failed payment", &["v2_payment_failed"]),
        ];
        let delivered = |names: &[&str]| names.iter().map(|name| sample(name)).collect();
        rows.map(|(name, before)| Before { name, state: UNPAID, delivered: delivered(before) }).into()
    }

    fn scenarios() -> Vec<Scenario> {
        type Changes = Vec<(&'static str, Value)>;
        let other_amount: Changes = vec![("/resource/amount/total", json!(1))];
        let other_order: Changes = vec![("/outTradeNo", json!("HLnone")), ("/attach", json!(""))];
        let rows: [(&'static str, &[&str], &str, Changes); 9] = [
            ("a payment over APIv3", &[], "v3_payment", vec![]),
            ("a payment over APIv2", &[], "v2_payment", vec![]),
            ("a payment over CloudRun", &[], "cloudrun_payment", vec![]),
            ("an order alone over CloudRun", &[], "cloudrun_order_only", vec![]),
            ("a payment that another form has reported", &["cloudrun_payment"], "v3_payment", vec![]),
            ("a payment of another amount", &[], "v3_payment", other_amount),
            ("a payment of an unknown order", &[], "cloudrun_payment", other_order),
            ("a refund", &["v3_payment"], "v3_refund", vec![]),
            ("a refund over APIv2", &["v3_payment"], "v2_refund", vec![]),
        ];
        let scenario = |(name, before, event, changes): (_, &[&str], &str, Changes)| Scenario {
            name,
            state: UNPAID,
            before: before.iter().map(|name| sample(name)).collect(),
            body: with(event, &changes),
            replies: vec![owned(success_of(event))],
        };
        rows.into_iter().map(scenario).collect()
    }

    fn unverified() -> Vec<Request> {
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
        in_each_shape::<Self>(&rows)
    }

    fn refusals() -> Vec<Refusal> {
        let of_unparsed = unparsed().into_iter().map(|(name, body, event, reply)| Refusal {
            name,
            reply: owned(reply),
            event,
            kept: "unparsed#wechat#".to_owned(),
            ..refusal(&body, "unparsed", None)
        });
        let of_other_terms = mismatches().into_iter().map(|(name, pointer, value, flag)| {
            let body = with(name, &[(pointer, value)]);
            Refusal { reply: owned(success_of(name)), ..refusal(&body, reason_of(flag), Some(flag)) }
        });
        let names = ["v3_payment", "v2_payment", "cloudrun_payment", "cloudrun_payment_failed", "v3_refund"];
        let of_other_providers = ["a stripe order", "an epay order"].into_iter().flat_map(|state| {
            names.map(|name| Refusal {
                state,
                reply: owned(success_of(name)),
                ..refusal(&sample(name), "provider_mismatch", Some("PROVIDER_MISMATCH"))
            })
        });
        let of_other_currency = Refusal {
            state: "an order in USD",
            reply: owned(V3_SUCCESS),
            ..refusal(&sample("v3_payment"), "currency_mismatch", Some("CURRENCY_MISMATCH"))
        };
        of_unparsed.chain(of_other_terms).chain(of_other_providers).chain([of_other_currency]).collect()
    }

    fn kept_forms() -> Vec<KeptForm> {
        // APIv2's key and the forwarder's secret are symmetric: WeChat confirms what was signed with a retired one.
        let form = |name, sample_name, has_clock, is_body_only, unconfirmed| KeptForm {
            name,
            body: sample(sample_name),
            has_clock,
            is_body_only,
            is_published: false,
            state: UNPAID,
            retired: [Replayed::Booked, unconfirmed],
        };
        vec![
            form("APIv3", "v3_payment", true, false, Replayed::Booked),
            form("APIv2", "v2_payment", false, false, Replayed::Unconfirmed),
            form("CloudRun", "cloudrun_payment", false, true, Replayed::Unconfirmed),
        ]
    }

    fn blank_secrets() -> Vec<Settings> {
        let blank = |text: &str| Settings::new(settings().into_iter().map(|(name, _)| (name, text.to_owned())));
        let without = |half: &str| Settings::new(settings().into_iter().filter(|(name, _)| name != half));
        let blanks = ["", "   ", "change-me", "REPLACE_ME"].map(blank);
        let halves = ["WECHAT_PLATFORM_KEYS", "WECHAT_API_V3_KEY"].map(without);
        blanks.into_iter().chain(halves).collect()
    }
}

/// The form of a sample: APIv2's are in XML, or flat without CloudRun's names.
fn form_of(body: &str) -> &'static str {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    match (body.get("resource"), body.get("return_code").or(body.get("req_info"))) {
        (Some(_), _) => "v3",
        (None, Some(_)) => "v2",
        (None, None) => "cloudrun",
    }
}

fn reason_of(flag: &'static str) -> &'static str {
    match flag {
        "AMOUNT_MISMATCH" => "amount_mismatch",
        "CURRENCY_MISMATCH" => "currency_mismatch",
        "MERCHANT_MISMATCH" => "merchant_mismatch",
        _ => "attach_mismatch",
    }
}

/// Flagged and acknowledged.
fn refusal(body: &str, reason: &'static str, flag: Option<&'static str>) -> Refusal {
    Refusal {
        name: format!("{reason}: {body}"),
        state: UNPAID,
        before: vec![],
        // Not of a form that signs, unless it is a sample.
        event: Wechat::signed(body, now()),
        reply: owned(CLOUDRUN_SUCCESS),
        kept: "wechat#".to_owned(),
        reason,
        flag,
    }
}

/// Each mismatch in every form, with the anomaly that it leaves on the order.
fn mismatches() -> [(&'static str, &'static str, Value, &'static str); 21] {
    const OTHER: &str = r#"{"orderNumber":"hk_other_order"}"#;
    const TWICE: &str = r#"{"orderNumber":"hk_sample_order","orderNumber":"hk_other_order"}"#;
    [
        ("v3_payment", "/resource/amount/total", json!(1998), "AMOUNT_MISMATCH"),
        ("v3_payment", "/resource/amount/total", json!(2000), "AMOUNT_MISMATCH"),
        ("v3_payment", "/resource/amount/total", json!(0), "AMOUNT_MISMATCH"),
        ("v3_payment", "/resource/amount/total", json!(u64::MAX), "AMOUNT_MISMATCH"),
        ("v3_payment", "/resource/amount/currency", json!("USD"), "CURRENCY_MISMATCH"),
        ("v3_payment", "/resource/mchid", json!("1900000002"), "MERCHANT_MISMATCH"),
        ("v3_payment", "/resource/appid", json!("wxfedcba9876543210"), "MERCHANT_MISMATCH"),
        ("v3_payment", "/resource/attach", json!(OTHER), "ATTACH_MISMATCH"),
        ("v3_payment", "/resource/attach", json!(TWICE), "ATTACH_MISMATCH"),
        ("v3_payment", "/resource/attach", json!("{not JSON"), "ATTACH_MISMATCH"),
        ("v2_payment", "/total_fee", json!("1998"), "AMOUNT_MISMATCH"),
        ("v2_payment", "/fee_type", json!("USD"), "CURRENCY_MISMATCH"),
        ("v2_payment", "/mch_id", json!("1900000002"), "MERCHANT_MISMATCH"),
        ("v2_payment", "/appid", json!("wxfedcba9876543210"), "MERCHANT_MISMATCH"),
        ("v2_payment", "/attach", json!(OTHER), "ATTACH_MISMATCH"),
        ("cloudrun_payment", "/totalFee", json!(1998), "AMOUNT_MISMATCH"),
        ("cloudrun_payment", "/feeType", json!("USD"), "CURRENCY_MISMATCH"),
        ("cloudrun_payment", "/subMchId", json!("1900000002"), "MERCHANT_MISMATCH"),
        ("cloudrun_payment", "/subAppid", json!("wxfedcba9876543210"), "MERCHANT_MISMATCH"),
        ("cloudrun_payment", "/attach", json!(OTHER), "ATTACH_MISMATCH"),
        ("v3_refund", "/resource/mchid", json!("1900000002"), "MERCHANT_MISMATCH"),
    ]
}

/// Verified notifications that this release cannot parse: the name, the body, the event and the reply. WeChat retries
/// them.
fn unparsed() -> Vec<(String, String, String, (u16, &'static str))> {
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
    let of_samples = rows.map(|(name, pointer, value, reply)| {
        let body = with(name, &[(pointer, value.clone())]);
        (format!("{name} {pointer} {value}"), body.clone(), Wechat::signed(&body, now()), reply)
    });
    let deep = format!("{{\"returnCode\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    // A duplicate field is ambiguous.
    let twice = sample("cloudrun_payment").replacen("\"totalFee\": 1999", "\"totalFee\": 1, \"totalFee\": 1999", 1);
    let others = [deep, "\u{feff}{}".to_owned(), "{\"returnCode\":\"\\ud800\"}".to_owned(), twice].map(|body| {
        let name = body.chars().take(60).collect();
        (name, sample("cloudrun_payment"), event(NOTIFY, &SENDER.forwarded(body)), cloudrun)
    });
    of_samples.into_iter().chain(others).collect()
}

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
