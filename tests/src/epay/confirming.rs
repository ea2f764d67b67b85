//! Confirmation by the gateway: the query, its answers, and their effects.

use testkit::{EPAY_KEY, NetFault};

use super::*;

/// The number that the fake gives its first payment.
pub(crate) const TRADE: &str = "g0000000000000001";

/// A gateway at which checkout has opened the sample's order, for this merchant.
pub(crate) fn begun(pid: &str) -> EpayNet {
    let net = EpayNet::default();
    let opened = Params::default()
        .with("pid", pid)
        .with("out_trade_no", ORDER)
        .with("money", "648.00")
        .with("name", "credits-1000")
        .with("notify_url", "https://shop.invalid/payment/notify")
        .with("return_url", "https://shop.invalid/payment/return");
    let path = if pid == "1002" { "api/pay/submit" } else { "submit.php" };
    net.opened(&format!("{EPAY_BASE}/{path}?{}", good(opened)));
    assert_eq!(net.trades(), [TRADE]);
    net
}

async fn notified(world: &World, net: &EpayNet, params: Params) -> (u16, String) {
    let function = confirming_all(world.ledger(1), net).await;
    let reply = function.answer(&sent("GET", &good(params)), &moment_within::<Epay>(1)).await;
    (reply.status, reply.body)
}

/// The merchant, the settings, the answer, and how often the gateway is queried.
type Waiver = (&'static str, &'static [(&'static str, &'static str)], (u16, &'static str), usize);

/// A leaked V1 key signs an unpaid order. The gateway's answer decides, unless the deployment has waived the confirmation.
#[tokio::test(start_paused = true)]
async fn v1_signature_alone_pays_only_with_a_waiver() {
    let unconfirmed = (409, "fail");
    let rows: [Waiver; 6] = [
        ("1001", &[], unconfirmed, 1),
        ("1001", &[("EPAY_CONFIRM", "false")], unconfirmed, 1),
        ("1001", &[("EPAY_V1_QUERY", "post")], unconfirmed, 1),
        ("1001", &[KEY_ALONE], BOOKED, 0),
        // Only the gateway has the key that signs V2.
        ("1002", &[], BOOKED, 0),
        ("1002", &[("EPAY_CONFIRM", "true")], unconfirmed, 1),
    ];
    for (pid, settings, expected, queries) in rows {
        let (world, net) = (shop().await, begun(pid));
        let as_deployed = ("EPAY_MD5_KEY_ALONE_PAYS", "");
        let settings: Vec<_> = settings.iter().copied().chain([as_deployed]).collect();
        let function = asking(world.ledger(1), &net, &settings).await;
        let event = sent("GET", &good(paid().with("pid", pid).with("trade_no", TRADE)));
        let reply = function.answer(&event, &moment_within::<Epay>(1)).await;
        assert_eq!((status_and_body(&reply), net.calls().len()), (expected, queries), "{pid} {settings:?}");
        let books = world.books();
        books.check();
        let kept = &books.journal[&format!("epay#{pid}.{TRADE}")];
        let waits = (expected == unconfirmed).then_some("unconfirmed");
        assert_eq!((kept.reason.as_deref(), kept.needs_attention), (waits, waits.is_some()), "{pid} {settings:?}");
        assert_eq!(books.order(ORDER).paid_by.is_some(), waits.is_none(), "{pid} {settings:?}");
        let by_post = settings.contains(&("EPAY_V1_QUERY", "post"));
        let is_in_url = net.calls().iter().any(|call| call.endpoint.contains(EPAY_KEY));
        assert_eq!(is_in_url, pid == "1001" && queries == 1 && !by_post, "{pid} {settings:?}");
    }
}

/// Without an API of the gateway, no payment to V1's merchant is booked.
#[tokio::test(start_paused = true)]
async fn v1_payment_without_a_gateway_api_is_refused() {
    let world = shop().await;
    let function = function(world.ledger(1), &[("EPAY_MD5_KEY_ALONE_PAYS", "")]).await;
    let reply = function.answer(&sent("GET", &good(paid())), &moment_within::<Epay>(1)).await;
    assert_eq!(status_and_body(&reply), (503, "fail"));
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
}

#[tokio::test(start_paused = true)]
async fn confirmed_payment_is_booked_once() {
    for pid in ["1001", "1002"] {
        let (world, net) = (shop().await, begun(pid));
        let notification = paid().with("pid", pid).with("trade_no", TRADE);
        // A forged notification with a leaked key.
        assert_eq!(notified(&world, &net, notification.clone()).await, (409, "fail".to_owned()), "{pid}");
        let row = world.books().journal[&format!("epay#{pid}.{TRADE}")].clone();
        assert_eq!((row.reason.as_deref(), row.needs_attention), (Some("unconfirmed"), true), "{pid}");
        assert_eq!(world.books().balance("alice/credits"), 0, "{pid}");
        net.pay(TRADE);
        for times in 1..3 {
            assert_eq!(
                notified(&world, &net, notification.clone()).await,
                (200, "success".to_owned()),
                "{pid} {times}"
            );
            assert_eq!(world.books().balance("alice/credits"), 1_000_000_000_000, "{pid}");
        }
        assert_eq!(net.calls().len(), 2, "{pid}: a booked payment is not queried");
        world.books().check();
    }
}

#[tokio::test(start_paused = true)]
async fn unconfirmed_payment_is_kept_for_retry() {
    use NetFault::{Altered, Delay, Disconnect, DropRequest, Garbage, Reply, Status};
    let rows = [
        Altered("\"money\":\"648.00\"", "\"money\":\"6.48\""),
        Altered("\"out_trade_no\":\"hk_sample_order\"", "\"out_trade_no\":\"hk_other_order\""),
        Altered("\"trade_no\":\"g0000000000000001\"", "\"trade_no\":\"g0000000000000002\""),
        Altered("\"pid\":1001", "\"pid\":1002"),
        Altered("\"status\":\"1\"", "\"status\":\"0\""),
        Altered("\"status\":\"1\"", "\"status\":\"2\""),
        Reply(200, r#"{"code":-1,"msg":"no such order"}"#),
        Reply(200, r#"{"code":-3,"msg":"forbidden"}"#),
        Delay(std::time::Duration::from_secs(3)),
        DropRequest,
        Disconnect,
        Status(503),
        Status(404),
        Garbage,
    ];
    for fault in rows {
        let (world, net, row) = (shop().await, begun("1001"), format!("{fault:?}"));
        net.pay(TRADE);
        net.fail(move |_, _| fault);
        let started = clock();
        crate::log_capture::start_capture();
        assert_eq!(notified(&world, &net, paid().with("trade_no", TRADE)).await, (409, "fail".to_owned()), "{row}");
        assert!(clock().duration_since(started) <= Epay::REPLY_WITHIN, "{row}: {:?}", clock().duration_since(started));
        // A gateway that refuses the query refuses every query, until an operator corrects the key: an alarm.
        let alarms: Vec<_> =
            crate::log_capture::captured_lines().into_iter().filter(|line| line["alarm"] == "query_refused").collect();
        let is_alarming = row.contains("-3") || row.contains("404");
        assert_eq!(alarms.len(), usize::from(is_alarming), "{row}: {alarms:?}");
        assert!(alarms.iter().all(|line| line["source"] == "epay" && line["subject"] == "1001"), "{row}: {alarms:?}");
        let books = world.books();
        books.check();
        let kept = &books.journal[&format!("epay#1001.{TRADE}")];
        assert_eq!((kept.reason.as_deref(), kept.needs_attention), (Some("unconfirmed"), true), "{row}");
        assert_eq!((books.order(ORDER).payment.as_str(), books.accounts.len()), ("unpaid", 0), "{row}");
        // On retry the gateway confirms it.
        net.recover();
        assert_eq!(notified(&world, &net, paid().with("trade_no", TRADE)).await, (200, "success".to_owned()), "{row}");
        assert_eq!(world.books().balance("alice/credits"), 1_000_000_000_000, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn notification_that_cannot_pay_makes_no_query() {
    let rows = [
        ("another amount", paid().with("trade_no", TRADE).with("money", "1"), (409, "fail")),
        ("an unknown order", paid().with("trade_no", TRADE).with("out_trade_no", "hk_none"), (409, "fail")),
    ];
    for (name, params, expected) in rows {
        let (world, net) = (shop().await, begun("1001"));
        let (status, body) = notified(&world, &net, params).await;
        assert_eq!((status, body.as_str()), expected, "{name}");
        assert_eq!(net.calls(), [], "{name}");
    }
    let (world, net) = (shop().await, begun("1001"));
    notified(&world, &net, paid().with("trade_no", TRADE)).await;
    let query = format!("GET /api.php?act=order&key={EPAY_KEY}&pid=1001&trade_no={TRADE}");
    assert_eq!(net.endpoints(), [query]);
}
