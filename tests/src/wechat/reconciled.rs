//! What the clock makes of WeChat's orders and events: asked about where nobody has told us, tried again where it was refused.

use edge::Worker as _;
use reconcile::{Asked, Reconcile, Report};
use testkit::WechatFault;

use super::*;
use crate::stripe::{self as of_stripe, REFUSED, run_at};

const UNPAID: &str = r#"{"sweep":"unpaid"}"#;
const HOUR: i64 = 3_600;

/// One run, this long after the order was made.
async fn run(world: &World, net: &WechatNet, sweep: &str, after_s: i64) -> Report {
    net.set_now(now().plus_seconds(after_s));
    let wechat = Some(function(world.ledger(0), net, &[]).await.source);
    let reconcile = Reconcile { wechat, ..of_stripe::reconcile(world.ledger(0), &[]) };
    let attempt = 1_000 + u64::try_from(after_s).expect("later");
    reconcile.work(sweep, &run_at(attempt, after_s)).await.expect("a run")
}

fn asked() -> Asked {
    Asked { asked: 1, ..Asked::default() }
}

#[tokio::test(start_paused = true)]
async fn a_payment_that_nobody_told_of_is_booked_and_what_tells_of_it_later_changes_nothing() {
    let (world, net) = (shop().await, paid());
    assert_eq!(run(&world, &net, UNPAID, 300).await, Report::Unpaid(Asked { paid: 1, ..asked() }));
    let books = world.books();
    books.check();
    assert_eq!((books.order(ORDER).payment.as_str(), books.balance("alice/credits")), ("paid", 100_000_000_000));
    assert!(books.journal.contains_key(&format!("query#wechat#{ORDER}")));
    for name in PAYMENTS {
        let got = told(&world, &net, &[], NOTIFY, &sample(name)).await;
        assert!(is(&got, success_of(name)), "{name}: {got:?}");
    }
    let books = world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
}

#[tokio::test(start_paused = true)]
async fn what_wechat_says_decides_and_silence_does_not() {
    type Row = (&'static str, fn() -> WechatNet, Asked, &'static str, Option<&'static str>);
    let rows: [Row; 4] = [
        ("nothing", WechatNet::new, Asked { unpaid: 1, ..asked() }, "unpaid", None),
        (
            "another amount",
            || {
                let net = WechatNet::new();
                net.pay(ORDER, TRANSACTION, 1, None);
                net
            },
            Asked { flagged: 1, ..asked() },
            "unpaid",
            Some("AMOUNT_MISMATCH"),
        ),
        (
            "no answer",
            || {
                let net = paid();
                net.fail(|_, _| WechatFault::Status(500));
                net
            },
            Asked { failed: 1, ..asked() },
            "unpaid",
            None,
        ),
        (
            "an answer that WeChat has not signed",
            || {
                let net = paid();
                net.fail(|_, _| WechatFault::Unsigned);
                net
            },
            Asked { failed: 1, ..asked() },
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

/// Closed at WeChat before it is given up here, so that nobody pays in between; and not given up where that failed.
#[tokio::test(start_paused = true)]
async fn who_has_not_paid_in_two_days_no_longer_can() {
    let (world, net) = (shop().await, WechatNet::new());
    let function = function(world.ledger(0), &net, &[]).await;
    let api = function.source.api.as_ref().expect("a way to ask");
    let client = providers::Wechat::new(api.http.clone(), &api.config, api.keys.current());
    let new = providers::NewPayment {
        order: order().number,
        money: order().terms.price,
        description: "100 credits".to_owned(),
        payer: providers::Payer::Scan,
    };
    let soon = testkit::deadline(std::time::Duration::from_secs(5));
    providers::PaymentApi::create(&client, &new, now(), soon).await.expect("a code");
    assert_eq!(run(&world, &net, UNPAID, 47 * HOUR).await, Report::Unpaid(Asked { unpaid: 1, ..asked() }));
    net.fail(|_, what| if what.contains("/close") { WechatFault::Disconnect } else { WechatFault::None });
    assert_eq!(run(&world, &net, UNPAID, 80 * HOUR).await, Report::Unpaid(Asked { unpaid: 1, ..asked() }));
    net.fail(|_, _| WechatFault::None);
    assert_eq!(run(&world, &net, UNPAID, 160 * HOUR).await, Report::Unpaid(Asked { closed: 1, ..asked() }));
    assert!(net.asked().iter().any(|asked| asked.what.contains("/close")));
    assert_eq!(world.books().order(ORDER).payment, "expired");
}

/// What waits for an answer that does not come is put off all the same, or it would be first in every run.
#[tokio::test(start_paused = true)]
async fn a_wechat_that_never_answers_stands_in_nobodys_way() {
    let (world, net) = (shop().await, WechatNet::new());
    told(&world, &net, &[], NOTIFY, &sample("cloudrun_payment")).await;
    net.pay(ORDER, TRANSACTION, PRICE, None);
    net.fail(|_, _| WechatFault::DropRequest);
    for (after_s, tried, failed, cured) in [(60, 1, 1, 0), (61, 0, 0, 0)] {
        let Report::Refused(told) = run(&world, &net, REFUSED, after_s).await else { panic!("another report") };
        assert_eq!((told.tried, told.failed, told.cured), (tried, failed, cured), "{after_s}");
    }
    net.fail(|_, _| WechatFault::None);
    let Report::Refused(told) = run(&world, &net, REFUSED, 120).await else { panic!("another report") };
    assert_eq!((told.tried, told.cured), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn what_came_before_its_order_or_before_it_was_true_is_booked_by_the_clock() {
    for (name, net) in [("v3_payment", paid()), ("v2_payment", paid()), ("cloudrun_payment", WechatNet::new())] {
        let world = if name == "cloudrun_payment" { shop().await } else { World::new() };
        let got = told(&world, &net, &[], NOTIFY, &sample(name)).await;
        assert!(is(&got, success_of(name)), "{name}: {got:?}");
        if name == "cloudrun_payment" {
            net.pay(ORDER, TRANSACTION, PRICE, None);
        } else {
            made(&world, order()).await;
        }
        let Report::Refused(tried) = run(&world, &net, REFUSED, 60).await else { panic!("another report") };
        assert_eq!((tried.tried, tried.cured), (1, 1), "{name}");
        let books = world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), 100_000_000_000, "{name}");
    }
}
