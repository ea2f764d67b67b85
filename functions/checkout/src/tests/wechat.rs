//! Clicks that pay by WeChat Pay: the code to scan or the arguments for the app, and every answer of WeChat.

use ledger::{PaymentState, Provider};
use testkit::{PLATFORM_KEY_ID, PLATFORM_PAIR, WECHAT_APP, WECHAT_MERCHANT, WechatFault, rsa_pair};

use super::failures::{order, paid};
use super::*;

const PATH: &str = "/payment/create";

pub(super) async fn payments() -> WechatPayments {
    let set = |name: &str| {
        let settings = [
            ("WECHAT_API", "v3"),
            ("WECHAT_API_BASE", "https://wechat.invalid"),
            ("WECHAT_MCH_ID", WECHAT_MERCHANT),
            ("WECHAT_APP_ID", WECHAT_APP),
            ("WECHAT_MERCHANT_SERIAL", "0000000000000000000000000000000000000001"),
            ("WECHAT_NOTIFY_URL", "https://shop.invalid/payment/callback"),
        ];
        settings.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    let config = WechatConfig::read(set, "prod").expect("a configuration").expect("an interface");
    let [private, platform, _] = WechatKeys::SETTINGS;
    let settings = Settings::new([
        (private.to_owned(), rsa_pair(1).private),
        (platform.to_owned(), format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public)),
    ]);
    let keys = Keyring::open(Vault::Here(settings), wechat_keys, now()).await.expect("keys");
    WechatPayments { config, keys }
}

async fn shop() -> Shop {
    let shop = Shop::new().await;
    order(&shop, "HL-wechat", "alice", Provider::Wechat, PaymentState::Unpaid).await;
    shop
}

const SCAN: &str = r#"{"orderNumber":"HL-wechat"}"#;
const IN_APP: &str = r#"{"orderNumber":"HL-wechat","openId":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o"}"#;

#[tokio::test(start_paused = true)]
async fn code_and_app_payment_are_one_payment() {
    for body in [SCAN, IN_APP] {
        let shop = shop().await;
        for attempt in [1, 2] {
            let reply = shop.click_at(attempt, PATH, body).await;
            assert_eq!(summary(&reply), is(200, "unpaid"), "{}", reply.body);
            let json = body_of(&reply);
            if body == SCAN {
                assert!(json["codeUrl"].as_str().expect("a code").starts_with("weixin://"), "{json}");
                assert!(json.get("payment").is_none());
            } else {
                let payment = json["payment"].as_object().expect("arguments");
                let names: Vec<&str> = payment.keys().map(String::as_str).collect();
                assert_eq!(names, ["appId", "nonceStr", "package", "paySign", "signType", "timeStamp"]);
                assert!(payment.values().all(|value| value.as_str().is_some_and(|text| !text.is_empty())), "{json}");
                assert_eq!((&payment["appId"], &payment["signType"]), (&WECHAT_APP.into(), &"RSA".into()));
                assert!(json.get("codeUrl").is_none());
            }
        }
        let calls = shop.wechat.calls();
        let kind = if body == SCAN { "native" } else { "jsapi" };
        assert!(calls.iter().all(|call| call.endpoint == format!("POST /v3/pay/transactions/{kind}")), "{calls:?}");
        assert!(calls.iter().all(|call| call.body.contains(r#""out_trade_no":"HL-wechat""#)), "the same payment");
        shop.world.books().check();
    }
}

/// Only if the request wants it, and of the text beside it.
#[tokio::test(start_paused = true)]
async fn code_is_drawn_on_request() {
    let shop = shop().await;
    let plain = body_of(&shop.click_at(1, PATH, SCAN).await);
    assert!(plain.get("qr").is_none(), "{plain}");
    let drawn = body_of(&shop.click_at(2, PATH, r#"{"orderNumber":"HL-wechat","qr":true}"#).await);
    let code = pages::QrPicture::of(drawn["codeUrl"].as_str().expect("a code")).expect("short enough");
    assert_eq!(drawn["qr"], serde_json::json!({ "size": code.size, "path": code.path }));
    let in_app = r#"{"orderNumber":"HL-wechat","openId":"oUpF8uMuAJO_M2pxb1Q9zNjWeS6o","qr":true}"#;
    let in_app = body_of(&shop.click_at(3, PATH, in_app).await);
    assert!(in_app.get("qr").is_none() && in_app["payment"].is_object(), "{in_app}");
}

#[tokio::test(start_paused = true)]
async fn only_payable_order_of_owner_and_provider_is_started() {
    let shop = Shop::new().await;
    let rows = [
        ("HL-bobs", "bob", Provider::Wechat, PaymentState::Unpaid, is(404, "order_not_found")),
        ("HL-none", "", Provider::Wechat, PaymentState::Unpaid, is(404, "order_not_found")),
        ("HL-stripe", "alice", Provider::Stripe, PaymentState::Unpaid, is(409, "wrong_provider")),
        ("HL-epay", "alice", Provider::Epay, PaymentState::Unpaid, is(409, "wrong_provider")),
        ("HL-canceled", "alice", Provider::Wechat, PaymentState::Canceled, is(409, "order_canceled")),
        ("HL-expired", "alice", Provider::Wechat, PaymentState::Expired, is(409, "order_expired")),
        ("HL-failed", "alice", Provider::Wechat, PaymentState::Failed, is(200, "failed")),
        ("HL-unpaid", "alice", Provider::Wechat, PaymentState::Unpaid, is(200, "unpaid")),
    ];
    for (number, owner, provider, state, expected) in rows {
        if !owner.is_empty() {
            order(&shop, number, owner, provider, state).await;
        }
        let calls = shop.wechat.calls().len();
        let reply = shop.click_at(1, PATH, &format!(r#"{{"orderNumber":"{number}"}}"#)).await;
        assert_eq!(summary(&reply), expected, "{number}");
        assert_eq!(shop.wechat.calls().len() - calls, usize::from(expected.0 == 200), "{number}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_request_is_refused() {
    let shop = shop().await;
    let rows = [
        ("{}", is(400, "order_number_missing")),
        (r#"{"orderNumber":7}"#, is(400, "order_number_invalid")),
        (r#"{"orderNumber":"../x"}"#, is(404, "order_not_found")),
        (r#"{"orderNumber":"HL-wechat","openId":""}"#, is(400, "open_id_invalid")),
        (r#"{"orderNumber":"HL-wechat","openId":"a b"}"#, is(400, "open_id_invalid")),
        (r#"{"orderNumber":"HL-wechat","openId":7}"#, is(400, "open_id_invalid")),
        (r#"{"orderNumber":"HL-wechat","qr":"yes"}"#, is(400, "qr_invalid")),
    ];
    for (body, expected) in rows {
        assert_eq!(summary(&shop.click_at(1, PATH, body).await), expected, "{body}");
    }
    for body in [r#"{"orderNumber":"HL-wechat","amount":1}"#, r#"{"product":"credits-1000"}"#] {
        assert_eq!(shop.click_at(1, PATH, body).await.status, 400, "{body}");
    }
    assert_eq!(shop.wechat.calls(), []);
}

#[tokio::test(start_paused = true)]
async fn wechat_fault_gives_its_error_and_next_click_recovers() {
    use NetFault::{Altered, Delay, Disconnect, DropRequest, Garbage, Own, Status};
    let rows = [
        (DropRequest, is(504, "wechat_timeout")),
        (Disconnect, is(504, "wechat_timeout")),
        (Delay(std::time::Duration::from_secs(3)), is(504, "wechat_timeout")),
        (Status(429), is(503, "wechat_busy")),
        (Status(500), is(502, "wechat_failed")),
        (Status(403), is(502, "wechat_refused")),
        (Garbage, is(502, "wechat_unreadable")),
        (Own(WechatFault::Unsigned), is(502, "wechat_unreadable")),
        (Altered("weixin://", "https://"), is(502, "wechat_unreadable")),
    ];
    for (fault, expected) in rows {
        let shop = shop().await;
        shop.wechat.fail(move |_, _| fault);
        assert_eq!(summary(&shop.click_at(1, PATH, SCAN).await), expected, "{fault:?}");
        shop.wechat.recover();
        assert_eq!(summary(&shop.click_at(2, PATH, SCAN).await), is(200, "unpaid"), "{fault:?}");
        shop.world.books().check();
    }
}

/// A paid order gives no way to pay, whether we have booked it or only WeChat knows it.
#[tokio::test(start_paused = true)]
async fn paid_order_is_not_started_again() {
    const PAID: &str = r#"{"orderNumber":"HL-wechat","status":"paid","amount":"648.00","currency":"CNY"}"#;
    let shop = shop().await;
    shop.wechat.pay("HL-wechat", "4200000001", 64_800, None);
    let reply = shop.click_at(1, PATH, SCAN).await;
    assert_eq!(reply.body, PAID.replace("\"paid\"", "\"unpaid\""), "the notification is on its way");
    paid(&shop, "HL-wechat", "4200000001").await;
    let calls = shop.wechat.calls().len();
    let reply = shop.click_at(2, PATH, IN_APP).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, PAID));
    assert_eq!(shop.wechat.calls().len(), calls, "no query is made");
}
