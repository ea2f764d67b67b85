//! Attacks on receivers of WeChat notifications: forged callbacks, spliced ECB blocks, replays. `refusals.rs` has those that fail
//! verification.

use serde_json::json;
use signing::wechat_v2::{self, Fields};

use super::*;

/// Anyone who knows the address of the container in WeChat's cloud can post to it, and it signs what it forwards. A forwarded APIv3 body
/// is therefore parsed as a CloudRun callback.
#[tokio::test(start_paused = true)]
async fn forwarded_apiv3_body_is_refused() {
    let world = shop().await;
    let opened: Value = serde_json::from_str(&sample("v3_payment")).expect("JSON");
    for body in [opened["resource"].to_string(), sample("v3_payment"), sample("v2_payment")] {
        let before = world.books().order(ORDER).clone();
        let function = function(world.ledger(1), &WechatNet::default(), &[]).await;
        let got = status_and_body(function.answer(&event(NOTIFY, &SENDER.forwarded(body)), &invocation(1)).await);
        assert!(is(&got, (400, r#"{"errcode":400,"errmsg":"Not understood"}"#)), "{got:?}");
        assert_eq!(*world.books().order(ORDER), before);
    }
    // With APIv3's signature header, it needs a valid APIv3 signature.
    let sent = SENDER.forwarded(opened["resource"].to_string());
    let function = function(world.ledger(1), &WechatNet::default(), &[]).await;
    let post = post(NOTIFY, &sent).with(signing::wechat_v3::SIGNATURE, "AAAA");
    let got = status_and_body(function.answer(&post.event(Shape::HttpApi), &invocation(1)).await);
    assert!(is(&got, V3_UNVERIFIED), "{got:?}");
}

/// A forged callback arrives before the payment. The genuine one is booked all the same.
#[tokio::test(start_paused = true)]
async fn forged_callback_does_not_block_the_genuine_one() {
    for changes in [vec![], vec![("/totalFee", json!(1))], vec![("/totalFee", json!(1)), ("/feeType", json!("USD"))]] {
        let (world, net) = (shop().await, WechatNet::default());
        let got = deliver_sample(&world, &net, &[], NOTIFY, &with("cloudrun_payment", &changes)).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
        assert_eq!(world.books().order(ORDER).payment, "unpaid");
        net.pay(ORDER, TRANSACTION, PRICE, None);
        let got = deliver_sample(&world, &net, &[], NOTIFY, &sample("cloudrun_payment")).await;
        assert!(is(&got, CLOUDRUN_SUCCESS), "{got:?}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{changes:?}");
    }
}

/// ECB blocks of two recorded refunds can be spliced into a third. Only a refund that WeChat confirms is booked.
#[tokio::test(start_paused = true)]
async fn spliced_refund_is_not_booked() {
    let keys = wechat_v2::Keys::parse(API_V2_KEY, signing::Strength::Local).expect("a key");
    // Both texts have the same block layout, so that the amount of one can replace the amount of the other.
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
        deliver_sample(&world, &paid(), &[], NOTIFY, &sample("v3_payment")).await;
        let body = sealed(&inner(fee));
        assert!(Fields::read(body.as_bytes()).is_some());
        let function = function(world.ledger(1), &paid(), &[]).await;
        let got = status_and_body(
            function.answer(&Sent::post(NOTIFY, body.as_bytes()).event(Shape::HttpApi), &invocation(1)).await,
        );
        assert!(is(&got, V2_SUCCESS), "{fee}: {got:?}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000 + taken, "{fee}");
        assert_eq!(books.journal.values().any(|row| row.reason.as_deref() == Some("unconfirmed")), taken == 0, "{fee}");
    }
}

/// A replay: WeChat's own retry an hour later, or a recorded delivery.
#[tokio::test(start_paused = true)]
async fn replayed_notification_is_booked_once() {
    for name in PAYMENTS {
        let world = shop().await;
        for attempt in 0..3_i64 {
            let at = now().plus_seconds(attempt * 3_600);
            let function = function(world.ledger(1), &paid(), &[]).await;
            let sent = sent_at(&sample(name), at);
            let invocation = crate::sandbox::moment_at(1, at);
            let got = status_and_body(function.answer(&event(NOTIFY, &sent), &invocation).await);
            assert!(is(&got, success_of(name)), "{name}: {got:?}");
        }
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{name}");
        assert_eq!(books.order(ORDER).version, 2, "{name}: one write for the order and one for its payment");
    }
}

/// Text in any script, normalised or not, verifies and is booked.
#[tokio::test(start_paused = true)]
async fn text_in_any_script_is_booked() {
    for word in ["支付成功", "e\u{301}", "\u{e9}", "😀", "\u{202e}"] {
        for (name, pointer) in
            [("v3_payment", "/resource/bank_type"), ("v2_payment", "/bank_type"), ("cloudrun_payment", "/bankType")]
        {
            let world = shop().await;
            let got = deliver_sample(&world, &paid(), &[], NOTIFY, &with(name, &[(pointer, json!(word))])).await;
            assert!(is(&got, success_of(name)), "{name} {word}: {got:?}");
            assert_eq!(world.books().balance("alice/credits"), 100_000_000_000, "{name} {word}");
        }
    }
}
