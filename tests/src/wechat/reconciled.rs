//! WeChat's orders and events under the scheduled sweeps: unpaid orders are queried, refused events are retried.

use edge::Worker as _;
use reconcile::{Reconcile, Report, UnpaidReport};
use testkit::{NetFault, WechatFault};

use super::*;
use crate::stripe::{self as of_stripe, REFUSED, run_at};

const UNPAID: &str = r#"{"sweep":"unpaid"}"#;
const HOUR: i64 = 3_600;

/// One run, this long after the order.
async fn run(world: &World, net: &WechatNet, sweep: &str, after_s: i64) -> Report {
    net.set_now(now().plus_seconds(after_s));
    let wechat = Some(function(world.ledger(0), net, &[]).await.source);
    let reconcile = Reconcile { wechat, ..of_stripe::reconcile(world.ledger(0), &[]) };
    let attempt = 1_000 + u64::try_from(after_s).expect("later");
    reconcile.work(sweep, &run_at(attempt, after_s)).await.expect("a run")
}

fn one_query() -> UnpaidReport {
    UnpaidReport { queried: 1, ..UnpaidReport::default() }
}

#[tokio::test(start_paused = true)]
async fn payment_without_a_webhook_is_booked_once_by_query() {
    let (world, net) = (shop().await, paid());
    assert_eq!(run(&world, &net, UNPAID, 300).await, Report::Unpaid(UnpaidReport { paid: 1, ..one_query() }));
    let books = world.books();
    books.check();
    assert_eq!((books.order(ORDER).payment.as_str(), books.balance("alice/credits")), ("paid", 100_000_000_000));
    assert!(books.journal.contains_key(&format!("query#wechat#{ORDER}")));
    for name in PAYMENTS {
        let got = deliver_sample(&world, &net, &[], NOTIFY, &sample(name)).await;
        assert!(is(&got, success_of(name)), "{name}: {got:?}");
    }
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
}

#[tokio::test(start_paused = true)]
async fn query_answer_decides_and_an_error_changes_nothing() {
    type Row = (&'static str, fn() -> WechatNet, UnpaidReport, &'static str, Option<&'static str>);
    let rows: [Row; 4] = [
        ("nothing", WechatNet::default, UnpaidReport { unpaid: 1, ..one_query() }, "unpaid", None),
        (
            "another amount",
            || {
                let net = WechatNet::default();
                net.pay(ORDER, TRANSACTION, 1, None);
                net
            },
            UnpaidReport { flagged: 1, ..one_query() },
            "unpaid",
            Some("AMOUNT_MISMATCH"),
        ),
        (
            "no answer",
            || {
                let net = paid();
                net.fail(|_, _| NetFault::Status(500));
                net
            },
            UnpaidReport { failed: 1, ..one_query() },
            "unpaid",
            None,
        ),
        (
            "an answer that WeChat has not signed",
            || {
                let net = paid();
                net.fail(|_, _| NetFault::Own(WechatFault::Unsigned));
                net
            },
            UnpaidReport { failed: 1, ..one_query() },
            "unpaid",
            None,
        ),
    ];
    for (name, net, expected, payment, anomaly) in rows {
        let world = shop().await;
        assert_eq!(run(&world, &net(), UNPAID, 300).await, Report::Unpaid(expected), "{name}");
        let books = world.books();
        books.check();
        let order = books.order(ORDER);
        assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), (payment, anomaly), "{name}");
        assert_eq!(books.balance("alice/credits"), 0, "{name}");
    }
}

/// The order is closed at WeChat first, so that no payment can arrive after it is closed here. A failed close is retried.
#[tokio::test(start_paused = true)]
async fn order_unpaid_for_two_days_is_closed_at_wechat_first() {
    let (world, net) = (shop().await, WechatNet::default());
    let function = function(world.ledger(0), &net, &[]).await;
    let api = function.source.api.as_ref().expect("an API");
    let client = providers::Wechat::new(api.http.clone(), &api.config, api.keys.current());
    let new = providers::NewPayment {
        order: order().number,
        money: order().terms.price,
        description: "100 credits".to_owned(),
        payer: providers::Payer::Scan,
    };
    let soon = testkit::deadline(std::time::Duration::from_secs(5));
    providers::PaymentApi::create(&client, &new, now(), soon).await.expect("a code");
    assert_eq!(run(&world, &net, UNPAID, 47 * HOUR).await, Report::Unpaid(UnpaidReport { unpaid: 1, ..one_query() }));
    net.fail(|_, what| if what.contains("/close") { NetFault::Disconnect } else { NetFault::None });
    assert_eq!(run(&world, &net, UNPAID, 80 * HOUR).await, Report::Unpaid(UnpaidReport { unpaid: 1, ..one_query() }));
    net.recover();
    assert_eq!(run(&world, &net, UNPAID, 160 * HOUR).await, Report::Unpaid(UnpaidReport { closed: 1, ..one_query() }));
    assert!(net.calls().iter().any(|query| query.endpoint.contains("/close")));
    assert_eq!(world.books().order(ORDER).payment, "expired");
}

/// An event whose confirmation gets no answer is rescheduled with backoff, or it would be first in every run.
#[tokio::test(start_paused = true)]
async fn unanswered_confirmation_is_rescheduled() {
    let (world, net) = (shop().await, WechatNet::default());
    deliver_sample(&world, &net, &[], NOTIFY, &sample("cloudrun_payment")).await;
    net.pay(ORDER, TRANSACTION, PRICE, None);
    net.fail(|_, _| NetFault::DropRequest);
    for (after_s, tried, failed, resolved) in [(60, 1, 1, 0), (61, 0, 0, 0)] {
        let Report::Refused(report) = run(&world, &net, REFUSED, after_s).await else { panic!("another report") };
        assert_eq!((report.tried, report.failed, report.resolved), (tried, failed, resolved), "{after_s}");
    }
    net.recover();
    let Report::Refused(report) = run(&world, &net, REFUSED, 120).await else { panic!("another report") };
    assert_eq!((report.tried, report.resolved), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn early_notification_is_booked_by_the_sweep() {
    for (name, net) in [("v3_payment", paid()), ("v2_payment", paid()), ("cloudrun_payment", WechatNet::default())] {
        let world = if name == "cloudrun_payment" { shop().await } else { World::new() };
        let got = deliver_sample(&world, &net, &[], NOTIFY, &sample(name)).await;
        assert!(is(&got, success_of(name)), "{name}: {got:?}");
        if name == "cloudrun_payment" {
            net.pay(ORDER, TRANSACTION, PRICE, None);
        } else {
            made(&world, order()).await;
        }
        let Report::Refused(report) = run(&world, &net, REFUSED, 60).await else { panic!("another report") };
        assert_eq!((report.tried, report.resolved), (1, 1), "{name}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{name}");
    }
}
