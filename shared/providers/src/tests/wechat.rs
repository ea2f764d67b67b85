//! The WeChat Pay adapter against the fake: both interfaces, signatures, refunds and settings.

use super::*;
use crate::wechat::{QueriedTransaction, WechatInterface, attach, beijing};
use ledger::RefundState;
use signing::{Strength, forwarder};
use testkit::{
    FORWARDER_SECRET, MERCHANT_PAIR, NetFault, PLATFORM_KEY_ID, PLATFORM_PAIR, WECHAT_APP, WECHAT_MERCHANT,
    WechatFault, WechatNet, now, rsa_pair,
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
    let set = |name: &str| settings.iter().rev().find(|(set, _)| *set == name).map(|(_, value)| (*value).to_owned());
    WechatConfig::read(set, stage)
}

fn keys() -> Arc<WechatKeys> {
    let platform = format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public);
    let private = rsa_pair(MERCHANT_PAIR).private;
    let keys = [private.as_str(), &platform, FORWARDER_SECRET];
    let setting = |name: &str| WechatKeys::SETTINGS.iter().zip(keys).find(|(set, _)| **set == name);
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
async fn order_is_created_queried_and_closed_on_both_interfaces() {
    let open_id = || Payer::OpenId("oUpF8uMuAJO_M2pxb1Q9zNjWeS6o".to_owned());
    for settings in [V3.as_slice(), &CLOUD_RUN] {
        let net = WechatNet::default();
        let wechat = wechat(&net, settings);
        assert_eq!(wechat.query(&number(), now(), call_deadline()).await, Ok(None));
        assert_eq!(wechat.close(&number(), now(), call_deadline()).await, Ok(()), "an order that does not exist");
        let Ok(Payable::InApp { app_id, package, .. }) =
            wechat.create(&payment(open_id()), now(), call_deadline()).await
        else {
            panic!("no payment arguments")
        };
        assert_eq!((app_id.as_str(), package.as_str()), (WECHAT_APP, "prepay_id=wxHL1"));
        let again = wechat.create(&payment(Payer::Scan), now(), call_deadline()).await;
        assert_eq!(again, Ok(Payable::CodeUrl("weixin://wxpay/bizpayurl?pr=HL1".to_owned())));
        assert_eq!(wechat.query(&number(), now(), call_deadline()).await, Ok(Some(queried(TradeState::NotPaid, None))));
        assert_eq!(wechat.close(&number(), now(), call_deadline()).await, Ok(()));
        assert_eq!(wechat.close(&number(), now(), call_deadline()).await, Ok(()), "a closed order");
        assert_eq!(wechat.query(&number(), now(), call_deadline()).await, Ok(Some(queried(TradeState::Closed, None))));
        net.pay("HL1", "4200001", 500, None);
        let paid = queried(TradeState::Success, Some("4200001"));
        assert_eq!(wechat.query(&number(), now(), call_deadline()).await, Ok(Some(paid)));
        let is_paid = wechat.close(&number(), now(), call_deadline()).await;
        assert!(matches!(is_paid, Err(CallError::Refused { code: Some(code), .. }) if code == "ORDERPAID"));
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_sent_in_full() {
    let net = WechatNet::default();
    let v3 = wechat(&net, &V3);
    v3.create(&payment(Payer::OpenId("o1".to_owned())), now(), call_deadline()).await.expect("a payable");
    v3.query(&number(), now(), call_deadline()).await.expect("an answer");
    v3.close(&number(), now(), call_deadline()).await.expect("closed");
    let refund = v3.refund("r|1", now(), call_deadline()).await;
    assert_eq!(refund, Ok(None));
    let cloud = wechat(&net, &CLOUD_RUN);
    cloud.query(&number(), now(), call_deadline()).await.expect("an answer");
    let requests = net.calls();
    let sent: Vec<(&str, &str)> =
        requests.iter().map(|request| (request.endpoint.as_str(), request.body.as_str())).collect();
    assert_eq!(
        sent,
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
    let authorization = requests[0].authorization().expect("signed");
    assert!(
        authorization.starts_with("WECHATPAY2-SHA256-RSA2048 mchid=\"1900000001\",nonce_str=\""),
        "{authorization}"
    );
    let authorization = requests[4].authorization().expect("signed");
    let call = forwarder::Call { method: "POST", path: "/_/pay/queryorder", body: requests[4].body.as_bytes() };
    let shared = forwarder::Keys::parse(FORWARDER_SECRET, Strength::Deployed).expect("a secret");
    assert!(forwarder::verify_call(&shared, call, authorization, now().unix_s()).is_ok(), "{authorization}");

    let net = WechatNet::default();
    let partner = [V3.as_slice(), &[("WECHAT_SUB_MCH_ID", "1900000009")]].concat();
    let partner = wechat(&net, &partner);
    partner.create(&payment(Payer::OpenId("o1".to_owned())), now(), call_deadline()).await.expect("a payable");
    // The fake serves another merchant, so the client rejects its response.
    assert_eq!(partner.query(&number(), now(), call_deadline()).await, Err(CallError::Unreadable));
    let requests: Vec<String> = net.endpoints();
    assert_eq!(
        requests,
        [
            "POST /v3/pay/partner/transactions/jsapi",
            "GET /v3/pay/partner/transactions/out-trade-no/HL1?sp_mchid=1900000001&sub_mchid=1900000009"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn forged_or_foreign_response_is_rejected() {
    use NetFault::{Altered, Delay, Disconnect, DropRequest, Garbage, Own, Status};
    use WechatFault::{AlteredAndSigned, OtherStatus, SignedAsFirst, Unsigned};
    let of_v3 = [
        (Own(Unsigned), CallError::Unreadable),
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
        // A response without the forwarder's signature for this call counts as no answer.
        (Own(Unsigned), CallError::Unsigned),
        (Own(SignedAsFirst), CallError::Unsigned),
        (Garbage, CallError::Unsigned),
        (Altered("\"trade_state\":\"SUCCESS\"", "\"trade_state\":\"NOTPAY\""), CallError::Unsigned),
        (Own(OtherStatus(201)), CallError::Unsigned),
        (Own(OtherStatus(302)), CallError::Unsigned),
        (Status(201), CallError::Unsigned),
        (Status(302), CallError::Unsigned),
        (Status(401), CallError::Unsigned),
        (Status(404), CallError::Unsigned),
        (Status(429), CallError::NoAnswer),
        (Status(503), CallError::NoAnswer),
        (DropRequest, CallError::NoAnswer),
        // A response with a valid signature is parsed.
        (Own(AlteredAndSigned("{", "<html>")), CallError::Unreadable),
        (Own(AlteredAndSigned("\"out_trade_no\":\"HL1\"", "\"out_trade_no\":\"HL2\"")), CallError::Unreadable),
        (Own(AlteredAndSigned("1900000001", "1900000002")), CallError::Unreadable),
        (Own(AlteredAndSigned("\"trade_state\":\"SUCCESS\"", "\"trade_state\":\"PERHAPS\"")), CallError::Unreadable),
        (Own(AlteredAndSigned("\"total_fee\":500", "\"total_fee\":500.0")), CallError::Unreadable),
        (
            Own(AlteredAndSigned("\"errcode\":0", "\"errcode\":-1")),
            CallError::Refused { status: 200, kind: None, code: None },
        ),
        (Own(AlteredAndSigned("\"time_end\":\"20260101080000\"", "\"time_end\":\"2026\"")), CallError::Unreadable),
    ];
    for (settings, rows) in [(V3.as_slice(), of_v3.as_slice()), (&CLOUD_RUN, &of_cloud_run)] {
        for (fault, expected) in rows {
            let (net, fault) = (WechatNet::default(), *fault);
            net.pay("HL1", "4200001", 500, None);
            let wechat = wechat(&net, settings);
            wechat.query(&number(), now(), call_deadline()).await.expect("the first answer");
            net.fail(move |_, _| fault);
            let answer = wechat.query(&number(), now(), call_deadline()).await;
            assert_eq!(answer.as_ref().err(), Some(expected), "{fault:?} {answer:?}");
        }
    }
}

/// The forwarder's clock, another secret, and a deployment without a secret.
#[tokio::test(start_paused = true)]
async fn stale_or_foreign_signature_is_rejected() {
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
        let net = WechatNet::default();
        net.set_now(now().plus_seconds(clock_s));
        let config = config(&CLOUD_RUN).expect("a configuration").expect("an interface");
        let wechat = Wechat::new(Http::over(net.clone(), fastrand::Rng::with_seed(7)), &config, with(secret));
        let answer = wechat.query(&number(), now(), call_deadline()).await;
        assert_eq!((answer, net.calls().len()), (expected, calls), "{secret} {clock_s}");
    }
    // Each attempt has its own nonce: the forwarder rejects a repeated one.
    let net = WechatNet::default();
    net.fail(|call, _| if call < 2 { NetFault::Status(503) } else { NetFault::None });
    assert_eq!(wechat(&net, &CLOUD_RUN).query(&number(), now(), call_deadline()).await, Ok(None));
    let sent: Vec<_> =
        net.calls().into_iter().filter_map(|request| request.authorization().map(str::to_owned)).collect();
    assert!(sent.len() == 3 && sent[0] != sent[1] && sent[1] != sent[2], "{sent:?}");
}

#[tokio::test(start_paused = true)]
async fn refund_status_is_mapped() {
    let rows = [
        ("PROCESSING", Some(RefundState::Pending)),
        ("SUCCESS", Some(RefundState::Succeeded)),
        ("CLOSED", Some(RefundState::Failed)),
        ("ABNORMAL", Some(RefundState::Failed)),
        ("PERHAPS", None),
    ];
    for (status, state) in rows {
        let net = WechatNet::default();
        let (id, order, transaction) = ("5000".to_owned(), "HL1".to_owned(), "4200001".to_owned());
        net.refund("r1", fakes::WechatRefund { id, order, transaction, fen: 100, status });
        let answer = wechat(&net, &V3).refund("r1", now(), call_deadline()).await;
        match state {
            None => assert_eq!(answer, Err(CallError::Unreadable)),
            Some(state) => {
                let refund = answer.expect("an answer").expect("a refund");
                assert_eq!((refund.id.as_str(), refund.transaction.as_str()), ("5000", "4200001"));
                assert_eq!((refund.order.as_str(), refund.state, refund.money), ("HL1", state, cny(100)));
            }
        }
        assert_eq!(wechat(&net, &CLOUD_RUN).refund("r1", now(), call_deadline()).await, Ok(None));
    }
}

#[test]
fn settings_are_validated() {
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
    // WeChat's own host serves unauthenticated calls only inside its cloud, so no stage accepts it.
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
        let on_localhost = [settings, &[("WECHAT_API_BASE", "http://127.0.0.1:9000/mock/wechat")]].concat();
        assert!(config_in("local", &on_localhost).is_ok());
        assert_eq!(config_in("dev", &on_localhost).map(drop), Err(WechatConfigError::Base));
    }
    let read = config(&V3).expect("a configuration").expect("an interface");
    assert!(matches!(read.interface, WechatInterface::V3 { .. }));
    assert_eq!(format!("{:?}", keys()).matches("redacted").count(), 2);
}

#[test]
fn time_without_a_zone_is_beijing_time() {
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

#[tokio::test(start_paused = true)]
async fn payment_is_queried_by_the_number_that_wechat_gave_it() {
    let net = WechatNet::default();
    let v3 = wechat(&net, &V3);
    assert_eq!(v3.transaction("4200001", now(), call_deadline()).await, Ok(None));
    net.pay("HL1", "4200001", 500, None);
    let paid = QueriedTransaction { order: "HL1".to_owned(), state: TradeState::Success, money: Some(cny(500)) };
    assert_eq!(v3.transaction("4200001", now(), call_deadline()).await, Ok(Some(paid)));
    let endpoints: Vec<String> = net.calls().into_iter().map(|call| call.endpoint).collect();
    assert_eq!(endpoints, ["GET /v3/pay/transactions/id/4200001?mchid=1900000001"; 2]);
    // The fake serves another merchant.
    let partner = wechat(&net, &[V3.as_slice(), &[("WECHAT_SUB_MCH_ID", "1900000009")]].concat());
    assert_eq!(partner.transaction("4200001", now(), call_deadline()).await, Err(CallError::Unreadable));
    // That interface has no such query, so that nothing is sent.
    let cloud = wechat(&net, &CLOUD_RUN);
    assert_eq!(cloud.transaction("4200001", now(), call_deadline()).await, Ok(None));
    assert_eq!(net.calls().len(), 3);
}
