//! epay's orders and events under the scheduled sweeps: unpaid orders are queried, refused events are retried.

use edge::Worker as _;
use reconcile::{Reconcile, Report, UnpaidReport};
use testkit::NetFault;

use super::confirming::{TRADE, begun};
use super::*;
use crate::stripe::{self as of_stripe, REFUSED, run_at};

const UNPAID: &str = r#"{"sweep":"unpaid"}"#;

/// One run, this long after the order.
async fn run(world: &World, epay: Epay, sweep: &str, after_s: i64) -> Report {
    let reconcile = Reconcile { epay: Some(epay), ..of_stripe::reconcile(world.ledger(0), &[]) };
    let attempt = 1_000 + u64::try_from(after_s).expect("later");
    reconcile.work(sweep, &run_at(attempt, after_s)).await.expect("a run")
}

async fn source(world: &World, net: &EpayNet, after_s: i64) -> Epay {
    net.set_now(now().plus_seconds(after_s));
    confirming_all(world.ledger(0), net).await.source
}

/// A ledger with an order that checkout has opened with this merchant.
async fn shop_of(pid: &str) -> World {
    let world = World::new();
    let session = ledger::Session { id: format!("{pid}.{ORDER}"), url: EPAY_BASE.to_owned() };
    made(&world, Order { session: Some(session), ..order(ORDER) }).await;
    world
}

fn one_query() -> UnpaidReport {
    UnpaidReport { queried: 1, ..UnpaidReport::default() }
}

#[tokio::test(start_paused = true)]
async fn payment_without_a_webhook_is_booked_once_by_query() {
    for pid in ["1001", "1002"] {
        let (world, net) = (shop_of(pid).await, begun(pid));
        let report = run(&world, source(&world, &net, 300).await, UNPAID, 300).await;
        assert_eq!(report, Report::Unpaid(UnpaidReport { unpaid: 1, ..one_query() }), "{pid}");
        net.pay(TRADE);
        let report = run(&world, source(&world, &net, 600).await, UNPAID, 600).await;
        assert_eq!(report, Report::Unpaid(UnpaidReport { paid: 1, ..one_query() }), "{pid}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 1_000_000_000_000, "{pid}");
        let notification = sent("GET", &good(paid().with("pid", pid).with("trade_no", TRADE)));
        assert_eq!(status_and_body(&answered(&world, &notification).await), BOOKED, "{pid}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 1_000_000_000_000, "{pid}");
    }
}

#[tokio::test(start_paused = true)]
async fn query_answer_decides_and_an_error_changes_nothing() {
    use NetFault::{Altered, Disconnect, Garbage, Reply};
    let rows = [
        (
            Altered("\"money\":\"648.00\"", "\"money\":\"6.48\""),
            UnpaidReport { flagged: 1, ..one_query() },
            Some("AMOUNT_MISMATCH"),
        ),
        (
            Altered("\"out_trade_no\":\"hk_sample_order\"", "\"out_trade_no\":\"hk_other\""),
            UnpaidReport { failed: 1, ..one_query() },
            None,
        ),
        (Garbage, UnpaidReport { failed: 1, ..one_query() }, None),
        (Disconnect, UnpaidReport { failed: 1, ..one_query() }, None),
        (Reply(200, r#"{"code":-3,"msg":"no"}"#), UnpaidReport { failed: 1, ..one_query() }, None),
        (Reply(200, r#"{"code":-1,"msg":"none"}"#), UnpaidReport { unpaid: 1, ..one_query() }, None),
    ];
    for (fault, expected, anomaly) in rows {
        let (world, net, name) = (shop_of("1001").await, begun("1001"), format!("{fault:?}"));
        net.pay(TRADE);
        net.fail(move |_, _| fault);
        let report = run(&world, source(&world, &net, 300).await, UNPAID, 300).await;
        assert_eq!(report, Report::Unpaid(expected), "{name}");
        let books = world.books();
        books.check();
        assert_eq!(books.orders[ORDER].anomaly.as_deref(), anomaly, "{name}");
        assert_eq!((books.orders[ORDER].payment.as_str(), books.balance("alice/credits")), ("unpaid", 0), "{name}");
    }
}

/// The sweep books a refused notification once its order exists. One that needs a confirmation waits while no API is configured.
#[tokio::test(start_paused = true)]
async fn early_notification_is_booked_by_the_sweep() {
    let (world, net) = (World::new(), begun("1001"));
    let notification = sent("GET", &good(paid().with("trade_no", TRADE)));
    let refused = confirming(world.ledger(1), &net).await.answer(&notification, &moment_within::<Epay>(1)).await;
    assert_eq!(status_and_body(&refused), (409, "fail"));
    made(&world, order(ORDER)).await;
    net.pay(TRADE);
    let unable = Epay { gateway: None, ..source(&world, &net, 60).await };
    let Report::Refused(report) = run(&world, unable, REFUSED, 60).await else { panic!("another report") };
    assert_eq!((report.tried, report.failed), (1, 1));
    assert_eq!(world.books().balance("alice/credits"), 0);
    let Report::Refused(report) = run(&world, source(&world, &net, 120).await, REFUSED, 120).await else {
        panic!("another report")
    };
    assert_eq!((report.tried, report.resolved), (1, 1));
    assert_eq!(world.books().balance("alice/credits"), 1_000_000_000_000);
    world.books().check();
}
