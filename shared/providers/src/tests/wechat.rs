//! What WeChat is asked over each of its interfaces, and what is made of its answers; the stand-in answers.

use super::*;
use crate::wechat::{WechatInterface, attach, beijing};
use ledger::RefundState;
use testkit::{
    MERCHANT_PAIR, PLATFORM_KEY_ID, PLATFORM_PAIR, WECHAT_APP, WECHAT_MERCHANT, WechatFault, WechatNet, now, rsa_pair,
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
    ("WECHAT_API_BASE", "http://cloud.invalid"),
    ("WECHAT_MCH_ID", WECHAT_MERCHANT),
    ("WECHAT_APP_ID", WECHAT_APP),
    ("WECHAT_CLOUD_ENV", "prod-1"),
    ("WECHAT_CLOUD_SERVICE", "forwarder"),
    ("WECHAT_CLOUD_PATH", "/payment/callback"),
];

fn config(settings: &[(&str, &str)]) -> Result<Option<WechatConfig>, WechatConfigError> {
    WechatConfig::read(|name| {
        settings.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    })
}

fn keys() -> Arc<WechatKeys> {
    let platform = format!("{PLATFORM_KEY_ID} {}", rsa_pair(PLATFORM_PAIR).public);
    Arc::new(WechatKeys::parse(Some(&rsa_pair(MERCHANT_PAIR).private), Some(&platform)).expect("keys"))
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
    assert_eq!(asked[4].authorization, None);

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
    use WechatFault::{Altered, Delay, Disconnect, DropRequest, Garbage, Status, Unsigned};
    let signed = [
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
    // CloudRun signs nothing: there it is what the answer says.
    let unsigned = [
        (Garbage, CallError::Unreadable),
        (Altered("\"out_trade_no\":\"HL1\"", "\"out_trade_no\":\"HL2\""), CallError::Unreadable),
        (Altered("1900000001", "1900000002"), CallError::Unreadable),
        (Altered("\"trade_state\":\"SUCCESS\"", "\"trade_state\":\"PERHAPS\""), CallError::Unreadable),
        (Altered("\"total_fee\":500", "\"total_fee\":500.0"), CallError::Unreadable),
        (Altered("\"errcode\":0", "\"errcode\":-1"), CallError::Refused { status: 200, kind: None, code: None }),
        (Altered("\"time_end\":\"20260101080000\"", "\"time_end\":\"2026\""), CallError::Unreadable),
        (Status(503), CallError::Failed { status: 503 }),
        (DropRequest, CallError::NoAnswer),
    ];
    for (settings, rows) in [(V3.as_slice(), signed.as_slice()), (&CLOUD_RUN, &unsigned)] {
        for (fault, expected) in rows {
            let (net, fault) = (WechatNet::new(), *fault);
            net.pay("HL1", "4200001", 500, None);
            net.fail(move |_, _| fault);
            let answer = wechat(&net, settings).query(&number(), now(), patience()).await;
            assert_eq!(answer.as_ref().err(), Some(expected), "{fault:?} {answer:?}");
        }
    }
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
        net.refund("r1", standin::WechatRefund { id, order, transaction, fen: 100, status });
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
        (with(&CLOUD_RUN, "WECHAT_API_BASE", ""), Ok(Some("http://api.weixin.qq.com".to_owned()))),
        (with(&V3, "WECHAT_API", "v2"), Err(WechatConfigError::Api)),
        (with(&V3, "WECHAT_API_BASE", "wechat.invalid"), Err(WechatConfigError::Url("WECHAT_API_BASE"))),
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
    let read = config(&V3).expect("a configuration").expect("an interface");
    assert!(matches!(read.interface, WechatInterface::V3 { .. }));
    assert_eq!(format!("{:?}", keys()).matches("redacted").count(), 1);
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
