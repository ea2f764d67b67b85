//! Unpaid orders without a checkout page: the sweep searches Stripe for payments that name them.

use testkit::NetFault::{self, Altered};

use super::unpaid::{NUMBER, Shop, queried};
use super::*;
use reconcile::UnpaidReport;

/// A payment at Stripe that names the order; the order has no reference to it.
async fn shop() -> Shop {
    let shop = Shop { world: World::new(), ..Shop::new().await };
    of_stripe::made(&shop.world, of_stripe::order(NUMBER)).await;
    shop
}

#[tokio::test(start_paused = true)]
async fn payment_that_names_the_order_is_booked_once() {
    let shop = shop().await;
    assert_eq!(shop.run(300).await, UnpaidReport { unpaid: 1, ..queried(1) }, "no payment exists yet");
    let events = shop.net.pay(&shop.session).events;
    assert_eq!(shop.run(600).await, UnpaidReport { paid: 1, ..queried(1) });
    let books = shop.world.books();
    books.check();
    assert_eq!((shop.order().payment.as_str(), books.balance("alice/credits")), ("paid", 100_000_000_000));
    let intent = shop.order().paid_by.expect("a payment");
    let of_payment: Vec<&str> = books.processed().filter(|id| id.ends_with(&intent)).collect();
    assert_eq!(of_payment, [format!("payment#{intent}"), format!("query#{intent}")]);
    assert_eq!(books.pointers.get(&intent).map(String::as_str), Some(NUMBER), "a refund can find the order");

    for (attempt, event) in (1..).zip(&events) {
        let sandbox = SandboxOf::<stripe::Stripe>::faultless(&shop.world).await;
        assert_eq!(sandbox.deliver(event, &invocation(attempt)).await.expect("the sandbox survives").status, 200);
    }
    shop.world.books().check();
    assert_eq!(shop.world.books().balance("alice/credits"), 100_000_000_000);
    assert_eq!(shop.run(DAY).await, queried(0));
}

#[tokio::test(start_paused = true)]
async fn unpaid_order_is_searched_by_its_number() {
    let shop = shop().await;
    shop.net.recover();
    shop.run(300).await;
    let requests: Vec<String> = shop.net.endpoints();
    let query = "metadata%5B%27hookledger_order%27%5D%3A%27HLorder%27";
    assert_eq!(requests, [format!("GET /v1/payment_intents/search?query={query}&limit=20")]);
}

/// Stripe's answer must be about this order, of its price, and in the configured mode.
#[tokio::test(start_paused = true)]
async fn answer_that_does_not_fit_leaves_the_order_unpaid() {
    let flagged = UnpaidReport { flagged: 1, ..queried(1) };
    let unpaid = UnpaidReport { unpaid: 1, ..queried(1) };
    let failed = UnpaidReport { failed: 1, ..queried(1) };
    let status = |status| Altered("\"status\":\"succeeded\"", status);
    let rows = [
        (status("\"status\":\"canceled\""), unpaid, None),
        (status("\"status\":\"processing\""), unpaid, None),
        (status("\"status\":\"requires_capture\""), unpaid, None),
        (status("\"status\":\"requires_payment_method\""), unpaid, None),
        (status("\"status\":\"requires_confirmation\""), unpaid, None),
        (status("\"status\":\"requires_action\""), unpaid, None),
        (status("\"status\":\"spent\""), failed, None),
        (Altered("\"amount_received\":1999", "\"amount_received\":1998"), flagged, Some("AMOUNT_MISMATCH")),
        (Altered("\"amount_received\":1999", "\"amount_received\":19.99"), failed, None),
        (Altered("\"currency\":\"usd\"", "\"currency\":\"eur\""), flagged, Some("CURRENCY_MISMATCH")),
        (Altered("\"livemode\":false", "\"livemode\":true"), flagged, None),
        (Altered("HLorder", "HLOrder"), unpaid, None),
        (Altered("\"hookledger_order\":\"HLorder\"", "\"a\":\"b\""), unpaid, None),
        (Altered("\"hookledger_order\":", "\"hookledger_order\":\"HLother\",\"hookledger_order\":"), failed, None),
        (Altered("\"object\":\"payment_intent\"", "\"object\":\"charge\""), failed, None),
        (Altered("\"object\":\"search_result\"", "\"object\":\"list\""), failed, None),
        (Altered("\"id\":\"pi_", "\"id\":\"ch_"), failed, None),
        (NetFault::Garbage, failed, None),
        (NetFault::Status(400), failed, None),
    ];
    for (fault, expected, anomaly) in rows {
        let shop = shop().await;
        shop.net.pay(&shop.session);
        let name = format!("{fault:?}");
        shop.net.fail(move |_, _| fault);
        assert_eq!(shop.run(300).await, expected, "{name}");
        let books = shop.world.books();
        books.check();
        assert_eq!((shop.order().payment.as_str(), books.balance("alice/credits")), ("unpaid", 0), "{name}");
        assert_eq!(shop.order().anomaly.as_deref(), anomaly, "{name}");
        assert_eq!(shop.run(301).await, queried(0), "{name}: the next query is later");
    }
}

/// A payment of the other mode is kept as refused, as a webhook's would be.
#[tokio::test(start_paused = true)]
async fn payment_of_the_other_mode_is_kept_as_refused() {
    let shop = shop().await;
    shop.net.pay(&shop.session);
    shop.net.fail(|_, _| Altered("\"livemode\":false", "\"livemode\":true"));
    shop.run(300).await;
    let books = shop.world.books();
    let refused: Vec<_> = books.journal.iter().filter(|(id, _)| id.starts_with("query#")).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].1.reason.as_deref(), Some("wrong_mode"));
}

/// An abandoned payment is closed after two days, as a page is; a processing one is waited for.
#[tokio::test(start_paused = true)]
async fn abandoned_payment_is_closed_and_processing_one_is_not() {
    let rows = [("requires_action", 1, "expired"), ("canceled", 1, "expired"), ("processing", 0, "unpaid")];
    for (status, closed, payment) in rows {
        let shop = shop().await;
        shop.net.pay(&shop.session);
        let altered: &'static str = format!("\"status\":\"{status}\"").leak();
        shop.net.fail(move |_, _| Altered("\"status\":\"succeeded\"", altered));
        assert_eq!(shop.run(2 * DAY - 1).await, UnpaidReport { unpaid: 1, ..queried(1) }, "{status}");
        assert_eq!(shop.run(4 * DAY).await.closed, closed, "{status}");
        assert_eq!(shop.order().payment, payment, "{status}");
    }
}
