//! The parsed event of each form, parse errors, and that no body makes a parser panic.

use ledger::{Amount, Currency, Money, OrderNumber, PaymentState, Provider, Reference};
use proptest::prelude::*;
use signing::hmac_hex;

use super::*;
use crate::parse::InAttach;

/// Parses the body as one that was verified in this form.
fn parsed(form: Form, path: &str, body: &[u8]) -> Result<WechatEvent, ParseError> {
    let keys = hmac_hex::Keys::parse("a-secret-of-the-tests", Strength::Local).expect("a secret");
    let verified = hmac_hex::verify(&keys, body, &hmac_hex::sign(&keys, body)).expect("verified");
    let headers = if form == Form::V3 { vec![(wechat_v3::SIGNATURE.to_owned(), "…".to_owned())] } else { Vec::new() };
    let [method, path, query] = ["POST", path, ""].map(str::to_owned);
    let request = Request::new(method, path, query, headers, Vec::new());
    parse::parse(&Received::new(verified, &request, Wechat::HEADERS_KEPT))
}

const V3: &str = r#"{"mchid":"1","appid":"wx","out_trade_no":"HL1","transaction_id":"42","trade_state":"SUCCESS",
    "amount":{"total":500,"payer_total":1,"currency":"CNY"},"success_time":"2026-01-01T08:00:00+08:00"}"#;
const V2: &str = "<xml><return_code>SUCCESS</return_code><result_code>SUCCESS</result_code><mch_id>1</mch_id>\
    <appid>wx</appid><out_trade_no>HL1</out_trade_no><transaction_id>42</transaction_id><total_fee>500</total_fee>\
    <time_end>20260101080000</time_end></xml>";
const CLOUD_RUN: &str = r#"{"returnCode":"SUCCESS","resultCode":"SUCCESS","subMchId":"1","subAppid":"wx",
    "outTradeNo":"HL1","transactionId":"42","totalFee":500,"timeEnd":"20260101080000"}"#;

#[test]
fn three_forms_parse_to_the_same_report() {
    let by = Reference::new(Provider::Wechat, "42").expect("a reference");
    let money = Money { amount: Amount::from_units(500), currency: Currency::CNY };
    let at = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z").ok();
    let events = [(Form::V3, V3), (Form::V2, V2), (Form::CloudRun, CLOUD_RUN)]
        .map(|(form, body)| parsed(form, "/payment/callback/HL1", body.as_bytes()).expect("an event"));
    for event in &events {
        assert_eq!(event.report, Report::Payment { by: by.clone(), money, at }, "{:?}", event.form);
        assert_eq!(event.order.as_ref().map(OrderNumber::as_str), Some("HL1"));
        assert_eq!((event.id.as_str(), event.in_path.as_deref()), ("42", Some("HL1")));
        assert_eq!(event.fingerprint, events[0].fingerprint, "the form is no part of the fingerprint");
    }
    let receipts = events.map(|event| event.receipt.to_string());
    assert_eq!(receipts[..2], ["wechat#v3.42", "wechat#v2.42"]);
    assert!(receipts[2].starts_with("wechat#cloudrun.42.1."), "{}", receipts[2]);
}

#[test]
fn other_state_than_success_pays_nothing() {
    let state = |state: &str| V3.replace("\"SUCCESS\"", &format!("\"{state}\""));
    let rows = [
        (state("REFUND"), Report::Awaiting),
        (state("NOTPAY"), Report::Awaiting),
        (state("USERPAYING"), Report::Awaiting),
        (state("CLOSED"), Report::Unpaid(PaymentState::Canceled)),
        (state("REVOKED"), Report::Unpaid(PaymentState::Canceled)),
        (state("PAYERROR"), Report::Unpaid(PaymentState::Failed)),
    ];
    for (body, report) in rows {
        assert_eq!(parsed(Form::V3, "/", body.as_bytes()).expect("an event").report, report, "{body}");
    }
    let failed = V2.replace("<result_code>SUCCESS", "<result_code>FAIL");
    assert_eq!(
        parsed(Form::V2, "/", failed.as_bytes()).expect("an event").report,
        Report::Unpaid(PaymentState::Failed)
    );
    let failed = CLOUD_RUN.replace("\"resultCode\":\"SUCCESS\"", "\"resultCode\":\"FAIL\"");
    assert_eq!(
        parsed(Form::CloudRun, "/", failed.as_bytes()).expect("an event").report,
        Report::Unpaid(PaymentState::Failed)
    );
}

/// A query supplies the fields that a CloudRun callback leaves out.
#[test]
fn incomplete_cloudrun_payment_is_a_hint() {
    let by = Reference::new(Provider::Wechat, "42").ok();
    let money = Some(Money { amount: Amount::from_units(500), currency: Currency::CNY });
    let rows = [
        (r#""transactionId":"42","totalFee":500,"#, Hint { by: None, money: None }),
        (r#""transactionId":"42","#, Hint { by: None, money }),
        (r#""totalFee":500,"#, Hint { by: by.clone(), money: None }),
    ];
    for (missing, hint) in rows {
        let body = CLOUD_RUN.replace(missing, "");
        let event = parsed(Form::CloudRun, "/", body.as_bytes()).expect("an event");
        assert_eq!((event.report, event.id.as_str()), (Report::Hint(hint), "HL1"), "{body}");
        assert!(event.receipt.as_str().starts_with("wechat#cloudrun.order.HL1.SUCCESS.1."), "{}", event.receipt);
    }
    let whole = parsed(Form::CloudRun, "/", CLOUD_RUN.as_bytes()).expect("an event");
    assert!(matches!(whole.report, Report::Payment { .. }));
}

/// The error names the field and never contains its value.
#[test]
fn parse_error_names_the_field() {
    let rows = [
        (Form::V3, V3.replace("500", "5e2"), "amount.total must be a whole number that is not negative"),
        (Form::V3, V3.replace("\"total\":500", "\"total\":500,\"total\":500"), "amount.total stands twice"),
        (Form::V3, V3.replace("\"CNY\"", "\"RENMINBI\""), "amount.currency must be a currency of three letters"),
        (Form::V3, V3.replace("\"total\"", "\"payer\""), "amount.total is missing"),
        (Form::V3, V3.replace("\"SUCCESS\"", "\"MAYBE\""), "trade_state is not a known value"),
        (Form::V3, V3.replace("\"42\"", "42"), "transaction_id must be a text"),
        (
            Form::V3,
            "{\"combine_out_trade_no\":\"1\"}".to_owned(),
            "combine_out_trade_no is a combined payment, which is not supported",
        ),
        (Form::V3, "[]".to_owned(), "body must be a JSON object"),
        (Form::V2, V2.replace("500", "5.00"), "total_fee must be a whole number that is not negative"),
        (Form::V2, V2.replace("<total_fee>500</total_fee>", ""), "total_fee is missing"),
        (Form::V2, V2.replace("HL1", "a b"), "out_trade_no an order number is 1 to 32 letters, digits or - _"),
        (Form::V2, V2.replace("<xml>", "<xml><!-- -->"), "body must be flat XML"),
        (Form::CloudRun, CLOUD_RUN.replace("500", "-1"), "totalFee must be a whole number that is not negative"),
        (Form::CloudRun, CLOUD_RUN.replace("\"42\"", "42"), "transactionId must be a text"),
        (Form::CloudRun, CLOUD_RUN.replace("HL1", ""), "out_trade_no is missing"),
        (
            Form::CloudRun,
            CLOUD_RUN.replace("\"timeEnd\"", "\"refundFee\":1,\"timeEnd\""),
            "refundFee belongs to a refund, which CloudRun does not document",
        ),
        (Form::CloudRun, CLOUD_RUN.replace("20260101080000", "now"), "timeEnd is not a time"),
        // An unsigned body does not become APIv3 by its content.
        (Form::CloudRun, V3.to_owned(), "returnCode is missing"),
    ];
    for (form, body, expected) in rows {
        let error = parsed(form, "/", body.as_bytes()).expect_err("a refusal").to_string();
        assert_eq!(error, expected, "{body}");
    }
}

#[test]
fn attach_gives_a_number_or_nothing() {
    let rows = [
        (None, InAttach::Nothing),
        (Some(""), InAttach::Nothing),
        (Some("支付测试"), InAttach::Nothing),
        (Some("HL2"), InAttach::Nothing),
        (Some("{}"), InAttach::Nothing),
        (Some(r#"{"orderNumber":null}"#), InAttach::Nothing),
        (Some(r#"{"orderNumber":"HL1","x":1}"#), InAttach::Number("HL1".to_owned())),
        (Some(r#" {"orderNumber":""}"#), InAttach::Number(String::new())),
        (Some(r#"{"orderNumber":1}"#), InAttach::Unreadable),
        (Some(r#"{"orderNumber":"HL1","orderNumber":"HL1"}"#), InAttach::Unreadable),
        (Some("{"), InAttach::Unreadable),
    ];
    for (attach, expected) in rows {
        assert_eq!(InAttach::read(attach), expected, "{attach:?}");
    }
}

proptest! {
    #[test]
    fn any_body_is_parsed_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[{}<>\\[\\]:\",a-zA-Z0-9_ ]{0,200}", at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for form in [Form::V3, Form::V2, Form::CloudRun] {
            let _ = parsed(form, "/payment/callback/HL1", &bytes);
            let _ = parsed(form, &text, text.as_bytes());
            for good in [V3, V2, CLOUD_RUN] {
                let mut damaged = good.as_bytes().to_vec();
                damaged[at.index(good.len())] = byte;
                let _ = parsed(form, "/", &damaged);
            }
        }
    }
}
