//! The classic attacks on receivers of WeChat's notifications; `refusals.rs` has those that end at the signature.

use serde_json::json;
use signing::wechat_v2::{self, Fields};

use super::*;

/// A container in WeChat's cloud can be reached by anybody who knows its address, and signs whatever reaches it. APIv3's own words,
/// forwarded, are CloudRun's form still, and are read as that.
#[tokio::test(start_paused = true)]
async fn a_forwarder_cannot_speak_for_apiv3() {
    let world = shop().await;
    let opened: Value = serde_json::from_str(&sample("v3_payment")).expect("JSON");
    for body in [opened["resource"].to_string(), sample("v3_payment"), sample("v2_payment")] {
        let before = world.books().order(ORDER).clone();
        let function = function(world.ledger(1), &WechatNet::new(), &[]).await;
        let got = said(function.answer(&event(NOTIFY, &SENDER.forwarded(body)), &invocation(1)).await);
        assert!(is(&got, (400, r#"{"errcode":400,"errmsg":"Not understood"}"#)), "{got:?}");
        assert_eq!(*world.books().order(ORDER), before);
    }
    // And with a header that makes it look like APIv3 it needs APIv3's proof.
    let sent = SENDER.forwarded(opened["resource"].to_string());
    let function = function(world.ledger(1), &WechatNet::new(), &[]).await;
    let post = post(NOTIFY, &sent).with(signing::wechat_v3::SIGNATURE, "AAAA");
    let got = said(function.answer(&post.event(Shape::HttpApi), &invocation(1)).await);
    assert!(is(&got, V3_UNVERIFIED), "{got:?}");
}

/// Somebody tells our container of a payment that was never made, or before it was made: what is true is booked all the same.
#[tokio::test(start_paused = true)]
async fn what_is_told_falsely_first_does_not_stand_in_the_way() {
    for changes in [vec![], vec![("/totalFee", json!(1))], vec![("/totalFee", json!(1)), ("/feeType", json!("USD"))]] {
        let (world, net) = (shop().await, WechatNet::new());
        let got = told(&world, &net, &[], NOTIFY, &with("cloudrun_payment", &changes)).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
        assert_eq!(world.books().order(ORDER).payment, "unpaid");
        net.pay(ORDER, TRANSACTION, PRICE, None);
        let got = told(&world, &net, &[], NOTIFY, &sample("cloudrun_payment")).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{changes:?}");
    }
}

/// The seal of APIv2's refunds can be put together from two that were recorded: nothing is booked that WeChat, asked, does not say.
#[tokio::test(start_paused = true)]
async fn blocks_of_two_refunds_make_no_third() {
    let keys = wechat_v2::Keys::parse(API_V2_KEY, signing::Strength::Local).expect("a key");
    // As long, block for block, as the other: so that the sum of one stands where that of the other stood.
    let inner = |fee: &str| {
        let pairs = [
            ("transaction_id", TRANSACTION),
            ("refund_id", "50000000000202601010000000001"),
            ("out_trade_no", ORDER),
            ("out_refund_no", REFUND),
            ("refund_status", "SUCCESS"),
            ("refund_fee", fee),
        ];
        let fields: Vec<String> =
            pairs.iter().map(|(name, value)| format!("<{name}><![CDATA[{value}]]></{name}>")).collect();
        format!("<root>{}</root>", fields.concat())
    };
    let sealed = |plain: &str| {
        let sealed = wechat_v2::seal_refund(&keys, plain).expect("sealed");
        format!("<xml><return_code>SUCCESS</return_code><req_info><![CDATA[{sealed}]]></req_info></xml>")
    };
    for (fee, taken) in [("500", -25_012_506_254), ("999", 0)] {
        let world = shop().await;
        told(&world, &paid(), &[], NOTIFY, &sample("v3_payment")).await;
        let body = sealed(&inner(fee));
        assert!(Fields::read(body.as_bytes()).is_some());
        let function = function(world.ledger(1), &paid(), &[]).await;
        let got =
            said(function.answer(&Sent::post(NOTIFY, body.as_bytes()).event(Shape::HttpApi), &invocation(1)).await);
        assert!(is(&got, V2_SUCCESS), "{fee}: {got:?}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000 + taken, "{fee}");
        assert_eq!(books.journal.values().any(|row| row.reason.as_deref() == Some("unconfirmed")), taken == 0, "{fee}");
    }
}

/// Every notification is a delivery that can be made again: an hour later, or by somebody who recorded it.
#[tokio::test(start_paused = true)]
async fn what_is_sent_again_is_booked_once() {
    for name in PAYMENTS {
        let world = shop().await;
        for attempt in 0..3_i64 {
            let at = now().plus_seconds(attempt * 3_600);
            let function = function(world.ledger(1), &paid(), &[]).await;
            let sent = sent_at(&sample(name), at);
            let invocation = crate::sandbox::moment_at(1, at);
            let got = said(function.answer(&event(NOTIFY, &sent), &invocation).await);
            assert!(is(&got, success_of(name)), "{name}: {got:?}");
        }
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{name}");
        assert_eq!(books.order(ORDER).version, 2, "{name}: written once when it was made and once when it was paid");
    }
}

/// Text of every kind comes through unchanged, or nothing does.
#[tokio::test(start_paused = true)]
async fn words_in_every_script_are_no_trouble() {
    for word in ["支付成功", "e\u{301}", "\u{e9}", "😀", "\u{202e}"] {
        for (name, pointer) in
            [("v3_payment", "/resource/bank_type"), ("v2_payment", "/bank_type"), ("cloudrun_payment", "/bankType")]
        {
            let world = shop().await;
            let got = told(&world, &paid(), &[], NOTIFY, &with(name, &[(pointer, json!(word))])).await;
            assert!(is(&got, success_of(name)), "{name} {word}: {got:?}");
            assert_eq!(world.books().balance("alice/credits"), 100_000_000_000, "{name} {word}");
        }
    }
}
