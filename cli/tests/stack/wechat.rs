//! WeChat's notifications, signed and sent by hand: a local order is paid, since the stand-in, when it is asked, says the same.

use serde_json::{Value, json};

use crate::harness::{Folder, Stack, shown};

pub(crate) fn ordered(folder: &Folder, stack: &Stack<'_>) -> String {
    let key = folder.json("local.json")["api_keys"]["demo"].as_str().unwrap().to_owned();
    let bearer = format!("Bearer {key}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({ "product": "credits-1000", "provider": "wechat" }).to_string();
    let made = stack.ask("POST", "/orders", &headers, body.as_bytes());
    assert_eq!(made.status, 201, "{}", made.body);
    let number = ["orderNumber", "number", "id"].iter().find_map(|name| made.body.get(name).and_then(Value::as_str));
    number.unwrap_or_else(|| panic!("{}", made.body)).to_owned()
}

#[test]
fn a_local_order_is_paid_in_each_form_and_given_back() {
    let folder = Folder::new();
    let stack = folder.start();
    for name in ["v3_payment", "v2_payment", "cloudrun_payment", "cloudrun_payment_without_attach"] {
        let number = ordered(&folder, &stack);
        let about = |sample: &str| folder.told(&["send", &format!("wechat/{sample}"), "--order", &number]);
        assert!(about("v2_payment_failed").starts_with("200"), "{name}");
        assert!(about(name).starts_with("200"), "{name}");
        let said = folder.told(&["order", "show", &number]);
        assert_eq!(shown(&said, "payment"), "paid", "{name}: {said}");
        for sample in ["v3_payment", "cloudrun_payment", "v2_payment"] {
            assert!(about(sample).starts_with("200"), "{name}, and {sample}");
        }
        let refund = if name == "v2_payment" { "v2_refund" } else { "v3_refund" };
        assert!(about(refund).starts_with("200"), "{name}");
        let said = folder.told(&["order", "show", &number]);
        assert_eq!(shown(&said, "payment"), "partly_refunded", "{name}: {said}");
    }
}

/// It was begun at WeChat; the callback names it alone, and WeChat says the rest.
#[test]
fn an_order_that_is_named_alone_is_paid_as_wechat_says() {
    let folder = Folder::new();
    let stack = folder.start();
    let number = ordered(&folder, &stack);
    let about = || folder.run(&["send", "wechat/cloudrun_order_only", "--order", &number]);
    let unconfirmed = about();
    assert_eq!(unconfirmed.code, Some(1));
    assert!(unconfirmed.stdout.starts_with("200") && unconfirmed.stdout.contains("  refused unconfirmed  "));
    assert_eq!(shown(&folder.told(&["order", "show", &number]), "payment"), "unpaid", "it was not begun there");
    let key = folder.json("local.json")["api_keys"]["demo"].as_str().unwrap().to_owned();
    let begun = stack.call("POST", "/payment/create", &key, &json!({ "orderNumber": number }));
    assert!(begun.body["codeUrl"].is_string(), "{}", begun.body);
    assert_eq!(about().code, Some(0));
    assert_eq!(shown(&folder.told(&["order", "show", &number]), "payment"), "paid");
}

/// What our own container would never have signed, and what nobody has paid.
#[test]
fn a_body_alone_pays_nothing() {
    let folder = Folder::new();
    let stack = folder.start();
    let number = ordered(&folder, &stack);
    let body = json!({
        "returnCode": "SUCCESS", "resultCode": "SUCCESS", "subMchId": "1900000001", "subAppid": "wx0123456789abcdef",
        "outTradeNo": number, "transactionId": "42", "totalFee": 1, "feeType": "CNY", "timeEnd": "20260101080000",
    });
    let json = [("content-type", "application/json")];
    let path = format!("/payment/callback/{number}");
    let told = stack.ask("POST", &path, &json, body.to_string().as_bytes());
    assert_eq!((told.status, &told.body["errcode"]), (401, &json!(401)));
    assert_eq!(shown(&folder.told(&["order", "show", &number]), "payment"), "unpaid");
}

/// The gateway's event of every sample, for `cargo lambda invoke`.
#[test]
fn every_sample_can_be_handed_to_the_function() {
    let folder = Folder::new();
    for (sample, header) in [
        ("v3_payment", "wechatpay-signature"),
        ("cloudrun_payment", "x-webhook-signature"),
        ("v2_refund", "content-type"),
    ] {
        let event: Value = serde_json::from_str(&folder.told(&["event", &format!("wechat/{sample}")])).unwrap();
        assert_eq!(event["rawPath"], "/payment/wechat/notify");
        assert!(event["headers"].get(header).is_some(), "{sample}: {}", event["headers"]);
    }
}
