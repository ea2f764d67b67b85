//! Confirmation: a notification that WeChat has not signed is booked only after WeChat's API confirms it, and the API's answer decides.

use std::time::Duration;

use testkit::{NetFault, WechatFault};

use super::*;

const OVER_CLOUDRUN: [(&str, &str); 2] = [("WECHAT_API", "cloudrun"), ("WECHAT_API_BASE", "https://cloud.invalid")];

/// The settings select the forms that need a confirmation. The API that is queried makes no difference.
#[tokio::test(start_paused = true)]
async fn settings_select_which_forms_are_confirmed() {
    let all: [(&str, &str); 3] =
        [("WECHAT_CONFIRM_V3", "true"), ("WECHAT_CONFIRM_V2", "true"), ("WECHAT_CONFIRM_CLOUDRUN", "true")];
    let none = [("WECHAT_CONFIRM_CLOUDRUN", "false")];
    let rows = [
        (&[][..], [0, 0, 1, 1, 0]),
        (&all, [1, 1, 1, 1, 1]),
        (&none, [0, 0, 0, 0, 0]),
        (&OVER_CLOUDRUN, [0, 0, 1, 1, 0]),
    ];
    for (variables, queries) in rows {
        let of_refund = "v3_refund";
        for (name, queries) in PAYMENTS.iter().chain([&of_refund]).zip(queries) {
            let (world, net) = (shop().await, paid());
            let got = deliver_sample(&world, &net, variables, NOTIFY, &sample(name)).await;
            assert!(is(&got, success_of(name)), "{name} {variables:?}: {got:?}");
            assert_eq!(net.calls().len(), queries, "{name} {variables:?}");
            let paid = if *name == of_refund { 0 } else { 100_000_000_000 };
            assert_eq!(world.books().balance("alice/credits"), paid, "{name} {variables:?}");
        }
    }
    let (world, net) = (shop().await, paid());
    deliver_sample(&world, &net, &none, NOTIFY, &sample("v2_refund")).await;
    assert_eq!(net.calls().len(), 1, "a refund over APIv2 is always confirmed");
}

/// The notification is acknowledged, kept and retried. The order is not flagged.
#[tokio::test(start_paused = true)]
async fn unconfirmed_payment_is_kept_for_retry() {
    let nothing = WechatNet::default;
    let other_transaction = || {
        let net = WechatNet::default();
        net.pay(ORDER, "4200000000202601010000000009", PRICE, None);
        net
    };
    for variables in [&[][..], &OVER_CLOUDRUN] {
        for (name, net) in [("nothing", nothing()), ("another transaction", other_transaction())] {
            let world = shop().await;
            let got = deliver_sample(&world, &net, variables, NOTIFY, &sample("cloudrun_payment")).await;
            assert!(is(&got, CLOUDRUN_SUCCESS), "{name}: {got:?}");
            let books = world.books();
            books.check();
            assert_eq!(books.order(ORDER).payment, "unpaid", "{name}");
            assert_eq!(books.order(ORDER).anomaly, None, "{name}");
            let row = books.journal.values().find(|row| row.reason.is_some()).expect("kept");
            assert_eq!((row.reason.as_deref(), row.needs_attention), (Some("unconfirmed"), true), "{name}");
            // The same event is booked once WeChat confirms it.
            net.pay(ORDER, TRANSACTION, PRICE, None);
            let got = deliver_sample(&world, &net, variables, NOTIFY, &sample("cloudrun_payment")).await;
            assert!(is(&got, CLOUDRUN_SUCCESS), "{name}: {got:?}");
            let books = world.books();
            books.check();
            assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{name}");
        }
    }
    let world = shop().await;
    let got = deliver_sample(&world, &paid(), &[("WECHAT_API", "")], NOTIFY, &sample("cloudrun_payment")).await;
    assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
    assert_eq!(world.books().order(ORDER).payment, "unpaid", "no API is configured");
}

/// WeChat's answer contradicts the order.
#[tokio::test(start_paused = true)]
async fn contradicting_answer_flags_the_order() {
    let other = r#"{"orderNumber":"hk_other_order"}"#;
    let rows = [(1, None, "AMOUNT_MISMATCH"), (PRICE, Some(other), "ATTACH_MISMATCH")];
    for (fen, attach, reason) in rows {
        let (world, net) = (shop().await, WechatNet::default());
        net.pay(ORDER, TRANSACTION, fen, attach);
        let got = deliver_sample(&world, &net, &[], NOTIFY, &sample("cloudrun_payment_without_attach")).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
        let books = world.books();
        books.check();
        let order = books.order(ORDER);
        assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), ("unpaid", Some(reason)));
    }
}

/// Without an answer the notification is kept and not acknowledged, and the reply meets its deadline.
#[tokio::test(start_paused = true)]
async fn unanswered_confirmation_is_not_acknowledged() {
    use NetFault::{Delay, Disconnect, DropRequest, Garbage, Own, Status};
    let unavailable = (503, r#"{"errcode":503,"errmsg":"Temporarily unavailable"}"#);
    for fault in [
        DropRequest,
        Disconnect,
        Delay(Duration::from_secs(5)),
        Status(500),
        Status(401),
        Status(404),
        Garbage,
        Own(WechatFault::Unsigned),
    ] {
        let (world, net) = (shop().await, paid());
        let before = world.books();
        net.fail(move |_, _| fault);
        let function = function(world.ledger(1), &net, &[]).await;
        let invocation = edge::Invocation { deadline: testkit::deadline(Wechat::REPLY_WITHIN), ..invocation(1) };
        let started = testkit::deadline(Duration::ZERO).0;
        let got =
            status_and_body(function.answer(&event(NOTIFY, &sent(&sample("cloudrun_payment"))), &invocation).await);
        assert!(is(&got, unavailable), "{fault:?}: {got:?}");
        let took = testkit::deadline(Duration::ZERO).0.duration_since(started);
        assert!(took < Duration::from_secs(4), "{fault:?} took {took:?}");
        let books = world.books();
        books.check();
        assert_eq!((&books.orders, &books.accounts), (&before.orders, &before.accounts), "{fault:?}");
        let kept: Vec<_> = books.journal.values().filter_map(|row| row.reason.as_deref()).collect();
        assert_eq!((kept, books.bodies.len()), (vec!["unanswered"], 1), "{fault:?}");
    }
    // A temporary error is retried.
    let (world, net) = (shop().await, paid());
    net.fail(|call, _| if call == 0 { Status(503) } else { NetFault::None });
    let got = deliver_sample(&world, &net, &[], NOTIFY, &sample("cloudrun_payment")).await;
    assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
    assert_eq!(world.books().balance("alice/credits"), 100_000_000_000);
}

/// The forwarder's answer pays an order, so only an answer that is signed for this call counts.
#[tokio::test(start_paused = true)]
async fn unsigned_answer_of_the_forwarder_pays_nothing() {
    use NetFault::{Altered, Garbage, Own, Status};
    let unavailable = (503, r#"{"errcode":503,"errmsg":"Temporarily unavailable"}"#);
    let (to_paid, fen) = (r#""trade_state":"SUCCESS""#, "\"total_fee\":1999");
    let rows = [
        ("not signed", Own(WechatFault::Unsigned), true),
        ("signed for another call", Own(WechatFault::SignedAsFirst), true),
        ("an unpaid order made paid", Altered(r#""trade_state":"NOTPAY""#, to_paid), true),
        ("another sum", Altered("\"total_fee\":1", fen), true),
        ("a page of a proxy", Garbage, true),
        ("a refusal of a proxy", Status(403), true),
        // A container that is down is no attack.
        ("a failure of a proxy", Status(502), false),
    ];
    for (name, fault, is_alarming) in rows {
        let (world, net) = (shop().await, WechatNet::default());
        if matches!(fault, Altered(_, text) if text == to_paid) {
            net.begin(ORDER, PRICE);
        } else {
            let fen = if matches!(fault, Altered(..)) { 1 } else { PRICE };
            net.pay(ORDER, TRANSACTION, fen, None);
        }
        let function = function(world.ledger(1), &net, &OVER_CLOUDRUN).await;
        let api = function.source.api.as_ref().expect("an API");
        let first = api.payment_of(&order(), now(), testkit::deadline(Duration::from_secs(1))).await;
        assert!(first.is_ok_and(|payment| payment.is_some()), "{name}: the first call is answered");
        net.fail(move |_, _| fault);
        crate::log_capture::start_capture();
        let got =
            status_and_body(function.answer(&event(NOTIFY, &sent(&sample("cloudrun_payment"))), &invocation(1)).await);
        assert!(is(&got, unavailable), "{name}: {got:?}");
        let alarms =
            crate::log_capture::captured_lines().into_iter().filter(|line| line["alarm"] == "answer_unsigned").count();
        assert_eq!(alarms, usize::from(is_alarming), "{name}");
        let books = world.books();
        books.check();
        assert_eq!((books.order(ORDER).payment.as_str(), books.accounts.len()), ("unpaid", 0), "{name}");
        let kept: Vec<_> = books.journal.values().filter_map(|row| row.reason.as_deref()).collect();
        assert_eq!(kept, ["unanswered"], "{name}");
    }
}

/// A container may forward only these fields. The path or the attach names the order, and WeChat's answer supplies the rest, whatever the
/// settings.
#[tokio::test(start_paused = true)]
async fn missing_fields_come_from_the_answer() {
    const ATTACH: &str = r#","attach":"{\"orderNumber\":\"hk_sample_order\"}""#;
    const OTHER: &str = r#","attach":"{\"orderNumber\":\"hk_other_order\"}""#;
    const MERCHANT: &str = r#","subMchId":"1900000001""#;
    let short = |fen: u64, more: &str| {
        format!(
            r#"{{"returnCode":"SUCCESS","resultCode":"SUCCESS","totalFee":{fen},"transactionId":"{TRANSACTION}"{more}}}"#
        )
    };
    let trusting = [("WECHAT_CONFIRM_CLOUDRUN", "false")];
    let rows = [
        ("the path alone", CALLBACK, PRICE, "", 1, "paid", None),
        ("the attach alone", NOTIFY, PRICE, ATTACH, 1, "paid", None),
        ("both", CALLBACK, PRICE, ATTACH, 1, "paid", None),
        ("another amount", CALLBACK, 1, ATTACH, 0, "unpaid", Some("AMOUNT_MISMATCH")),
        ("the merchant, and no order but the path's", CALLBACK, PRICE, MERCHANT, 1, "paid", None),
    ];
    for (name, path, fen, more, queries, payment, anomaly) in rows {
        for variables in [&[][..], &trusting] {
            let (world, net) = (shop().await, paid());
            let got = deliver_sample(&world, &net, variables, path, &short(fen, more)).await;
            assert!(is(&got, CLOUDRUN_SUCCESS), "{name}: {got:?}");
            let books = world.books();
            books.check();
            let order = books.order(ORDER);
            assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), (payment, anomaly), "{name}");
            assert_eq!(net.calls().len(), queries, "{name}");
        }
    }
    // WeChat confirms no such payment.
    let world = shop().await;
    let got = deliver_sample(&world, &WechatNet::default(), &trusting, CALLBACK, &short(PRICE, ATTACH)).await;
    assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
    // The signed body names one order, and the path another.
    let world = shop().await;
    deliver_sample(&world, &paid(), &[], CALLBACK, &short(PRICE, OTHER)).await;
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
    // No order is named.
    let world = shop().await;
    let got = deliver_sample(&world, &paid(), &[], NOTIFY, &short(PRICE, "")).await;
    assert_eq!(got.0, 400, "{got:?}");
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
}

/// A notification that is refused in any case, or booked already, makes no query.
#[tokio::test(start_paused = true)]
async fn refused_or_booked_notification_makes_no_query() {
    let (world, net) = (shop().await, paid());
    deliver_sample(&world, &net, &[], NOTIFY, &with("cloudrun_payment", &[("/totalFee", 1.into())])).await;
    deliver_sample(&world, &net, &[], NOTIFY, &with("cloudrun_payment", &[("/outTradeNo", "hk_unknown".into())])).await;
    assert_eq!(net.calls().len(), 0);
    deliver_sample(&world, &net, &[], NOTIFY, &sample("v3_payment")).await;
    deliver_sample(&world, &net, &[], NOTIFY, &sample("cloudrun_payment")).await;
    assert_eq!(net.calls().len(), 0);
    assert_eq!(world.books().balance("alice/credits"), 100_000_000_000);
}
