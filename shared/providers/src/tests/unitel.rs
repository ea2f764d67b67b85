//! The Unitel adapter against the fake: requests, at-most-once top-ups, tokens, queries, settings and redaction.

use serde_json::{Value, json};
use signing::SecretError;
use testkit::{NetFault, UNITEL_BASE, UNITEL_PASSWORD, UNITEL_USERNAME, UnitelNet, now};

use super::*;

const SETTINGS: [(&str, &str); 2] = [("UNITEL_API_URL", UNITEL_BASE), ("UNITEL_CHECK_PATH", CHECK)];
const CHECK: &str = "/service/check_transaction_result";
const PHONE: &str = "88000000";

fn config(settings: &[(&str, &str)], stage: &str) -> Result<Option<UnitelConfig>, UnitelConfigError> {
    let set = |name: &str| settings.iter().rev().find(|(set, _)| *set == name).map(|(_, value)| *value);
    UnitelConfig::read(|name| set(name).map(str::to_owned), stage)
}

fn client_with(net: &UnitelNet, settings: &[(&str, &str)]) -> Unitel {
    let config = config(settings, "prod").expect("valid").expect("an address");
    let keys = UnitelKeys::parse(Some(UNITEL_USERNAME), Some(UNITEL_PASSWORD)).expect("keys");
    Unitel::new(Http::over(net.clone(), fastrand::Rng::with_seed(7)), config, Arc::new(keys))
}

fn client(net: &UnitelNet) -> Unitel {
    client_with(net, &SETTINGS)
}

fn top_up(kind: TopUpKind, phone: &str) -> TopUp {
    let price = Money { amount: Amount::from_units(500_000), currency: Currency::parse("MNT").expect("a currency") };
    TopUp { operator: Operator::Unitel, kind, code: "SD5000".to_owned(), phone: Some(phone.to_owned()), price }
}

/// The call of a worker, whose deadline is longer than the call takes.
async fn top_up_result(unitel: &Unitel, phone: &str) -> TopUpResult {
    let ready = unitel.ready(now(), call_deadline()).await.expect("a token");
    unitel.top_up(&ready, &top_up(TopUpKind::Voice, phone), "HL1", deadline(Duration::from_mins(1))).await
}

fn unknown(why: &str) -> TopUpResult {
    TopUpResult::Unknown { why: why.to_owned() }
}

fn failed(why: &str) -> TopUpResult {
    TopUpResult::Failed { why: why.to_owned() }
}

const RECEIPT: &str = r#"{"amount":"5000.00","billId":"000000000000000000000000000000001","lottery":"AA 00000000","qrData":"0000000000000000","stocks":[{"code":"84130","name":"Airtime","qty":"1.00","totalAmount":"5000.00"}],"success":true,"vat":"454.55"}"#;

fn done() -> TopUpResult {
    TopUpResult::Done { seq: Some("u00000001".to_owned()), receipt: Some(RECEIPT.to_owned()) }
}

fn is_done(top_up_result: &TopUpResult) -> bool {
    matches!(top_up_result, TopUpResult::Done { .. })
}

#[tokio::test(start_paused = true)]
async fn top_up_request_is_sent_in_full() {
    let transaction = |account: &str| json!([{ "journal_id": "HL1", "amount": "5000.00", "description": "SD5000", "account": account }]);
    let vat = [("UNITEL_ACCOUNT", "70000001"), ("UNITEL_VAT_REGISTER_NO", "1234567")];
    let rows = [
        (
            TopUpKind::Voice,
            vec![],
            "POST /service/recharge",
            json!({ "msisdn": PHONE, "card": "SD5000", "vatflag": "0", "vat_register_no": "", "transactions": transaction("") }),
        ),
        (
            TopUpKind::Data,
            vec![],
            "POST /service/datapackage",
            json!({ "msisdn": PHONE, "package": "SD5000", "vatflag": "0", "vat_register_no": "", "transactions": transaction("") }),
        ),
        (
            TopUpKind::Postpaid,
            vat.to_vec(),
            "POST /service/payment",
            json!({
                "msisdn": PHONE, "amount": "5000.00", "remark": "HL1", "vatflag": "1", "vat_register_no": "1234567",
                "transactions": transaction("70000001"),
            }),
        ),
    ];
    for (kind, more, path, body) in rows {
        let net = UnitelNet::default();
        let unitel = client_with(&net, &[SETTINGS.to_vec(), more].concat());
        let ready = unitel.ready(now(), call_deadline()).await.expect("a token");
        assert_eq!(unitel.top_up(&ready, &top_up(kind, PHONE), "HL1", call_deadline()).await, done());
        let [auth, request] = <[_; 2]>::try_from(net.calls()).expect("two calls");
        assert_eq!((auth.endpoint.as_str(), auth.body.as_str()), ("POST /auth", ""));
        assert_eq!(auth.authorization(), Some("Basic c2hvcDpvbmUtb2Ytb3Vycw=="));
        assert_eq!((request.endpoint.as_str(), request.authorization()), (path, Some("Bearer u0000000000000001")));
        assert_eq!(serde_json::from_str::<Value>(&request.body).expect("an object"), body);
    }
}

#[tokio::test(start_paused = true)]
async fn each_response_has_one_outcome() {
    // The outcome of the call, and of a later query.
    let late = TopUpResult::Done { seq: Some("HL1".to_owned()), receipt: Some(RECEIPT.to_owned()) };
    let pending = |seq: &str| TopUpResult::Pending { seq: Some(seq.to_owned()) };
    let rows = [
        ("88000000", done(), late.clone()),
        ("88000001", failed("code 301"), failed("code 301")),
        ("88000002", pending("u00000001"), late.clone()),
        ("88000003", pending("u00000001"), pending("HL1")),
        ("88000004", unknown("status 503"), late.clone()),
        ("88000005", unknown("no answer"), late.clone()),
        ("88000006", done(), late.clone()),
        ("88000007", unknown("unreadable answer"), late.clone()),
        ("88000008", done(), late),
    ];
    for (phone, expected, later) in rows {
        let net = UnitelNet::default();
        let unitel = client(&net);
        let started = clock();
        assert_eq!(top_up_result(&unitel, phone).await, expected, "{phone}");
        assert!(clock().duration_since(started) <= Duration::from_millis(30_001), "{phone}");
        assert_eq!(net.top_ups("HL1").calls, 1, "{phone}");
        let ready = unitel.ready(now(), call_deadline()).await.expect("a token");
        let checked = unitel.check(&ready, phone, "HL1", Some("u00000001"), call_deadline()).await;
        assert_eq!(checked, Ok(Some(later)), "{phone}");
        assert_eq!(net.top_ups("HL1").calls, 1, "{phone}");
    }
}

/// The call is sent once, whatever fails.
#[tokio::test(start_paused = true)]
async fn failed_call_is_sent_once_and_unknown() {
    use NetFault::{
        Altered, Delay, Disconnect, DropRequest, DropResponse, Garbage, ReplyApplied, Reset, Status, StatusApplied,
        Truncated,
    };
    let without_bill = || TopUpResult::Done { seq: Some("7".to_owned()), receipt: None };
    let rows = [
        (DropRequest, unknown("no answer")),
        (DropResponse, unknown("no answer")),
        (Disconnect, unknown("no answer")),
        (Reset, unknown("no answer")),
        (Delay(Duration::from_secs(29)), done()),
        (Delay(Duration::from_secs(31)), unknown("no answer")),
        (Status(302), unknown("status 302")),
        (Status(400), unknown("status 400")),
        (Status(404), unknown("status 404")),
        (Status(409), unknown("status 409")),
        (Status(429), unknown("status 429")),
        (Status(500), unknown("status 500")),
        (Status(503), unknown("status 503")),
        (StatusApplied(502), unknown("status 502")),
        (ReplyApplied(500, r#"{"result":"failed","code":"301"}"#), unknown("status 500")),
        (ReplyApplied(400, r#"{"result":"success","code":"000"}"#), unknown("status 400")),
        (ReplyApplied(401, r#"{"result":"success","code":"000"}"#), unknown("status 401")),
        (Garbage, unknown("unreadable answer")),
        (Truncated, unknown("unreadable answer")),
        (ReplyApplied(200, ""), unknown("unreadable answer")),
        (ReplyApplied(200, "[]"), unknown("unreadable answer")),
        (ReplyApplied(200, "{}"), unknown("unreadable answer")),
        (ReplyApplied(200, r#"{"result":null,"code":"000"}"#), unknown("unreadable answer")),
        (ReplyApplied(200, r#"{"result":true,"code":"000"}"#), unknown("unreadable answer")),
        (ReplyApplied(200, r#"{"result":"success","result":"failed","code":"000"}"#), unknown("unreadable answer")),
        (ReplyApplied(200, r#"{"result":"success"}"#), unknown("without a code")),
        (ReplyApplied(200, r#"{"result":"success","code":"0"}"#), unknown("code 0")),
        (ReplyApplied(200, r#"{"result":"success","code":0}"#), unknown("code 0")),
        (ReplyApplied(200, r#"{"result":"SUCCESS","code":"000"}"#), unknown("code 000")),
        (ReplyApplied(200, r#"{"result":"ok","code":"000"}"#), unknown("code 000")),
        (ReplyApplied(200, r#"{"result":"success","code":"a phone 88000000"}"#), unknown("without a code")),
        (ReplyApplied(200, r#"{"result":"failed"}"#), failed("without a code")),
        (ReplyApplied(200, r#"{"result":"fail","code":12}"#), failed("code 12")),
        (ReplyApplied(200, r#"{"result":"pending"}"#), TopUpResult::Pending { seq: None }),
        (ReplyApplied(200, r#"{"result":"success","code":"000"}"#), TopUpResult::Done { seq: None, receipt: None }),
        (ReplyApplied(200, r#"{"result":"success","code":"000","seq":7,"vat":null}"#), without_bill()),
        (ReplyApplied(200, r#"{"result":"success","code":"000","seq":"7","vat":{}}"#), without_bill()),
        (ReplyApplied(200, r#"{"result":"success","code":"000","seq":"7","vat":[1]}"#), without_bill()),
        (Altered("\"u00000001\"", "[1]"), TopUpResult::Done { seq: None, receipt: Some(RECEIPT.to_owned()) }),
        (Altered("\"u00000001\"", "null"), TopUpResult::Done { seq: None, receipt: Some(RECEIPT.to_owned()) }),
    ];
    for (fault, expected) in rows {
        let (net, row) = (UnitelNet::default(), format!("{fault:?}"));
        net.fail(move |_, what| if what == "POST /auth" { NetFault::None } else { fault });
        assert_eq!(top_up_result(&client(&net), PHONE).await, expected, "{row}");
        assert_eq!(net.calls().iter().filter(|request| request.endpoint != "POST /auth").count(), 1, "{row}");
        assert!(net.top_ups("HL1").given <= 1, "{row}");
    }
    let net = UnitelNet::default();
    let unitel = client(&net);
    let ready = unitel.ready(now(), call_deadline()).await.expect("a token");
    let (started, late) = (clock(), top_up(TopUpKind::Voice, "88000005"));
    let cut_off = unitel.top_up(&ready, &late, "HL1", deadline(Duration::from_secs(2))).await;
    assert_eq!(
        (cut_off, clock().duration_since(started) <= Duration::from_millis(2_001)),
        (unknown("no answer"), true)
    );
}

#[tokio::test(start_paused = true)]
async fn vat_bill_is_stored_unchanged() {
    use NetFault::Altered;
    let done_with =
        |bill: &str| TopUpResult::Done { seq: Some("u00000001".to_owned()), receipt: Some(bill.to_owned()) };
    let spaced = "\"success\" : true ,\n\t\"text\": \"a \\\" b \\\\\" , \"n\": 5000.10";
    let compact = RECEIPT.replace("\"success\":true", r#""success":true,"text":"a \" b \\","n":5000.10"#);
    let rows = [(Altered("\"success\":true", spaced), done_with(&compact))];
    for (fault, expected) in rows {
        let net = UnitelNet::default();
        net.fail(move |_, what| if what == "POST /auth" { NetFault::None } else { fault });
        assert_eq!(top_up_result(&client(&net), PHONE).await, expected);
    }
    // A bill above the size limit is dropped.
    for (zeros, is_kept) in [(4_096 - 12, true), (4_096 - 11, false)] {
        let bill = format!(r#"{{"qrData":"{}"}}"#, "0".repeat(zeros - 1));
        assert_eq!(bill.len(), zeros + 12);
        let body: &'static str = Box::leak(
            format!(r#"{{"result":"success","code":"000","seq":"u00000001","vat":{bill}}}"#).into_boxed_str(),
        );
        let net = UnitelNet::default();
        net.fail(move |_, what| if what == "POST /auth" { NetFault::None } else { NetFault::ReplyApplied(200, body) });
        let expected = TopUpResult::Done { seq: Some("u00000001".to_owned()), receipt: is_kept.then_some(bill) };
        assert_eq!(top_up_result(&client(&net), PHONE).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn token_is_cached_and_replaced_after_it_expires() {
    let net = UnitelNet::default();
    let unitel = client(&net);
    let tokens = || net.calls().iter().filter(|request| request.endpoint == "POST /auth").count();
    for (seconds, expected) in [(0, 1), (89, 1), (90, 2), (179, 2), (180, 3)] {
        let at = now().plus_seconds(seconds);
        net.set_now(at);
        let ready = unitel.clone().ready(at, call_deadline()).await.expect("a token");
        assert!(
            is_done(&unitel.top_up(&ready, &top_up(TopUpKind::Data, PHONE), "HL1", call_deadline()).await),
            "{seconds}"
        );
        assert_eq!(tokens(), expected, "{seconds}");
    }

    // An early 401 in either form: the client gets one new token and repeats the call once, since a 401 has no effect.
    for (status, body) in
        [(401, "{}"), (401, ""), (401, r#"{"result":"401"}"#), (200, r#"{"result":"401","msg":"Unauthorized"}"#)]
    {
        for (always, expected, calls) in [(false, true, 2), (true, false, 2)] {
            let net = UnitelNet::default();
            net.fail(move |call, what| {
                if what != "POST /auth" && (always || call == 1) {
                    NetFault::Reply(status, body)
                } else {
                    NetFault::None
                }
            });
            let top_up_result = top_up_result(&client(&net), PHONE).await;
            assert_eq!(is_done(&top_up_result), expected, "{status} {body} {always}");
            if always {
                assert_eq!(top_up_result, unknown("not authorized"));
            }
            let requests: Vec<_> = net.endpoints();
            assert_eq!(requests.iter().filter(|what| *what == "POST /service/recharge").count(), calls);
            assert_eq!(requests.iter().filter(|what| *what == "POST /auth").count(), 2);
            assert_eq!(net.top_ups("HL1").given, u64::from(expected));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn missing_token_prevents_the_top_up() {
    use NetFault::{Disconnect, DropRequest, Garbage, ReplyApplied, Status};
    let refused = |status| CallError::Refused { status, kind: None, code: None };
    let rows = [
        (DropRequest, CallError::NoAnswer),
        (Disconnect, CallError::NoAnswer),
        (Status(503), CallError::Failed { status: 503 }),
        (Status(401), refused(401)),
        (Status(302), CallError::Unreadable),
        (Garbage, CallError::Unreadable),
        (ReplyApplied(200, r#"{"result":"401","msg":"Unauthorized"}"#), refused(401)),
        (ReplyApplied(200, r#"{"access_token":""}"#), CallError::Unreadable),
        (ReplyApplied(200, r#"{"access_token":"a b"}"#), CallError::Unreadable),
        (ReplyApplied(200, r#"{"access_token":"a\r\nx: y"}"#), CallError::Unreadable),
        (ReplyApplied(200, r#"{"access_token":null}"#), CallError::Unreadable),
        (ReplyApplied(200, r#"{"access_token":"a","access_token":"b"}"#), CallError::Unreadable),
    ];
    for (fault, expected) in rows {
        let (net, row) = (UnitelNet::default(), format!("{fault:?}"));
        net.fail(move |_, _| fault);
        assert_eq!(client(&net).ready(now(), call_deadline()).await.map(drop), Err(expected), "{row}");
        assert!(net.calls().iter().all(|request| request.endpoint == "POST /auth"), "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn failed_query_is_retried() {
    use NetFault::{Disconnect, DropRequest, Reply, ReplyApplied, Status};
    let rows = [
        (DropRequest, false, None, 2),
        (Disconnect, false, None, 2),
        (Status(503), false, None, 2),
        (Reply(401, ""), false, None, 2),
        (Disconnect, true, Some(Err(CallError::NoAnswer)), 4),
        (Status(503), true, Some(Err(CallError::Failed { status: 503 })), 4),
        (Status(404), true, Some(Err(CallError::Refused { status: 404, kind: None, code: None })), 1),
        (Reply(401, ""), true, Some(Err(CallError::Refused { status: 401, kind: None, code: None })), 2),
        (ReplyApplied(200, "<html>"), true, Some(Ok(Some(unknown("unreadable answer")))), 1),
        (ReplyApplied(200, r#"{"result":"notfound","code":"404"}"#), true, Some(Ok(Some(unknown("code 404")))), 1),
    ];
    for (fault, always, expected, times) in rows {
        let (net, row) = (UnitelNet::default(), format!("{fault:?} {always}"));
        let unitel = client(&net);
        top_up_result(&unitel, "88000002").await;
        let ready = unitel.ready(now(), call_deadline()).await.expect("a token");
        net.fail(move |call, what| if what != "POST /auth" && (always || call == 0) { fault } else { NetFault::None });
        let checked = unitel.check(&ready, "88000002", "HL1", None, call_deadline()).await;
        match expected {
            Some(expected) => assert_eq!(checked, expected, "{row}"),
            None => assert!(matches!(&checked, Ok(Some(checked)) if is_done(checked)), "{row}"),
        }
        let requests: Vec<_> =
            net.calls().into_iter().filter(|request| request.endpoint == format!("POST {CHECK}")).collect();
        assert_eq!(requests.len(), times, "{row}");
        assert_eq!(requests[0].body, r#"{"journal_id":"HL1","msisdn":"88000002","transaction_id":""}"#);
    }
    let net = UnitelNet::default();
    let unitel = client_with(&net, &SETTINGS[..1]);
    let ready = unitel.ready(now(), call_deadline()).await.expect("a token");
    assert_eq!(unitel.check(&ready, PHONE, "HL1", None, call_deadline()).await, Ok(None));
    assert_eq!(net.calls().len(), 1, "no query is sent");
}

#[test]
fn invalid_settings_are_rejected() {
    use UnitelConfigError::{NotAnId, Path, Url};
    type Row<'r> = (&'r [(&'r str, &'r str)], &'r str, Result<bool, UnitelConfigError>);
    let rows: [Row<'_>; 15] = [
        (&[], "prod", Ok(false)),
        (&[("UNITEL_API_URL", "  ")], "prod", Ok(false)),
        (&[("UNITEL_CHECK_PATH", "no path")], "prod", Ok(false)),
        (&[("UNITEL_API_URL", "https://api.unitel.mn/api/v1/")], "prod", Ok(true)),
        (&[("UNITEL_API_URL", "http://127.0.0.1:9000/mock/unitel")], "local", Ok(true)),
        (&[("UNITEL_API_URL", "http://api.unitel.mn")], "prod", Err(Url)),
        (&[("UNITEL_API_URL", "https://api.unitel.mn?a=1")], "prod", Err(Url)),
        (&[("UNITEL_API_URL", "https://shop@api.unitel.mn")], "prod", Err(Url)),
        (&[("UNITEL_API_URL", "api.unitel.mn")], "local", Err(Url)),
        (&[SETTINGS[0], ("UNITEL_CHECK_PATH", "/check")], "prod", Ok(true)),
        (&[SETTINGS[0], ("UNITEL_CHECK_PATH", "check")], "prod", Err(Path)),
        (&[SETTINGS[0], ("UNITEL_CHECK_PATH", "/")], "prod", Err(Path)),
        (&[SETTINGS[0], ("UNITEL_CHECK_PATH", "/../x")], "prod", Err(Path)),
        (&[SETTINGS[0], ("UNITEL_CHECK_PATH", "/check?a=1")], "prod", Err(Path)),
        (&[SETTINGS[0], ("UNITEL_ACCOUNT", "a b")], "prod", Err(NotAnId("UNITEL_ACCOUNT"))),
    ];
    for (settings, stage, expected) in rows {
        assert_eq!(config(settings, stage).map(|config| config.is_some()), expected, "{settings:?}");
    }
    let read = config(&[("UNITEL_API_URL", "https://api.unitel.mn/api/v1/")], "prod").expect("valid").expect("set");
    assert_eq!(read.base, "https://api.unitel.mn/api/v1");
}

#[test]
fn placeholder_secrets_are_rejected_and_redacted() {
    let [username, password] = UnitelKeys::SETTINGS;
    let rows = [
        (Some("shop"), Some("one-of-ours"), None),
        (None, Some("one-of-ours"), Some((username, SecretError::Empty))),
        (Some("shop"), None, Some((password, SecretError::Empty))),
        (Some("shop"), Some("  "), Some((password, SecretError::Empty))),
        (Some("shop"), Some("changeme"), Some((password, SecretError::Placeholder))),
        (Some("<username>"), Some("one-of-ours"), Some((username, SecretError::Placeholder))),
        (
            Some("shop:keeper"),
            Some("one-of-ours"),
            Some((username, SecretError::NotAKey { expected: "a name without a colon" })),
        ),
    ];
    for (name, word, expected) in rows {
        let keys = UnitelKeys::parse(name, word);
        assert!(!format!("{keys:?}").contains("one-of-ours"), "{keys:?}");
        assert_eq!(keys.err(), expected, "{name:?} {word:?}");
    }
    let unitel = client(&UnitelNet::default());
    let text = format!("{unitel:?} {:?} {:?}", top_up(TopUpKind::Voice, PHONE), done());
    for secret in [UNITEL_PASSWORD, PHONE, "lottery", "AA 00000000"] {
        assert!(!text.contains(secret), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn token_is_redacted() {
    let ready = client(&UnitelNet::default()).ready(now(), call_deadline()).await;
    assert_eq!(format!("{ready:?}"), "Ok(Ready(redacted))");
}
