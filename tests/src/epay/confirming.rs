//! Where the gateway has to confirm: what it says, what is made of it, and what is asked.

use testkit::{EPAY_KEY, EpayFault};

use super::*;

/// The number that the stand-in gives the first payment.
pub(super) const TRADE: &str = "g0000000000000001";

/// A gateway where the sample's order is begun, at this merchant.
pub(super) fn begun(pid: &str) -> EpayNet {
    let net = EpayNet::default();
    let asked = Params::default()
        .with("pid", pid)
        .with("out_trade_no", ORDER)
        .with("money", "648.00")
        .with("name", "credits-1000")
        .with("notify_url", "https://shop.invalid/payment/notify")
        .with("return_url", "https://shop.invalid/payment/return");
    let path = if pid == "1002" { "api/pay/submit" } else { "submit.php" };
    net.opened(&format!("{EPAY_BASE}/{path}?{}", good(asked)));
    assert_eq!(net.trades(), [TRADE]);
    net
}

async fn notified(world: &World, net: &EpayNet, params: Params) -> (u16, String) {
    let function = asking(world.ledger(1), net).await;
    let reply = function.answer(&sent("GET", &good(params)), &moment_within::<Epay>(1)).await;
    (reply.status, reply.body)
}

#[tokio::test(start_paused = true)]
async fn what_the_gateway_says_it_was_paid_is_paid() {
    for pid in ["1001", "1002"] {
        let (world, net) = (shop().await, begun(pid));
        let told = paid().with("pid", pid).with("trade_no", TRADE);
        // Somebody has the key, and nothing was paid.
        assert_eq!(notified(&world, &net, told.clone()).await, (409, "fail".to_owned()), "{pid}");
        let row = world.books().journal[&format!("epay#{pid}.{TRADE}")].clone();
        assert_eq!((row.reason.as_deref(), row.needs_attention), (Some("unconfirmed"), true), "{pid}");
        assert_eq!(world.books().balance("alice/credits"), 0, "{pid}");
        net.pay(TRADE);
        for times in 1..3 {
            assert_eq!(notified(&world, &net, told.clone()).await, (200, "success".to_owned()), "{pid} {times}");
            assert_eq!(world.books().balance("alice/credits"), 1_000_000_000_000, "{pid}");
        }
        assert_eq!(net.asked().len(), 2, "{pid}: what is paid is not asked about");
        world.books().check();
    }
}

#[tokio::test(start_paused = true)]
async fn what_it_says_otherwise_or_not_at_all_is_not_confirmed_and_is_kept() {
    use EpayFault::{Altered, Delay, Disconnect, DropRequest, Garbage, Said, Status};
    let rows = [
        Altered("\"money\":\"648.00\"", "\"money\":\"6.48\""),
        Altered("\"out_trade_no\":\"hk_sample_order\"", "\"out_trade_no\":\"hk_other_order\""),
        Altered("\"trade_no\":\"g0000000000000001\"", "\"trade_no\":\"g0000000000000002\""),
        Altered("\"pid\":1001", "\"pid\":1002"),
        Altered("\"status\":\"1\"", "\"status\":\"0\""),
        Altered("\"status\":\"1\"", "\"status\":\"2\""),
        Said(r#"{"code":-1,"msg":"no such order"}"#),
        Said(r#"{"code":-3,"msg":"forbidden"}"#),
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
        net.fail(move |_, _| fault.clone());
        let started = clock();
        assert_eq!(notified(&world, &net, paid().with("trade_no", TRADE)).await, (409, "fail".to_owned()), "{row}");
        assert!(clock().duration_since(started) <= Epay::REPLY_WITHIN, "{row}: {:?}", clock().duration_since(started));
        let books = world.books();
        books.check();
        let kept = &books.journal[&format!("epay#1001.{TRADE}")];
        assert_eq!((kept.reason.as_deref(), kept.needs_attention), (Some("unconfirmed"), true), "{row}");
        assert_eq!((books.order(ORDER).payment.as_str(), books.accounts.len()), ("unpaid", 0), "{row}");
        // It is sent again, or tried again, and then the gateway says so.
        net.fail(|_, _| EpayFault::None);
        assert_eq!(notified(&world, &net, paid().with("trade_no", TRADE)).await, (200, "success".to_owned()), "{row}");
        assert_eq!(world.books().balance("alice/credits"), 1_000_000_000_000, "{row}");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_about_what_pays_nothing() {
    let rows = [
        ("another amount", paid().with("trade_no", TRADE).with("money", "1"), (409, "fail")),
        ("an order that is not there", paid().with("trade_no", TRADE).with("out_trade_no", "hk_none"), (409, "fail")),
    ];
    for (name, params, expected) in rows {
        let (world, net) = (shop().await, begun("1001"));
        let (status, body) = notified(&world, &net, params).await;
        assert_eq!((status, body.as_str()), expected, "{name}");
        assert_eq!(net.asked(), [], "{name}");
    }
    let (world, net) = (shop().await, begun("1001"));
    notified(&world, &net, paid().with("trade_no", TRADE)).await;
    let asked = format!("GET /api.php?act=order&key={EPAY_KEY}&pid=1001&trade_no={TRADE}");
    assert_eq!(net.asked(), [(asked, String::new())]);
}
