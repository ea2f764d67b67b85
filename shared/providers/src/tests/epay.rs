//! The epay adapter: payment pages, queries, response signatures, retries, settings and redaction of the key.

use signing::epay::{Pid, Scheme};
use testkit::{EPAY_BASE, EPAY_KEY, EpayNet, NetFault, ProviderCall, epay_keys, now};

use super::*;

const TRADE: &str = "g0000000000000001";

fn merchant(pid: &str) -> EpayMerchant {
    let scheme = if pid == "1001" { Scheme::Md5 } else { Scheme::Rsa };
    EpayMerchant { pid: Pid::new(pid).expect("a number"), scheme }
}

fn client(net: &EpayNet, pid: &str) -> Epay {
    client_by(net, pid, EpayQuery::Get)
}

fn client_by(net: &EpayNet, pid: &str, v1_query: EpayQuery) -> Epay {
    let http = Http::over(net.clone(), fastrand::Rng::with_seed(7));
    let gateway = EpayConfig { base: format!("{EPAY_BASE}/"), merchants: vec![merchant(pid)], v1_query };
    Epay::new(http, &gateway, merchant(pid), Arc::new(epay_keys()))
}

fn yuan(units: u64) -> Money {
    Money { amount: Amount::from_units(units), currency: Currency::CNY }
}

fn new_payment() -> NewEpayPayment {
    NewEpayPayment {
        order: OrderNumber::new("HL1").expect("a number"),
        money: yuan(64_800),
        name: "1000 点数".to_owned(),
        way: Some(EpayWay::Wxpay),
        client_ip: Some("203.0.113.7".parse().expect("an address")),
        notify_url: "https://shop.invalid/payment/notify".to_owned(),
        return_url: "https://shop.invalid/payment/return".to_owned(),
    }
}

/// Opens the payment page, as a buyer does.
fn opened_payment(net: &EpayNet, pid: &str) -> Epay {
    opened_payment_by(net, pid, EpayQuery::Get)
}

fn opened_payment_by(net: &EpayNet, pid: &str, v1_query: EpayQuery) -> Epay {
    let client = client_by(net, pid, v1_query);
    let page = net.opened(&client.page(&new_payment(), now()).expect("an address"));
    assert!(page.contains("1000 点数") && page.contains("648.00 CNY"), "{page}");
    client
}

#[test]
fn payment_page_is_a_signed_url() {
    const PARAMS: &str = "money=648.00&name=1000%20%E7%82%B9%E6%95%B0&notify_url=https%3A%2F%2Fshop.invalid%2Fpayment%2Fnotify\
        &out_trade_no=HL1&pid=1001&return_url=https%3A%2F%2Fshop.invalid%2Fpayment%2Freturn\
        &sign=c5bea13afa8301cd26f2452ded04d9f6&sign_type=MD5&type=wxpay";
    let net = EpayNet::default();
    let page = client(&net, "1001").page(&new_payment(), now()).expect("an address");
    let any = NewEpayPayment { way: None, ..new_payment() };
    assert_eq!(page, format!("{EPAY_BASE}/submit.php?{PARAMS}"));
    assert!(!client(&net, "1001").page(&any, now()).expect("an address").contains("&type="));
    let page = client(&net, "1002").page(&new_payment(), now()).expect("an address");
    assert!(page.starts_with(&format!("{EPAY_BASE}/api/pay/submit?money=648.00&")), "{page}");
    assert!(page.contains("&timestamp=1767225600&") && page.contains("&sign_type=RSA&"), "{page}");
    for pid in ["1001", "1002"] {
        opened_payment(&net, pid);
    }
    assert_eq!(net.calls(), [], "a page needs no request");
}

#[tokio::test(start_paused = true)]
async fn payment_is_queried_before_and_after_paying() {
    let form = format!("act=order&key={EPAY_KEY}&pid=1001&trade_no={TRADE}");
    for (pid, v1_query, expected, expected_body) in [
        ("1001", EpayQuery::Get, format!("GET /api.php?{form}"), Some(String::new())),
        ("1001", EpayQuery::Post, "POST /api.php?act=order".to_owned(), Some(form)),
        // Signed with the time; the key is not sent.
        ("1002", EpayQuery::Get, "POST /api/pay/query".to_owned(), None),
    ] {
        let net = EpayNet::default();
        let client = opened_payment_by(&net, pid, v1_query);
        let payment = |is_paid| EpayPayment {
            pid: merchant(pid).pid,
            trade: TRADE.to_owned(),
            order: "HL1".to_owned(),
            money: yuan(64_800),
            is_paid,
        };
        assert_eq!(
            client.payment(EpayNumber::Theirs(TRADE), now(), call_deadline()).await,
            Ok(Some(payment(false))),
            "{pid}"
        );
        net.pay(TRADE);
        assert_eq!(
            client.payment(EpayNumber::Theirs(TRADE), now(), call_deadline()).await,
            Ok(Some(payment(true))),
            "{pid}"
        );
        assert_eq!(
            client.payment(EpayNumber::Theirs("g0000000000000002"), now(), call_deadline()).await,
            Ok(None),
            "{pid}"
        );
        let ProviderCall { endpoint, body, .. } = net.calls().remove(0);
        assert_eq!(endpoint, expected, "{pid}");
        assert_eq!(expected_body.unwrap_or_else(|| body.clone()), body, "{pid}");
        assert!(client.answers(call_deadline()).await);
    }
}

#[tokio::test(start_paused = true)]
async fn malformed_response_is_unreadable() {
    use NetFault::{Altered, Reply};
    let paid = |money: u64, is_paid| {
        Ok(Some(EpayPayment {
            pid: merchant("1001").pid,
            trade: TRADE.to_owned(),
            order: "HL1".to_owned(),
            money: yuan(money),
            is_paid,
        }))
    };
    let refused =
        |code: Option<&str>| Err(CallError::Refused { status: 200, kind: None, code: code.map(str::to_owned) });
    let unreadable = || Err(CallError::Unreadable);
    let rows = [
        (Altered("\"code\":1", "\"code\":\"1\""), paid(64_800, true)),
        (Altered("\"pid\":1001", "\"pid\":\"1001\""), paid(64_800, true)),
        (Altered("\"status\":\"1\"", "\"status\":1"), paid(64_800, true)),
        (Altered("\"status\":\"1\"", "\"status\":\"0\""), paid(64_800, false)),
        (Altered("\"status\":\"1\"", "\"status\":\"2\""), paid(64_800, false)),
        (Altered("\"status\":\"1\"", "\"status\":true"), unreadable()),
        (Altered("\"status\":\"1\"", "\"status\":null"), unreadable()),
        (Altered("\"status\":\"1\"", "\"status\":\"9\""), unreadable()),
        (Altered("\"money\":\"648.00\"", "\"money\":648"), paid(64_800, true)),
        (Altered("\"money\":\"648.00\"", "\"money\":0.1"), paid(10, true)),
        (Altered("\"money\":\"648.00\"", "\"money\":\"648.0000\""), paid(64_800, true)),
        (Altered("\"money\":\"648.00\"", "\"money\":6.48e2"), unreadable()),
        (Altered("\"money\":\"648.00\"", "\"money\":\"648.001\""), unreadable()),
        (Altered("\"money\":\"648.00\"", "\"money\":-648"), unreadable()),
        (Altered("\"money\":\"648.00\"", "\"money\":\"1\",\"money\":\"648.00\""), unreadable()),
        (Altered("\"msg\":", "\"more\":{\"a\":[1]},\"none\":null,\"msg\":"), paid(64_800, true)),
        (Reply(200, "{}"), unreadable()),
        (Reply(200, "[]"), unreadable()),
        (Reply(200, "{\"code\":1}"), unreadable()),
        (Reply(200, "{\"code\":-1}"), Ok(None)),
        (Reply(200, "{\"code\":\"-1\"}"), Ok(None)),
        (Reply(200, "{\"code\":-3}"), refused(Some("-3"))),
        (Reply(200, "{\"code\":0}"), refused(Some("0"))),
        (Reply(200, "{\"code\":\"a key\"}"), refused(None)),
    ];
    for (fault, expected) in rows {
        let (net, row) = (EpayNet::default(), format!("{fault:?}"));
        let client = opened_payment(&net, "1001");
        net.pay(TRADE);
        net.fail(move |_, _| fault);
        assert_eq!(client.payment(EpayNumber::Theirs(TRADE), now(), call_deadline()).await, expected, "{row}");
    }
}

/// A V2 response counts only with the gateway's signature.
#[tokio::test(start_paused = true)]
async fn unsigned_or_altered_response_is_unreadable() {
    use NetFault::{Altered, Reply};
    let rows = [
        Altered("\"status\":\"0\"", "\"status\":\"1\""),
        Altered("\"money\":\"648.00\"", "\"money\":\"0.01\""),
        Altered("\"out_trade_no\":\"HL1\"", "\"out_trade_no\":\"HL2\""),
        Altered("\"sign\":", "\"signed\":"),
        Altered("\"sign_type\":\"RSA\"", "\"sign_type\":\"MD5\""),
        Altered("\"timestamp\":\"1767225600\"", "\"timestamp\":\"1767225601\""),
        Reply(
            200,
            r#"{"code":0,"pid":1002,"trade_no":"g0000000000000001","out_trade_no":"HL1","money":"648.00","status":1}"#,
        ),
    ];
    for fault in rows {
        let (net, row) = (EpayNet::default(), format!("{fault:?}"));
        let client = opened_payment(&net, "1002");
        net.fail(move |_, _| fault);
        assert_eq!(
            client.payment(EpayNumber::Theirs(TRADE), now(), call_deadline()).await,
            Err(CallError::Unreadable),
            "{row}"
        );
    }
    let net = EpayNet::default();
    let client = opened_payment(&net, "1002");
    net.set_now(now().plus_seconds(-301));
    assert_eq!(
        client.payment(EpayNumber::Theirs(TRADE), now(), call_deadline()).await.map(drop),
        Err(CallError::Refused { status: 200, kind: None, code: Some("-2".to_owned()) }),
        "a stale timestamp"
    );
}

#[tokio::test(start_paused = true)]
async fn only_transient_failures_are_retried() {
    use NetFault::{Delay, Disconnect, DropRequest, DropResponse, Garbage, Status};
    let link = EpayLink::Page(format!("{EPAY_BASE}/pay/{TRADE}"));
    let rows = [
        (DropRequest, false, Ok(link.clone()), 2),
        (DropResponse, false, Ok(link.clone()), 2),
        (Disconnect, false, Ok(link.clone()), 2),
        (Status(429), false, Ok(link.clone()), 2),
        (Status(502), false, Ok(link.clone()), 2),
        (Delay(Duration::from_millis(2_400)), true, Ok(link), 1),
        (Disconnect, true, Err(CallError::NoAnswer), 4),
        (Status(503), true, Err(CallError::Failed { status: 503 }), 4),
        (Status(403), true, Err(CallError::Refused { status: 403, kind: None, code: None }), 1),
        (Status(302), true, Err(CallError::Unreadable), 1),
        (Garbage, true, Err(CallError::Unreadable), 1),
    ];
    for (fault, always, expected, times) in rows {
        let (net, row) = (EpayNet::default(), format!("{fault:?} {always}"));
        net.fail(move |call, _| if always || call == 0 { fault } else { NetFault::None });
        assert_eq!(client(&net, "1001").create(&new_payment(), now(), call_deadline()).await, expected, "{row}");
        assert_eq!(net.calls().len(), times, "{row}");
        assert!(net.trades().len() <= 1, "{row}: one payment");
        assert!(net.calls().iter().all(|call| call.endpoint == "POST /mapi.php"), "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn payment_link_is_a_page_code_or_app_but_no_script() {
    use NetFault::Reply;
    let rows = [
        (
            Reply(200, r#"{"code":1,"payurl":"https://g.invalid/p?a=1&b=2"}"#),
            Ok(EpayLink::Page("https://g.invalid/p?a=1&b=2".to_owned())),
        ),
        (
            Reply(200, r#"{"code":1,"qrcode":"weixin://wxpay/bizpayurl?pr=1"}"#),
            Ok(EpayLink::Code("weixin://wxpay/bizpayurl?pr=1".to_owned())),
        ),
        (
            Reply(200, r#"{"code":1,"payurl":"","urlscheme":"weixin://dl/1"}"#),
            Ok(EpayLink::App("weixin://dl/1".to_owned())),
        ),
        (Reply(200, r#"{"code":1,"payurl":"javascript:alert(1)"}"#), Err(CallError::Unreadable)),
        (Reply(200, r#"{"code":1,"urlscheme":"javascript:alert(1)"}"#), Err(CallError::Unreadable)),
        (Reply(200, r#"{"code":1,"qrcode":"a b"}"#), Err(CallError::Unreadable)),
        (Reply(200, r#"{"code":1}"#), Err(CallError::Unreadable)),
        (
            Reply(200, r#"{"code":-2,"msg":"no"}"#),
            Err(CallError::Refused { status: 200, kind: None, code: Some("-2".to_owned()) }),
        ),
    ];
    for (fault, expected) in rows {
        let (net, row) = (EpayNet::default(), format!("{fault:?}"));
        net.fail(move |_, _| fault);
        assert_eq!(client(&net, "1001").create(&new_payment(), now(), call_deadline()).await, expected, "{row}");
    }
}

#[test]
fn each_merchant_has_exactly_one_scheme() {
    use EpayConfigError::{Base, Merchants};
    let rows = [
        ("", "", "prod", Ok(None)),
        ("https://g.invalid", "", "prod", Ok(None)),
        ("https://g.invalid", "1001:md5", "prod", Ok(Some("1001 MD5"))),
        ("https://g.invalid/pay", " 1001:md5 , 1002:rsa ", "prod", Ok(Some("1001 MD5, 1002 RSA"))),
        ("http://127.0.0.1:9000/mock/epay", "1001:md5", "local", Ok(Some("1001 MD5"))),
        ("http://g.invalid", "1001:md5", "prod", Err(Base)),
        ("", "1001:md5", "prod", Err(Base)),
        ("https://g.invalid?a=1", "1001:md5", "prod", Err(Base)),
        ("https://user@g.invalid", "1001:md5", "prod", Err(Base)),
        ("g.invalid", "1001:md5", "local", Err(Base)),
        ("https://g.invalid", "1001", "prod", Err(Merchants)),
        ("https://g.invalid", "1001:MD5", "prod", Err(Merchants)),
        ("https://g.invalid", "1001:sha1", "prod", Err(Merchants)),
        ("https://g.invalid", "01:md5", "prod", Err(Merchants)),
        ("https://g.invalid", "1001:md5,", "prod", Err(Merchants)),
        ("https://g.invalid", "1001:md5,1001:rsa", "prod", Err(Merchants)),
        ("https://g.invalid", "1001:md5 1002:rsa", "prod", Err(Merchants)),
    ];
    let queries = [
        (None, Ok(EpayQuery::Get)),
        (Some("get"), Ok(EpayQuery::Get)),
        (Some(" post "), Ok(EpayQuery::Post)),
        (Some("POST"), Err(EpayConfigError::V1Query)),
    ];
    for (method, expected) in queries {
        let variable = |name: &str| match name {
            "EPAY_API_BASE" => Some(EPAY_BASE.to_owned()),
            "EPAY_MERCHANTS" => Some("1001:md5".to_owned()),
            _ => method.map(str::to_owned),
        };
        let read = EpayConfig::read(variable, "prod").map(|config| config.expect("a merchant").v1_query);
        assert_eq!(read, expected, "{method:?}");
    }
    for (base, merchants, stage, expected) in rows {
        let variable = |name: &str| {
            (name != "EPAY_V1_QUERY").then(|| if name == "EPAY_API_BASE" { base } else { merchants }.to_owned())
        };
        let read = EpayConfig::read(variable, stage).map(|config| {
            let shown = |merchant: &EpayMerchant| format!("{} {}", merchant.pid, merchant.scheme.as_str());
            config.map(|config| config.merchants.iter().map(shown).collect::<Vec<_>>().join(", "))
        });
        assert_eq!(read, expected.map(|merchants| merchants.map(str::to_owned)), "{base} {merchants}");
    }
    let config = |merchants: &'static str| {
        let variable = |name: &str| {
            (name != "EPAY_V1_QUERY").then(|| if name == "EPAY_API_BASE" { EPAY_BASE } else { merchants }.to_owned())
        };
        EpayConfig::read(variable, "prod").expect("valid").expect("a merchant")
    };
    assert_eq!(config("1001:md5,1002:rsa").verified_by(&epay_keys()), Ok(()));
    let no_key = |pid: &str, scheme| Err(EpayConfigError::NoKey(Pid::new(pid).expect("a number"), scheme));
    assert_eq!(config("1001:rsa").verified_by(&epay_keys()), no_key("1001", "RSA"));
    assert_eq!(config("1002:md5").verified_by(&epay_keys()), no_key("1002", "MD5"));
    assert_eq!(config("1003:md5").merchants[0].signed_by(&epay_keys()), no_key("1003", "MD5"));
}

#[test]
fn key_appears_in_no_error_or_debug_text() {
    let client = client(&EpayNet::default(), "1001");
    assert!(!format!("{client:?}").contains(EPAY_KEY));
    for error in [
        CallError::NoAnswer,
        CallError::Unreadable,
        CallError::Failed { status: 502 },
        CallError::Refused { status: 200, kind: None, code: Some("-3".to_owned()) },
    ] {
        let text = format!("{error} {error:?}");
        assert!(!text.contains("http") && !text.contains(EPAY_KEY), "{text}");
    }
}
