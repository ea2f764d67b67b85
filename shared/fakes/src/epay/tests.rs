//! Tests of the gateway: payment page, API payments, queries, notifications and refusals.

use signing::Strength;

use super::*;

const NOW_S: i64 = 1_767_225_600;
const BASE: &str = "https://gateway.invalid";

fn keys() -> Keys {
    let (name, key) = (signing::epay::SETTINGS[0], "1001:a-key-of-the-fake-gateway");
    Keys::read(|setting| (setting == name).then_some(key), Strength::Deployed).expect("a key")
}

fn gateway() -> Gateway {
    Gateway::new(BASE, keys(), [(pid(), Scheme::Md5)], "s-1")
}

fn pid() -> Pid {
    Pid::new("1001").expect("a number")
}

fn request() -> Params {
    Params::default()
        .with("pid", "1001")
        .with("out_trade_no", "HL1")
        .with("notify_url", "https://shop.invalid/payment/notify")
        .with("return_url", "https://shop.invalid/payment/return")
        .with("name", "<100>")
        .with("money", "19.90")
        .with("type", "wxpay")
}

fn signed(params: Params) -> String {
    sign(&keys(), &pid(), Scheme::Md5, params, NOW_S).expect("a key").encoded()
}

fn call(gateway: &Gateway, method: &str, path: &str, form: &str) -> (u16, String) {
    let (path, body) = if method == "POST" { (path.to_owned(), form) } else { (format!("{path}?{form}"), "") };
    let response = gateway.answer(&Call { method, path: &path, body, now_s: NOW_S });
    (response.status, response.body)
}

#[test]
fn opened_payment_is_paid_and_notified() {
    let gateway = gateway();
    for method in ["GET", "POST"] {
        let (status, page) = call(&gateway, method, "/submit.php", &signed(request()));
        assert!(page.contains("&lt;100&gt;") && page.contains("19.90 CNY"), "{page}");
        assert_eq!((status, page.contains("https://gateway.invalid/pay/s10000000000000001")), (200, true), "{page}");
    }
    assert_eq!(gateway.trades(), ["s10000000000000001"], "one payment for one order");
    let query = "act=order&pid=1001&key=a-key-of-the-fake-gateway&trade_no=s10000000000000001";
    let queried = |status: &str| {
        format!(
            r#"{{"code":1,"money":"19.90","msg":"succ","name":"<100>","out_trade_no":"HL1","pid":1001,"status":"{status}","trade_no":"s10000000000000001","type":"wxpay"}}"#
        )
    };
    assert_eq!(call(&gateway, "GET", "/api.php", query), (200, queried("0")));
    assert_eq!(call(&gateway, "POST", "/api.php?act=order", query), (200, queried("0")));
    let paid = gateway.pay("s10000000000000001", NOW_S).expect("paid");
    assert_eq!(paid.notify_url, "https://shop.invalid/payment/notify");
    assert_eq!(paid.redirect, format!("https://shop.invalid/payment/return?{}", paid.form));
    let params = Params::decode(&paid.form).expect("a form");
    assert!(verify(&keys(), &pid(), Scheme::Md5, &params, NOW_S).is_ok());
    assert_eq!(
        params.signed_text(),
        "money=19.9&name=<100>&out_trade_no=HL1&pid=1001&trade_no=s10000000000000001&trade_status=TRADE_SUCCESS&type=wxpay"
    );
    assert_eq!(call(&gateway, "GET", "/api.php", query), (200, queried("1")));
    assert!(gateway.pay("s10000000000000002", NOW_S).is_none());
    let (_, page) = call(&gateway, "GET", "/submit.php", &signed(request()));
    assert!(page.contains("该订单已支付"), "{page}");
}

#[test]
fn repeated_api_payment_is_the_same_payment() {
    let gateway = gateway();
    let created = r#"{"code":1,"msg":"success","payurl":"https://gateway.invalid/pay/s10000000000000001","trade_no":"s10000000000000001"}"#;
    for _ in 0..2 {
        assert_eq!(call(&gateway, "POST", "/mapi.php", &signed(request())), (200, created.to_owned()));
    }
    assert_eq!(gateway.trades().len(), 1);
}

#[test]
fn refused_request_creates_no_payment() {
    let gateway = gateway();
    let error = |code: i64, message: &str| format!(r#"{{"code":{code},"msg":"{message}"}}"#);
    let rows = [
        (signed(request()).replace("19.90", "0.01"), error(-2, "签名校验失败")),
        (request().encoded(), error(-2, "签名校验失败")),
        (signed(request().with("money", "")), error(-2, "金额(money)不能为空")),
        (signed(request().with("out_trade_no", "")), error(-2, "订单号(out_trade_no)不能为空")),
        (signed(request()).replace("pid=1001", "pid=1002"), error(-2, "商户不存在")),
        ("a=1&a=2".to_owned(), error(-2, "参数错误")),
    ];
    for (form, expected) in rows {
        assert_eq!(call(&gateway, "POST", "/mapi.php", &form), (200, expected), "{form}");
    }
    assert_eq!(
        call(&gateway, "POST", "/api/pay/query", &signed(request())),
        (200, error(-2, "商户不存在")),
        "a V1 merchant at V2"
    );
    for (query, expected) in [
        ("act=order&pid=1001&key=another&trade_no=1", error(-3, "商户密钥错误")),
        ("act=order&pid=1002&key=a-key-of-the-fake-gateway&trade_no=1", error(-3, "商户密钥错误")),
        ("act=order&pid=1001&key=a-key-of-the-fake-gateway&trade_no=1", error(-1, "订单号不存在")),
    ] {
        assert_eq!(call(&gateway, "GET", "/api.php", query), (200, expected), "{query}");
    }
    assert_eq!(call(&gateway, "GET", "/mapi.php", "").0, 404);
    assert!(gateway.trades().is_empty());
}
