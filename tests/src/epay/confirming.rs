//! Where the gateway has to confirm: what it says, what is made of it, and what is asked.

use testkit::{EPAY_KEY, EpayFault};

use super::*;

/// The number that the stand-in gives the first payment.
pub(crate) const TRADE: &str = "g0000000000000001";

/// A gateway where the sample's order is begun, at this merchant.
pub(crate) fn begun(pid: &str) -> EpayNet {
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
    let function = confirming_all(world.ledger(1), net).await;
    let reply = function.answer(&sent("GET", &good(params)), &moment_within::<Epay>(1)).await;
    (reply.status, reply.body)
}

/// The merchant, the settings, the answer, and how often the gateway is queried.
type Waiver = (&'static str, &'static [(&'static str, &'static str)], (u16, &'static str), usize);

/// Somebody has V1's key and nobody has paid: the gateway decides, unless a deployment has waived that by name.
#[tokio::test(start_paused = true)]
async fn signature_alone_pays_v1_only_where_that_is_waived() {
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
        assert_eq!((told(&reply), net.asked().len()), (expected, queries), "{pid} {settings:?}");
        let books = world.books();
        books.check();
        let kept = &books.journal[&format!("epay#{pid}.{TRADE}")];
        let waits = (expected == unconfirmed).then_some("unconfirmed");
        assert_eq!((kept.reason.as_deref(), kept.needs_attention), (waits, waits.is_some()), "{pid} {settings:?}");
        assert_eq!(books.order(ORDER).paid_by.is_some(), waits.is_none(), "{pid} {settings:?}");
        let by_post = settings.contains(&("EPAY_V1_QUERY", "post"));
        let is_in_url = net.asked().iter().any(|(what, _)| what.contains(EPAY_KEY));
        assert_eq!(is_in_url, pid == "1001" && queries == 1 && !by_post, "{pid} {settings:?}");
    }
}

/// A function that is put together without a way to the gateway books nothing of V1's.
#[tokio::test(start_paused = true)]
async fn without_a_way_to_ask_nothing_is_claimed() {
    let world = shop().await;
    let function = function(world.ledger(1), &[("EPAY_MD5_KEY_ALONE_PAYS", "")]).await;
    let reply = function.answer(&sent("GET", &good(paid())), &moment_within::<Epay>(1)).await;
    assert_eq!(told(&reply), (503, "fail"));
    assert_eq!(world.books().order(ORDER).payment, "unpaid");
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
        crate::log_capture::start_capture();
        assert_eq!(notified(&world, &net, paid().with("trade_no", TRADE)).await, (409, "fail".to_owned()), "{row}");
        assert!(clock().duration_since(started) <= Epay::REPLY_WITHIN, "{row}: {:?}", clock().duration_since(started));
        // A gateway that refuses the query itself refuses the next one too, until a person looks at the key.
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
