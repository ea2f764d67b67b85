//! What WeChat is asked over each of its interfaces, and what is made of its answers; the stand-in answers.

use super::*;
use crate::wechat::{WechatInterface, attach, beijing};
use ledger::RefundState;
use signing::{Strength, forwarder};
use testkit::{
    FORWARDER_SECRET, MERCHANT_PAIR, PLATFORM_KEY_ID, PLATFORM_PAIR, WECHAT_APP, WECHAT_MERCHANT, WechatFault,
    WechatNet, now, rsa_pair,
};

const V3: [(&str, &str); 6] = [
    ("WECHAT_API", "v3"),
    ("WECHAT_API_BASE", "https://wechat.invalid/"),
    ("WECHAT_MCH_ID", WECHAT_MERCHANT),
    ("WECHAT_APP_ID", WECHAT_APP),
    ("WECHAT_MERCHANT_SERIAL", "1DDE55AD98ED71D6EDD4A4A16996DE7B47773A8C"),
    ("WECHAT_NOTIFY_URL", "https://shop.invalid/payment/callback"),
];
const CLOUD_RUN: [(&str, &str); 7] = [
    ("WECHAT_API", "cloudrun"),
    ("WECHAT_API_BASE", "https://cloud.invalid"),
    ("WECHAT_MCH_ID", WECHAT_MERCHANT),
    ("WECHAT_APP_ID", WECHAT_APP),
    ("WECHAT_CLOUD_ENV", "prod-1"),
    ("WECHAT_CLOUD_SERVICE", "forwarder"),
    ("WECHAT_CLOUD_PATH", "/payment/callback"),
];

fn config(settings: &[(&str, &str)]) -> Result<Option<WechatConfig>, WechatConfigError> {
    config_in("prod", settings)
}

fn config_in(stage: &str, settings: &[(&str, &str)]) -> Result<Option<WechatConfig>, WechatConfigError> {
    let set =
        |name: &str| settings.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    WechatConfig::read(set, stage)
}

fn keys() -> Arc<WechatKeys> {
    let platform = format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public);
    let private = rsa_pair(MERCHANT_PAIR).private;
    let keys = [private.as_str(), &platform, FORWARDER_SECRET];
    let setting = |name: &str| WechatKeys::SETTINGS.iter().zip(keys).find(|(known, _)| **known == name);
    Arc::new(WechatKeys::read(|name| setting(name).map(|(_, key)| key), Strength::Deployed).expect("keys"))
}

fn wechat(net: &WechatNet, settings: &[(&str, &str)]) -> Wechat {
    let config = config(settings).expect("a configuration").expect("an interface");
    Wechat::new(Http::over(net.clone(), fastrand::Rng::with_seed(7)), &config, keys())
}

fn number() -> OrderNumber {
    OrderNumber::new("HL1").expect("a number")
}

fn payment(payer: Payer) -> NewPayment {
    NewPayment { order: number(), money: cny(500), description: "100 点".to_owned(), payer }
}

fn cny(fen: u64) -> Money {
    Money { amount: Amount::from_units(fen), currency: Currency::CNY }
}

fn queried(state: TradeState, paid: Option<&str>) -> Queried {
    Queried {
        order: number(),
        state,
        transaction: paid.map(str::to_owned),
        money: Some(cny(500)),
        merchant: WECHAT_MERCHANT.to_owned(),
        app: WECHAT_APP.to_owned(),
        attach: Some(attach(&number())),
        paid_at: paid.map(|_| now()),
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_is_begun_looked_at_and_ended_over_both_interfaces() {
    let open_id = || Payer::OpenId("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned());
    for settings in [V3.as_slice(), &CLOUD_RUN] {
        let net = WechatNet::new();
        let wechat = wechat(&net, settings);
        assert_eq!(wechat.query(&number(), now(), patience()).await, Ok(None));
        assert_eq!(wechat.close(&number(), now(), patience()).await, Ok(()), "what was never there");
        let Ok(Payable::InApp { app_id, package, .. }) = wechat.create(&payment(open_id()), now(), patience()).await
        else {
            panic!("nothing to pay with")
        };
        assert_eq!((app_id.as_str(), package.as_str()), (WECHAT_APP, "prepay_id=wxHL1"));
        let again = wechat.create(&payment(Payer::Scan), now(), patience()).await;
        assert_eq!(again, Ok(Payable::CodeUrl("weixin://wxpay/bizpayurl?pr=HL1".to_owned())));
        assert_eq!(wechat.query(&number(), now(), patience()).await, Ok(Some(queried(TradeState::NotPaid, None))));
        assert_eq!(wechat.close(&number(), now(), patience()).await, Ok(()));
        assert_eq!(wechat.close(&number(), now(), patience()).await, Ok(()), "what is closed");
        assert_eq!(wechat.query(&number(), now(), patience()).await, Ok(Some(queried(TradeState::Closed, None))));
        net.pay("HL1", "4200001", 500, None);
        let paid = queried(TradeState::Success, Some("4200001"));
        assert_eq!(wechat.query(&number(), now(), patience()).await, Ok(Some(paid)));
        let is_paid = wechat.close(&number(), now(), patience()).await;
        assert!(matches!(is_paid, Err(CallError::Refused { code: Some(code), .. }) if code == "ORDERPAID"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_is_written_out_in_full() {
    let net = WechatNet::new();
    let v3 = wechat(&net, &V3);
    v3.create(&payment(Payer::OpenId("o1".to_owned())), now(), patience()).await.expect("something to pay with");
    v3.query(&number(), now(), patience()).await.expect("an answer");
    v3.close(&number(), now(), patience()).await.expect("closed");
    let refund = v3.refund("r|1", now(), patience()).await;
    assert_eq!(refund, Ok(None));
    let cloud = wechat(&net, &CLOUD_RUN);
    cloud.query(&number(), now(), patience()).await.expect("an answer");
    let asked = net.asked();
    let what: Vec<(&str, &str)> = asked.iter().map(|asked| (asked.what.as_str(), asked.body.as_str())).collect();
    assert_eq!(
        what,
        [
            (
                "POST /v3/pay/transactions/jsapi",
                "{\"amount\":{\"currency\":\"CNY\",\"total\":500},\"appid\":\"wx0123456789abcdef\",\
                 \"attach\":\"{\\\"orderNumber\\\":\\\"HL1\\\"}\",\"description\":\"100 点\",\"mchid\":\"1900000001\",\
                 \"notify_url\":\"https://shop.invalid/payment/callback/HL1\",\"out_trade_no\":\"HL1\",\
                 \"payer\":{\"openid\":\"o1\"}}"
            ),
            ("GET /v3/pay/transactions/out-trade-no/HL1?mchid=1900000001", ""),
            ("POST /v3/pay/transactions/out-trade-no/HL1/close", "{\"mchid\":\"1900000001\"}"),
            ("GET /v3/refund/domestic/refunds/r%7C1", ""),
            ("POST /_/pay/queryorder", "{\"out_trade_no\":\"HL1\",\"sub_mch_id\":\"1900000001\"}"),
        ]
    );
    let authorization = asked[0].authorization.as_deref().expect("signed");
    assert!(
        authorization.starts_with("WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\",nonce_str=\""),
        "{authorization}"
    );
    let authorization = asked[4].authorization.as_deref().expect("signed");
    let call = forwarder::Call { method: "POST", path: "/_/pay/queryorder", body: asked[4].body.as_bytes() };
    let shared = forwarder::Keys::parse(FORWARDER_SECRET, Strength::Deployed).expect("a secret");
    assert!(forwarder::verify_call(&shared, call, authorization, now().unix_s()).is_ok(), "{authorization}");

    let net = WechatNet::new();
    let partner = [V3.as_slice(), &[("WECHAT_SUB_MCH_ID", "1900000009")]].concat();
    let partner = wechat(&net, &partner);
    partner.create(&payment(Payer::OpenId("o1".to_owned())), now(), patience()).await.expect("something to pay with");
    // The stand-in's merchant is another one: what it says is not taken for ours.
    assert_eq!(partner.query(&number(), now(), patience()).await, Err(CallError::Unreadable));
    let asked: Vec<String> = net.asked().into_iter().map(|asked| asked.what).collect();
    assert_eq!(
        asked,
        [
            "POST /v3/pay/partner/transactions/jsapi",
            "GET /v3/pay/partner/transactions/out-trade-no/HL1?sp_mchid=1900000001&sub_mchid=1900000009"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_believed_for_its_signature_and_what_it_is_about() {
    use WechatFault::{Altered, Delay, Disconnect, DropRequest, Garbage, Saying, SignedAsFirst, Status, Unsigned};
    let of_v3 = [
        (Unsigned, CallError::Unreadable),
        (Garbage, CallError::Unreadable),
        (Altered("\"SUCCESS\"", "\"NOTPAY\""), CallError::Unreadable),
        (Status(302), CallError::Unreadable),
        (Status(401), CallError::Refused { status: 401, kind: None, code: Some("SYSTEM_ERROR".to_owned()) }),
        (Status(404), CallError::Refused { status: 404, kind: None, code: Some("SYSTEM_ERROR".to_owned()) }),
        (Status(500), CallError::Failed { status: 500 }),
        (DropRequest, CallError::NoAnswer),
        (Disconnect, CallError::NoAnswer),
        (Delay(Duration::from_mins(1)), CallError::NoAnswer),
    ];
    let of_cloud_run = [
        // What the forwarder has not signed, for this very call, nobody has answered.
        (Unsigned, CallError::Unsigned),
        (SignedAsFirst, CallError::Unsigned),
        (Garbage, CallError::Unsigned),
        (Altered("\"trade_state\":\"SUCCESS\"", "\"trade_state\":\"NOTPAY\""), CallError::Unsigned),
        (Status(201), CallError::Unsigned),
        (Status(302), CallError::Unsigned),
        (Status(401), CallError::Unsigned),
        (Status(404), CallError::Unsigned),
        (Status(429), CallError::NoAnswer),
        (Status(503), CallError::NoAnswer),
        (DropRequest, CallError::NoAnswer),
        // What it has signed is read.
        (Saying("{", "<html>"), CallError::Unreadable),
        (Saying("\"out_trade_no\":\"HL1\"", "\"out_trade_no\":\"HL2\""), CallError::Unreadable),
        (Saying("1900000001", "1900000002"), CallError::Unreadable),
        (Saying("\"trade_state\":\"SUCCESS\"", "\"trade_state\":\"PERHAPS\""), CallError::Unreadable),
        (Saying("\"total_fee\":500", "\"total_fee\":500.0"), CallError::Unreadable),
        (Saying("\"errcode\":0", "\"errcode\":-1"), CallError::Refused { status: 200, kind: None, code: None }),
        (Saying("\"time_end\":\"20260101080000\"", "\"time_end\":\"2026\""), CallError::Unreadable),
    ];
    for (settings, rows) in [(V3.as_slice(), of_v3.as_slice()), (&CLOUD_RUN, &of_cloud_run)] {
        for (fault, expected) in rows {
            let (net, fault) = (WechatNet::new(), *fault);
            net.pay("HL1", "4200001", 500, None);
            let wechat = wechat(&net, settings);
            wechat.query(&number(), now(), patience()).await.expect("the first answer");
            net.fail(move |_, _| fault);
            let answer = wechat.query(&number(), now(), patience()).await;
            assert_eq!(answer.as_ref().err(), Some(expected), "{fault:?} {answer:?}");
        }
    }
}

/// Of the forwarder's clock, of another secret, and of a deployment that has none.
#[tokio::test(start_paused = true)]
async fn stale_answer_and_other_secret_answer_nothing() {
    let other = ["another-secret-of-the-tests-0123456789", "", FORWARDER_SECRET];
    let with = |secret: &'static str| {
        let setting = move |name: &str| Some(secret).filter(|text| name == WechatKeys::SETTINGS[2] && !text.is_empty());
        Arc::new(WechatKeys::read(setting, Strength::Deployed).expect("keys"))
    };
    let rows = [
        (other[0], 0, Err(CallError::Unsigned), 1),
        (other[1], 0, Err(CallError::Unreadable), 0),
        (other[2], 301, Err(CallError::Unsigned), 1),
        (other[2], -301, Err(CallError::Unsigned), 1),
        (other[2], 300, Ok(None), 1),
        (other[2], -300, Ok(None), 1),
    ];
    for (secret, clock_s, expected, calls) in rows {
        let net = WechatNet::new();
        net.set_now(now().plus_seconds(clock_s));
        let config = config(&CLOUD_RUN).expect("a configuration").expect("an interface");
        let wechat = Wechat::new(Http::over(net.clone(), fastrand::Rng::with_seed(7)), &config, with(secret));
        let answer = wechat.query(&number(), now(), patience()).await;
        assert_eq!((answer, net.asked().len()), (expected, calls), "{secret} {clock_s}");
    }
    // Each attempt is a call of its own: the forwarder takes none twice.
    let net = WechatNet::new();
    net.fail(|call, _| if call < 2 { WechatFault::Status(503) } else { WechatFault::None });
    assert_eq!(wechat(&net, &CLOUD_RUN).query(&number(), now(), patience()).await, Ok(None));
    let sent: Vec<_> = net.asked().into_iter().filter_map(|asked| asked.authorization).collect();
    assert!(sent.len() == 3 && sent[0] != sent[1] && sent[1] != sent[2], "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn a_refund_is_read() {
    let rows = [
        ("PROCESSING", Some(RefundState::Pending)),
        ("SUCCESS", Some(RefundState::Succeeded)),
        ("CLOSED", Some(RefundState::Failed)),
        ("ABNORMAL", Some(RefundState::Failed)),
        ("PERHAPS", None),
    ];
    for (status, state) in rows {
        let net = WechatNet::new();
        let (id, order, transaction) = ("5000".to_owned(), "HL1".to_owned(), "4200001".to_owned());
        net.refund("r1", fakes::WechatRefund { id, order, transaction, fen: 100, status });
        let answer = wechat(&net, &V3).refund("r1", now(), patience()).await;
        match state {
            None => assert_eq!(answer, Err(CallError::Unreadable)),
            Some(state) => {
                let refund = answer.expect("an answer").expect("a refund");
                assert_eq!((refund.id.as_str(), refund.transaction.as_str()), ("5000", "4200001"));
                assert_eq!((refund.order.as_str(), refund.state, refund.money), ("HL1", state, cny(100)));
            }
        }
        assert_eq!(wechat(&net, &CLOUD_RUN).refund("r1", now(), patience()).await, Ok(None));
    }
}

#[test]
fn what_a_deployment_says() {
    let with = |of: &[(&'static str, &'static str)], name: &'static str, value: &'static str| {
        config(&[of, &[(name, value)]].concat()).map(|config| config.map(|config| config.base))
    };
    let rows = [
        (with(&V3, "WECHAT_API", ""), Ok(None)),
        (with(&V3, "WECHAT_API_BASE", ""), Ok(Some("https://api.mch.weixin.qq.com".to_owned()))),
        (with(&CLOUD_RUN, "WECHAT_API_BASE", ""), Err(WechatConfigError::Missing("WECHAT_API_BASE"))),
        (
            with(&CLOUD_RUN, "WECHAT_API_BASE", "https://api.weixin.qq.com.cloud.invalid/"),
            Ok(Some("https://api.weixin.qq.com.cloud.invalid".to_owned())),
        ),
        (with(&CLOUD_RUN, "WECHAT_API_BASE", "http://cloud.invalid"), Err(WechatConfigError::Base)),
        (with(&V3, "WECHAT_API_BASE", "http://wechat.invalid"), Err(WechatConfigError::Base)),
        (with(&V3, "WECHAT_API_BASE", "https://wechat.invalid?a=b"), Err(WechatConfigError::Base)),
        (with(&V3, "WECHAT_API_BASE", "https://us@wechat.invalid"), Err(WechatConfigError::Base)),
        (with(&V3, "WECHAT_API", "v2"), Err(WechatConfigError::Api)),
        (with(&V3, "WECHAT_API_BASE", "wechat.invalid"), Err(WechatConfigError::Base)),
        (with(&V3, "WECHAT_NOTIFY_URL", "https://a/?b=c"), Err(WechatConfigError::Url("WECHAT_NOTIFY_URL"))),
        (with(&V3, "WECHAT_NOTIFY_URL", ""), Err(WechatConfigError::Missing("WECHAT_NOTIFY_URL"))),
        (with(&V3, "WECHAT_MERCHANT_SERIAL", " "), Err(WechatConfigError::Missing("WECHAT_MERCHANT_SERIAL"))),
        (with(&V3, "WECHAT_MERCHANT_SERIAL", "1\"2"), Err(WechatConfigError::NotAnId("WECHAT_MERCHANT_SERIAL"))),
        (with(&V3, "WECHAT_MCH_ID", ""), Err(WechatConfigError::Missing("WECHAT_MCH_ID"))),
        (with(&V3, "WECHAT_APP_ID", ""), Err(WechatConfigError::Missing("WECHAT_APP_ID"))),
        (with(&CLOUD_RUN, "WECHAT_CLOUD_ENV", ""), Err(WechatConfigError::Missing("WECHAT_CLOUD_ENV"))),
        (with(&CLOUD_RUN, "WECHAT_CLOUD_SERVICE", ""), Err(WechatConfigError::Missing("WECHAT_CLOUD_SERVICE"))),
        (with(&CLOUD_RUN, "WECHAT_CLOUD_PATH", ""), Err(WechatConfigError::Missing("WECHAT_CLOUD_PATH"))),
    ];
    for (number, (got, expected)) in rows.into_iter().enumerate() {
        assert_eq!(got, expected, "row {number}");
    }
    // WeChat's own host answers without a key inside of its cloud alone, and that in no stage.
    for base in [
        "http://api.weixin.qq.com",
        "https://api.weixin.qq.com",
        "https://API.weixin.qq.com./",
        "https://api.weixin.qq.com:443/_/pay",
    ] {
        for stage in ["local", "dev", "prod"] {
            let settings = [CLOUD_RUN.as_slice(), &[("WECHAT_API_BASE", base)]].concat();
            assert_eq!(
                config_in(stage, &settings).map(drop),
                Err(WechatConfigError::Unauthenticated),
                "{base} {stage}"
            );
        }
    }
    for settings in [V3.as_slice(), &CLOUD_RUN] {
        let here = [settings, &[("WECHAT_API_BASE", "http://127.0.0.1:9000/mock/wechat")]].concat();
        assert!(config_in("local", &here).is_ok());
        assert_eq!(config_in("dev", &here).map(drop), Err(WechatConfigError::Base));
    }
    let read = config(&V3).expect("a configuration").expect("an interface");
    assert!(matches!(read.interface, WechatInterface::V3 { .. }));
    assert_eq!(format!("{:?}", keys()).matches("redacted").count(), 2);
}

#[test]
fn times_without_a_zone_are_beijings() {
    let rows = [
        ("20260101080000", Some("2026-01-01T00:00:00.000Z")),
        ("2026-01-01 08:00:00", Some("2026-01-01T00:00:00.000Z")),
        ("2026010108000", None),
        ("20260132080000", None),
        ("２０２６0000", None),
        ("", None),
    ];
    for (text, expected) in rows {
        assert_eq!(beijing(text).map(|time| time.to_string()).as_deref(), expected, "{text}");
    }
}
