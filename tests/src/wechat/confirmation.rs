//! What nobody has signed is booked once WeChat, being asked, has said the same; and what it says decides.

use std::time::Duration;

use testkit::WechatFault;

use super::*;

const OVER_CLOUDRUN: [(&str, &str); 2] = [("WECHAT_API", "cloudrun"), ("WECHAT_API_BASE", "https://cloud.invalid")];

/// Which of the forms is asked about is ours to say; over which interface does not matter.
#[tokio::test(start_paused = true)]
async fn who_is_asked_about_what() {
    let all: [(&str, &str); 3] =
        [("WECHAT_CONFIRM_V3", "true"), ("WECHAT_CONFIRM_V2", "true"), ("WECHAT_CONFIRM_CLOUDRUN", "true")];
    let none = [("WECHAT_CONFIRM_CLOUDRUN", "false")];
    let rows = [
        (&[][..], [0, 0, 1, 1, 0]),
        (&all, [1, 1, 1, 1, 1]),
        (&none, [0, 0, 0, 0, 0]),
        (&OVER_CLOUDRUN, [0, 0, 1, 1, 0]),
    ];
    for (variables, asked) in rows {
        let of_refund = "v3_refund";
        for (name, asked) in PAYMENTS.iter().chain([&of_refund]).zip(asked) {
            let (world, net) = (shop().await, paid());
            let got = told(&world, &net, variables, NOTIFY, &sample(name)).await;
            assert!(is(&got, success_of(name)), "{name} {variables:?}: {got:?}");
            assert_eq!(net.asked().len(), asked, "{name} {variables:?}");
            let paid = if *name == of_refund { 0 } else { 100_000_000_000 };
            assert_eq!(world.books().balance("alice/credits"), paid, "{name} {variables:?}");
        }
    }
    let (world, net) = (shop().await, paid());
    told(&world, &net, &none, NOTIFY, &sample("v2_refund")).await;
    assert_eq!(net.asked().len(), 1, "a refund over APIv2 is asked about whatever is set");
}

/// It is kept, looked at again, and acknowledged; nothing is wrong with the order so far.
#[tokio::test(start_paused = true)]
async fn what_wechat_does_not_say_is_not_booked() {
    let nothing = WechatNet::new;
    let other_transaction = || {
        let net = WechatNet::new();
        net.pay(ORDER, "4200000000202601010000000009", PRICE, None);
        net
    };
    for variables in [&[][..], &OVER_CLOUDRUN] {
        for (what, net) in [("nothing", nothing()), ("another transaction", other_transaction())] {
            let world = shop().await;
            let got = told(&world, &net, variables, NOTIFY, &sample("cloudrun_payment")).await;
            assert!(is(&got, CLOUDRUN_SUCCESS), "{what}: {got:?}");
            let books = world.books();
            books.check();
            assert_eq!(books.order(ORDER).payment, "unpaid", "{what}");
            assert_eq!(books.order(ORDER).anomaly, None, "{what}");
            let row = books.journal.values().find(|row| row.reason.is_some()).expect("kept");
            assert_eq!((row.reason.as_deref(), row.needs_attention), (Some("unconfirmed"), true), "{what}");
            // Once it has become true the same event is booked.
            net.pay(ORDER, TRANSACTION, PRICE, None);
            let got = told(&world, &net, variables, NOTIFY, &sample("cloudrun_payment")).await;
            assert!(is(&got, CLOUDRUN_SUCCESS), "{what}: {got:?}");
            let books = world.books();
            books.check();
            assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{what}");
        }
    }
    let world = shop().await;
    let got = told(&world, &paid(), &[("WECHAT_API", "")], NOTIFY, &sample("cloudrun_payment")).await;
    assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
    assert_eq!(world.books().order(ORDER).payment, "unpaid", "nobody can be asked");
}

/// What WeChat says of it disagrees with the order.
#[tokio::test(start_paused = true)]
async fn what_wechat_says_otherwise_flags_the_order() {
    let other = r#"{"orderNumber":"hk_other_order"}"#;
    let rows = [(1, None, "AMOUNT_MISMATCH"), (PRICE, Some(other), "ATTACH_MISMATCH")];
    for (fen, attach, reason) in rows {
        let (world, net) = (shop().await, WechatNet::new());
        net.pay(ORDER, TRANSACTION, fen, attach);
        let got = told(&world, &net, &[], NOTIFY, &sample("cloudrun_payment_without_attach")).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
        let books = world.books();
        books.check();
        let order = books.order(ORDER);
        assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), ("unpaid", Some(reason)));
    }
}

/// Without an answer nothing is claimed: it is kept, not acknowledged, and answered in time all the same.
#[tokio::test(start_paused = true)]
async fn where_wechat_does_not_answer_it_is_not_acknowledged() {
    use WechatFault::{Delay, Disconnect, DropRequest, Garbage, Status, Unsigned};
    let unavailable = (503, r#"{"errcode":503,"errmsg":"Temporarily unavailable"}"#);
    for fault in [
        DropRequest,
        Disconnect,
        Delay(Duration::from_secs(5)),
        Status(500),
        Status(401),
        Status(404),
        Garbage,
        Unsigned,
    ] {
        let (world, net) = (shop().await, paid());
        let before = world.books();
        net.fail(move |_, _| fault);
        let function = function(world.ledger(1), &net, &[]).await;
        let invocation = edge::Invocation { deadline: testkit::deadline(Wechat::REPLY_WITHIN), ..invocation(1) };
        let started = testkit::deadline(Duration::ZERO).0;
        let got = said(function.answer(&event(NOTIFY, &sent(&sample("cloudrun_payment"))), &invocation).await);
        assert!(is(&got, unavailable), "{fault:?}: {got:?}");
        let took = testkit::deadline(Duration::ZERO).0.duration_since(started);
        assert!(took < Duration::from_secs(4), "{fault:?} took {took:?}");
        let books = world.books();
        books.check();
        assert_eq!((&books.orders, &books.accounts), (&before.orders, &before.accounts), "{fault:?}");
        let kept: Vec<_> = books.journal.values().filter_map(|row| row.reason.as_deref()).collect();
        assert_eq!((kept, books.bodies.len()), (vec!["unanswered"], 1), "{fault:?}");
    }
    // One that passes is asked again.
    let (world, net) = (shop().await, paid());
    net.fail(|call, _| if call == 0 { Status(503) } else { WechatFault::None });
    let got = told(&world, &net, &[], NOTIFY, &sample("cloudrun_payment")).await;
    assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
    assert_eq!(world.books().balance("alice/credits"), 100_000_000_000);
}

/// What pays an order is the forwarder's answer: one that it has not signed for this very call is none, whatever it says.
#[tokio::test(start_paused = true)]
async fn answer_that_the_forwarder_has_not_signed_pays_nothing() {
    use WechatFault::{Altered, Garbage, SignedAsFirst, Status, Unsigned};
    let unavailable = (503, r#"{"errcode":503,"errmsg":"Temporarily unavailable"}"#);
    let (to_paid, fen) = (r#""trade_state":"SUCCESS""#, "\"total_fee\":1999");
    let rows = [
        ("not signed", Unsigned, true),
        ("signed for another call", SignedAsFirst, true),
        ("an unpaid order made paid", Altered(r#""trade_state":"NOTPAY""#, to_paid), true),
        ("another sum", Altered("\"total_fee\":1", fen), true),
        ("a page of a proxy", Garbage, true),
        ("a refusal of a proxy", Status(403), true),
        // A container that is down is not somebody else.
        ("a failure of a proxy", Status(502), false),
    ];
    for (name, fault, is_alarming) in rows {
        let (world, net) = (shop().await, WechatNet::new());
        if matches!(fault, Altered(_, text) if text == to_paid) {
            net.begin(ORDER, PRICE);
        } else {
            let fen = if matches!(fault, Altered(..)) { 1 } else { PRICE };
            net.pay(ORDER, TRANSACTION, fen, None);
        }
        let function = function(world.ledger(1), &net, &OVER_CLOUDRUN).await;
        let api = function.source.api.as_ref().expect("a way to ask");
        let first = api.payment_of(&order(), now(), testkit::deadline(Duration::from_secs(1))).await;
        assert!(first.is_ok_and(|said| said.is_some()), "{name}: the first call is answered");
        net.fail(move |_, _| fault);
        crate::log_capture::start_capture();
        let got = said(function.answer(&event(NOTIFY, &sent(&sample("cloudrun_payment"))), &invocation(1)).await);
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

/// A container may forward no more than this: the path or the attach names the order, and WeChat's word makes up for the rest, whatever
/// is set.
#[tokio::test(start_paused = true)]
async fn what_the_form_lacks_comes_from_the_answer() {
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
    for (name, path, fen, more, asked, payment, anomaly) in rows {
        for variables in [&[][..], &trusting] {
            let (world, net) = (shop().await, paid());
            let got = told(&world, &net, variables, path, &short(fen, more)).await;
            assert!(is(&got, CLOUDRUN_SUCCESS), "{name}: {got:?}");
            let books = world.books();
            books.check();
            let order = books.order(ORDER);
            assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), (payment, anomaly), "{name}");
            assert_eq!(net.asked().len(), asked, "{name}");
        }
    }
    // WeChat says that another order was paid so, or none.
    let world = shop().await;
    let got = told(&world, &WechatNet::new(), &trusting, CALLBACK, &short(PRICE, ATTACH)).await;
    assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
    // What is signed names one order, and the path another.
    let world = shop().await;
    told(&world, &paid(), &[], CALLBACK, &short(PRICE, OTHER)).await;
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
    // Nothing names any.
    let world = shop().await;
    let got = told(&world, &paid(), &[], NOTIFY, &short(PRICE, "")).await;
    assert_eq!(got.0, 400, "{got:?}");
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
}

/// What is refused in any case costs nobody a question, and what is booked neither.
#[tokio::test(start_paused = true)]
async fn nobody_is_asked_in_vain() {
    let (world, net) = (shop().await, paid());
    told(&world, &net, &[], NOTIFY, &with("cloudrun_payment", &[("/totalFee", 1.into())])).await;
    told(&world, &net, &[], NOTIFY, &with("cloudrun_payment", &[("/outTradeNo", "hk_nobodys".into())])).await;
    assert_eq!(net.asked().len(), 0);
    told(&world, &net, &[], NOTIFY, &sample("v3_payment")).await;
    told(&world, &net, &[], NOTIFY, &sample("cloudrun_payment")).await;
    assert_eq!(net.asked().len(), 0);
    assert_eq!(world.books().balance("alice/credits"), 100_000_000_000);
}
