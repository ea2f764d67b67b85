//! WeChat's notifications, signed and sent by `send`: a local order is paid, since the fake confirms it.

use serde_json::{Value, json};

use crate::harness::{Folder, Stack, field};

pub(crate) fn ordered(folder: &Folder, stack: &Stack<'_>) -> String {
    let key = folder.json("local.json")["api_keys"]["demo"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({ "product": "credits-1000", "provider": "wechat" }).to_string();
    let made = stack.request("POST", "/orders", &headers, body.as_bytes());
    assert_eq!(made.status, 201, "{}", made.body);
    let number = ["orderNumber", "number", "id"].iter().find_map(|name| made.body.get(name).and_then(Value::as_str));
    number.unwrap_or_else(|| panic!("{}", made.body)).to_owned()
}

#[test]
fn order_is_paid_and_refunded_in_each_format() {
    let folder = Folder::new();
    let stack = folder.start();
    for name in ["v3_payment", "v2_payment", "cloudrun_payment", "cloudrun_payment_without_attach"] {
        let number = ordered(&folder, &stack);
        let about = |sample: &str| folder.stdout_of(&["send", &format!("wechat/{sample}"), "--order", &number]);
        assert!(about("v2_payment_failed").starts_with("200"), "{name}");
        assert!(about(name).starts_with("200"), "{name}");
        let output = folder.stdout_of(&["order", "show", &number]);
        assert_eq!(field(&output, "payment"), "paid", "{name}: {output}");
        let exported = folder.stdout_of(&["export", "--since", "1h"]);
        assert!(exported.contains(&number), "{name} is paid now: {exported}");
        for sample in ["v3_payment", "cloudrun_payment", "v2_payment"] {
            assert!(about(sample).starts_with("200"), "{name}, and {sample}");
        }
        let refund = if name == "v2_payment" { "v2_refund" } else { "v3_refund" };
        assert!(about(refund).starts_with("200"), "{name}");
        let output = folder.stdout_of(&["order", "show", &number]);
        assert_eq!(field(&output, "payment"), "partly_refunded", "{name}: {output}");
    }
}

/// The callback has only the order number, and a query at WeChat gives the rest.
#[test]
fn order_only_callback_is_paid_after_a_query() {
    let folder = Folder::new();
    let stack = folder.start();
    let number = ordered(&folder, &stack);
    let about = || folder.run(&["send", "wechat/cloudrun_order_only", "--order", &number]);
    let unconfirmed = about();
    assert_eq!(unconfirmed.code, Some(1));
    assert!(unconfirmed.stdout.starts_with("200") && unconfirmed.stdout.contains("  refused unconfirmed  "));
    assert_eq!(
        field(&folder.stdout_of(&["order", "show", &number]), "payment"),
        "unpaid",
        "WeChat does not know the order yet"
    );
    let key = folder.json("local.json")["api_keys"]["demo"].as_str().unwrap().to_owned();
    let payment = stack.call("POST", "/payment/create", &key, &json!({ "orderNumber": number }));
    assert!(payment.body["codeUrl"].is_string(), "{}", payment.body);
    assert_eq!(about().code, Some(0));
    assert_eq!(field(&folder.stdout_of(&["order", "show", &number]), "payment"), "paid");
    assert!(folder.stdout_of(&["export", "--since", "1h"]).contains(&number));
}

/// A body without the forwarder's signature, for an order without a payment.
#[test]
fn unsigned_body_pays_nothing() {
    let folder = Folder::new();
    let stack = folder.start();
    let number = ordered(&folder, &stack);
    let body = json!({
        "returnCode": "SUCCESS", "resultCode": "SUCCESS", "subMchId": "1900000001", "subAppid": "wx0123456789abcdef",
        "outTradeNo": number, "transactionId": "42", "totalFee": 1, "feeType": "CNY", "timeEnd": "20260101080000",
    });
    let json = [("content-type", "application/json")];
    let path = format!("/payment/callback/{number}");
    let answer = stack.request("POST", &path, &json, body.to_string().as_bytes());
    assert_eq!((answer.status, &answer.body["errcode"]), (401, &json!(401)));
    assert_eq!(field(&folder.stdout_of(&["order", "show", &number]), "payment"), "unpaid");
}

/// `event` prints the signed headers of every format.
#[test]
fn samples_are_printed_as_events() {
    let folder = Folder::new();
    for (sample, header) in [
        ("v3_payment", "wechatpay-signature"),
        ("cloudrun_payment", "x-webhook-signature"),
        ("v2_refund", "content-type"),
    ] {
        let event: Value = serde_json::from_str(&folder.stdout_of(&["event", &format!("wechat/{sample}")])).unwrap();
        assert_eq!(event["rawPath"], "/payment/wechat/notify");
        assert!(event["headers"].get(header).is_some(), "{sample}: {}", event["headers"]);
    }
}
