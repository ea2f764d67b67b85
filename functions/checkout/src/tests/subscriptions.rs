//! Clicks on a subscription: at most one runs at a time, by Stripe's status and with or without its events.

use std::time::Duration;

use futures_util::future::join_all;

use super::*;

const PRO: &str = r#"{"product":"pro-monthly"}"#;

impl Shop {
    /// A shop with a running, paid subscription, the order's number and the subscription's id.
    async fn subscribed() -> (Self, String, String) {
        let shop = Self::new().await;
        let first = shop.click(90, PRO).await;
        shop.net.pay(&word(&first, "sessionId"));
        assert_eq!(summary(&shop.click(91, PRO).await), is(200, "paid"));
        let number = word(&first, "orderNumber");
        let by = shop.world.books().order(&number).paid_by.clone().expect("paid");
        (shop, number, by.strip_prefix("stripe#").expect("Stripe's").to_owned())
    }

    /// Creates an order of the subscription without a page, and returns the body of a click on it.
    async fn ordered(&self, number: &str) -> String {
        let catalog = Catalog::parse(catalog::SHIPPED).expect("a valid catalog");
        let choice = catalog::Choice { quantity: 1, ..catalog::Choice::default() };
        let terms = catalog.product("pro-monthly").expect("a product").terms(&choice, None).expect("sold");
        failures::created(self, number, "alice", terms).await;
        format!(r#"{{"orderNumber":"{number}"}}"#)
    }
}

fn active() -> (u16, String) {
    is(409, "subscription_active")
}

#[tokio::test(start_paused = true)]
async fn running_subscription_is_not_sold_again() {
    let (shop, number, subscription) = Shop::subscribed().await;
    let orders = shop.world.books().orders.len();
    let other = shop.ordered("HL-other").await;
    for (attempt, body) in [(1, PRO), (2, &other), (3, PRO)] {
        let calls_before = shop.net.calls().len();
        let reply = shop.click(attempt, body).await;
        let url = word(&reply, "portalUrl");
        let expected = format!(
            r#"{{"error":"subscription_active","message":"You have this subscription already.","portalUrl":"{url}"}}"#
        );
        assert_eq!((reply.status, &reply.body), (409, &expected));
        assert!(url.starts_with("https://pay.invalid/portal/bps_"), "{url}");
        let calls: Vec<String> =
            shop.net.calls().split_off(calls_before).into_iter().map(|call| call.endpoint).collect();
        assert_eq!(
            calls,
            [format!("GET /v1/subscriptions/{subscription}"), "POST /v1/billing_portal/sessions".to_owned()]
        );
    }
    let portal = shop.net.calls().pop().expect("a call").body;
    assert!(
        portal.starts_with("customer=cus_") && portal.ends_with("&return_url=https%3A%2F%2Fshop.invalid%2F"),
        "{portal}"
    );
    assert_eq!((shop.world.books().orders.len(), shop.net.open()), (orders + 1, Vec::new()), "no order and no page");
    assert_eq!(summary(&shop.click(4, &format!(r#"{{"orderNumber":"{number}"}}"#)).await), is(200, "paid"));
    // Another product is sold.
    assert_eq!(summary(&shop.click(5, CREDITS).await), is(201, "unpaid"));

    shop.net.cancel(&subscription);
    let again = shop.click(6, PRO).await;
    assert_eq!(summary(&again), is(201, "unpaid"), "an ended subscription is sold again");
    shop.net.pay(&word(&again, "sessionId"));
    assert_eq!(summary(&shop.click(7, PRO).await), is(200, "paid"));
    assert_eq!(summary(&shop.click(8, PRO).await), active());
    shop.world.books().check();
}

#[tokio::test(start_paused = true)]
async fn subscription_status_decides_whether_it_is_sold_again() {
    let rows = [
        ("trialing", true),
        ("active", true),
        ("past_due", true),
        ("unpaid", true),
        ("paused", true),
        ("incomplete", true),
        ("incomplete_expired", false),
        ("canceled", false),
    ];
    for (status, is_live) in rows {
        let that: &'static str = format!("\"status\":\"{status}\"").leak();
        let altered = move |_: usize, what: &str| {
            let is_read = what.starts_with("GET /v1/subscriptions/");
            if is_read { NetFault::Altered("\"status\":\"active\"", that) } else { NetFault::None }
        };
        let expected = if is_live { active() } else { is(201, "unpaid") };
        let (shop, ..) = Shop::subscribed().await;
        shop.net.fail(altered);
        assert_eq!(summary(&shop.click(1, PRO).await), expected, "{status}");

        // The same while the first payment is processing: the session is complete and unpaid.
        let shop = Shop::new().await;
        let first = shop.click(1, PRO).await;
        shop.net.pay(&word(&first, "sessionId"));
        shop.net.fail(move |call, what| match what {
            what if what.starts_with("GET /v1/checkout/sessions/") => {
                NetFault::Altered("\"payment_status\":\"paid\"", "\"payment_status\":\"unpaid\"")
            }
            what => altered(call, what),
        });
        let reply = shop.click(2, PRO).await;
        assert_eq!(summary(&reply), expected, "{status}");
        assert_ne!(word(&reply, "orderNumber"), word(&first, "orderNumber"), "{status}");
        let state = if is_live { "unpaid" } else { "expired" };
        assert_eq!(shop.payment(&word(&first, "orderNumber")), state, "{status}");
        shop.world.books().check();
    }
}

/// A missing portal link does not permit a second subscription; nor does a failed query.
#[tokio::test(start_paused = true)]
async fn failed_portal_or_failed_query_sells_nothing() {
    use NetFault::{Altered, DropRequest, Garbage, Status};
    for fault in
        [DropRequest, Garbage, Status(400), Status(403), Status(500), Altered("\"url\":\"https:", "\"url\":\"data:")]
    {
        let (shop, ..) = Shop::subscribed().await;
        let row = format!("{fault:?}");
        shop.net.fail(move |_, what| if what.contains("billing_portal") { fault } else { NetFault::None });
        let reply = shop.click(1, PRO).await;
        assert_eq!((summary(&reply), body_of(&reply).get("portalUrl")), (active(), None), "{row}");
    }
    let rows = [
        (DropRequest, is(504, "stripe_timeout")),
        (Garbage, is(502, "stripe_unreadable")),
        (Status(403), is(502, "stripe_refused")),
        (Status(429), is(503, "stripe_busy")),
        (Status(500), is(502, "stripe_failed")),
        (Altered("\"status\":\"active\"", "\"status\":\"dormant\""), is(502, "stripe_unreadable")),
        (Altered("\"id\":\"sub_", "\"id\":\"sub_x"), is(502, "stripe_unreadable")),
    ];
    for (fault, expected) in rows {
        let (shop, ..) = Shop::subscribed().await;
        let row = format!("{fault:?}");
        let orders = shop.world.books().orders.len();
        shop.net.fail(move |_, what| if what.contains("/subscriptions/") { fault } else { NetFault::None });
        assert_eq!(summary(&shop.click(1, PRO).await), expected, "{row}");
        assert_eq!((shop.net.open(), shop.world.books().orders.len()), (Vec::new(), orders), "{row}");
    }
    // A shop that has not configured the portal.
    let price = fakes::Price {
        id: "price_pro".to_owned(),
        name: "Pro".to_owned(),
        unit_amount: 2_999,
        currency: "usd".to_owned(),
        interval: Some(fakes::Interval::Month),
    };
    let stripe = fakes::Stripe::new("https://pay.invalid", false, "s").with_prices([price]).without_portal();
    let shop = Shop { net: StripeNet::new(stripe), ..Shop::new().await };
    shop.net.pay(&word(&shop.click(1, PRO).await, "sessionId"));
    shop.click(2, PRO).await;
    let reply = shop.click(3, PRO).await;
    assert_eq!((summary(&reply), body_of(&reply).get("portalUrl")), (active(), None));
}

/// Paid on one order's page, before the webhook: a click on another order finds out from Stripe.
#[tokio::test(start_paused = true)]
async fn late_webhook_does_not_permit_a_second_subscription() {
    let shop = Shop::new().await;
    let (one, two) = (shop.ordered("HL-one").await, shop.ordered("HL-two").await);
    let first = shop.click(1, &one).await;
    assert_eq!(summary(&first), is(201, "unpaid"));
    shop.net.pay(&word(&first, "sessionId"));
    let second = shop.click(2, &two).await;
    assert_eq!((summary(&second), word(&second, "orderNumber").as_str()), (is(200, "paid"), "HL-one"));
    for (attempt, body) in [(3, two.as_str()), (4, PRO)] {
        assert_eq!(summary(&shop.click(attempt, body).await), active());
    }
    assert_eq!(shop.net.open(), Vec::<String>::new());
    shop.world.books().check();
}

/// Two orders of one subscription: the first page is closed before the second opens, so that they cannot both be paid.
#[tokio::test(start_paused = true)]
async fn two_orders_of_one_subscription_have_one_open_page() {
    let shop = Shop::new().await;
    let (one, two) = (shop.ordered("HL-one").await, shop.ordered("HL-two").await);
    let first = shop.click(1, &one).await;
    let second = shop.click(2, &two).await;
    assert_eq!((summary(&second), shop.net.open()), (is(201, "unpaid"), vec![word(&second, "sessionId")]));
    assert_eq!(shop.payment("HL-one"), "expired");
    assert_ne!(word(&first, "sessionId"), word(&second, "sessionId"));
    let third = shop.click(3, PRO).await;
    assert_eq!((summary(&third), shop.net.open()), (is(201, "unpaid"), vec![word(&third, "sessionId")]));
    assert_eq!(shop.payment("HL-two"), "expired");

    for seed in 0..40 {
        let shop = Shop::new().await;
        let (one, two) = (shop.ordered("HL-one").await, shop.ordered("HL-two").await);
        let mut random = fastrand::Rng::with_seed(seed);
        shop.net.fail(move |_, _| NetFault::Delay(Duration::from_millis(random.u64(0..400))));
        let bodies = [one.as_str(), &two, PRO, PRO];
        let replies = join_all((1..).zip(bodies).map(|(attempt, body)| shop.click(attempt, body))).await;
        assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 201 | 409 | 503)), "{seed}: {replies:?}");
        shop.net.recover();
        let last = shop.click(9, PRO).await;
        let handed: Vec<String> = replies.iter().chain([&last]).map(|reply| word(reply, "sessionId")).collect();
        let open: Vec<&String> = handed.iter().filter(|id| !id.is_empty() && shop.net.is_open(id)).collect();
        assert!(open.iter().all(|id| **id == word(&last, "sessionId")), "{seed}: {open:?}");
        assert!(last.status < 300, "{seed}: {last:?}");
        shop.world.books().check();
    }
}
