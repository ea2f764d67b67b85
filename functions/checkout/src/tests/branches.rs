//! Every outcome of a click without faults.

use super::*;

fn of_order(number: &str) -> String {
    format!(r#"{{"orderNumber":"{number}"}}"#)
}

#[tokio::test(start_paused = true)]
async fn first_click_opens_a_page_and_the_next_returns_it() {
    let rows = [
        (CREDITS, "9.99", "USD", "%5Bunit_amount%5D=999&", "quantity%5D=1&"),
        (r#"{"product":"credits-100","quantity":3}"#, "29.97", "USD", "%5Bunit_amount%5D=999&", "quantity%5D=3&"),
        (r#"{"product":"full-report"}"#, "19.99", "USD", "%5Bprice%5D=price_report&", "quantity%5D=1&"),
        (r#"{"product":"pro-monthly"}"#, "29.99", "USD", "%5Bprice%5D=price_pro&", "subscription_data"),
        (r#"{"product":"credits-1000","quantity":2}"#, "1296.00", "CNY", "%5Bunit_amount%5D=64800&", "=cny&"),
    ];
    for (body, amount, currency, price, also) in rows {
        let shop = Shop::new().await;
        let first = shop.click(1, body).await;
        let (number, id) = (word(&first, "orderNumber"), word(&first, "sessionId"));
        let page = format!(
            r#"{{"orderNumber":"{number}","status":"unpaid","amount":"{amount}","currency":"{currency}","sessionId":"{id}","url":"https://pay.invalid/{id}"}}"#
        );
        assert_eq!((first.status, &first.body), (201, &page), "{body}");
        let [call] = <[_; 1]>::try_from(shop.net.calls()).expect("one call");
        assert!(call.body.contains(price) && call.body.contains(also), "{}", call.body);
        assert_eq!(call.idempotency_key(), Some(format!("hookledger-{number}").as_str()));
        assert_eq!(call.authorization(), Some("Bearer sk_test_0123456789abcdefghijklmnop"));
        for (attempt, again) in [(2, body), (3, &of_order(&number))] {
            let reply = shop.click(attempt, again).await;
            assert_eq!((reply.status, &reply.body), (200, &page), "{again}");
        }
        let books = shop.world.books();
        books.check();
        let product = product_of(body);
        let leads = [format!("pending#alice#{product}")].into_iter();
        let leads = leads.chain((product == "pro-monthly").then(|| format!("subscription#alice#{product}")));
        assert_eq!(books.pointers, leads.map(|from| (from, number.clone())).collect());
        assert_eq!(
            books.processed().filter(|id| !id.starts_with("manual#")).collect::<Vec<_>>(),
            [format!("order#{number}")]
        );
        assert_eq!(books.bodies.len(), 0, "no request body is kept");
    }
}

fn product_of(body: &str) -> String {
    let body: Value = serde_json::from_str(body).expect("JSON");
    body["product"].as_str().expect("a product").to_owned()
}

#[tokio::test(start_paused = true)]
async fn return_before_the_webhook_books_the_payment() {
    for (body, credits, by) in [
        (CREDITS, 100_000_000_000, "stripe#pi_"),
        (r#"{"product":"full-report"}"#, 0, "stripe#pi_"),
        (r#"{"product":"pro-monthly"}"#, 0, "stripe#sub_"),
    ] {
        let shop = Shop::new().await;
        let first = shop.click(1, body).await;
        let (number, id) = (word(&first, "orderNumber"), word(&first, "sessionId"));
        shop.net.pay(&id);
        let back = shop.click(2, body).await;
        let (amount, currency) = (word(&first, "amount"), word(&first, "currency"));
        let paid =
            format!(r#"{{"orderNumber":"{number}","status":"paid","amount":"{amount}","currency":"{currency}"}}"#);
        assert_eq!((back.status, &back.body), (200, &paid), "{body}");
        let again = shop.click(3, &of_order(&number)).await;
        assert_eq!((again.status, &again.body), (200, &paid));
        let books = shop.world.books();
        books.check();
        assert_eq!(books.balance("alice/credits"), credits, "{body}");
        assert!(books.order(&number).paid_by.as_ref().is_some_and(|paid_by| paid_by.starts_with(by)), "{body}");
        assert_eq!(
            books.pointers.keys().filter(|from| from.starts_with("stripe#pi_")).count(),
            usize::from(by.ends_with("pi_"))
        );
        assert!(books.processed().any(|key| key == format!("query#stripe#{id}")));
        // A click after the payment buys another one.
        let next = shop.click(4, body).await;
        let expected = if by.ends_with("sub_") { is(409, "subscription_active") } else { is(201, "unpaid") };
        assert_eq!(summary(&next), expected);
        assert_ne!(word(&next, "orderNumber"), number);
    }
}

#[tokio::test(start_paused = true)]
async fn click_after_an_expired_page_creates_another_order() {
    let mut shop = Shop::new().await;
    let number = word(&shop.click(1, CREDITS).await, "orderNumber");
    shop.later(86_400);
    assert_eq!(summary(&shop.click(2, &of_order(&number)).await), is(409, "order_expired"));
    assert_eq!(shop.payment(&number), "expired");
    let next = shop.click(3, CREDITS).await;
    assert_eq!(summary(&next), is(201, "unpaid"));
    shop.later(86_400);
    // Now the click on the product finds the expired session.
    let third = shop.click(4, CREDITS).await;
    assert_eq!(summary(&third), is(201, "unpaid"));
    assert_eq!(shop.payment(&word(&next, "orderNumber")), "expired");
    shop.world.books().check();
}

#[tokio::test(start_paused = true)]
async fn another_quantity_replaces_the_order_and_its_page() {
    let two = r#"{"product":"credits-100","quantity":2}"#;
    let shop = Shop::new().await;
    let first = shop.click(1, CREDITS).await;
    let second = shop.click(2, two).await;
    assert_eq!((summary(&second), word(&second, "amount")), (is(201, "unpaid"), "19.98".to_owned()));
    assert!(!shop.net.is_open(&word(&first, "sessionId")) && shop.net.is_open(&word(&second, "sessionId")));
    assert_eq!(shop.payment(&word(&first, "orderNumber")), "expired");

    // The earlier order turns out to be paid: the click returns it.
    shop.net.pay(&word(&second, "sessionId"));
    let paid = shop.click(3, CREDITS).await;
    assert_eq!((summary(&paid), word(&paid, "orderNumber")), (is(200, "paid"), word(&second, "orderNumber")));
    assert_eq!(shop.world.books().balance("alice/credits"), 200_000_000_000);

    // An order without a page is canceled too, since a concurrent click could still open one.
    let shop = Shop::new().await;
    shop.net.fail(|_, _| NetFault::DropRequest);
    assert_eq!(summary(&shop.click(1, CREDITS).await), is(504, "stripe_timeout"));
    let number = shop.world.books().orders.keys().next().expect("an order").clone();
    shop.net.recover();
    assert_eq!(summary(&shop.click(2, two).await), is(201, "unpaid"));
    assert_eq!(shop.payment(&number), "canceled");
    shop.world.books().check();
}

#[tokio::test(start_paused = true)]
async fn session_unknown_to_stripe_expires_the_order() {
    let mut shop = Shop::new().await;
    let first = shop.click(1, CREDITS).await;
    shop.net = StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "t"));
    let next = shop.click(2, CREDITS).await;
    assert_eq!(summary(&next), is(201, "unpaid"));
    assert_eq!(shop.payment(&word(&first, "orderNumber")), "expired");
}

#[tokio::test(start_paused = true)]
async fn payment_status_of_the_session_decides() {
    use NetFault::Altered;
    let rows = [
        (
            Altered("\"payment_status\":\"paid\"", "\"payment_status\":\"unpaid\""),
            is(409, "payment_processing"),
            None,
            0,
        ),
        (
            Altered("\"payment_status\":\"paid\"", "\"payment_status\":\"no_payment_required\""),
            is(200, "paid"),
            None,
            100_000_000_000,
        ),
        (
            Altered("\"amount_total\":999", "\"amount_total\":998"),
            is(409, "payment_mismatch"),
            Some("AMOUNT_MISMATCH"),
            0,
        ),
        (
            Altered("\"amount_total\":999", "\"amount_total\":1000"),
            is(409, "payment_mismatch"),
            Some("AMOUNT_MISMATCH"),
            0,
        ),
        (
            Altered("\"currency\":\"usd\"", "\"currency\":\"mnt\""),
            is(409, "payment_mismatch"),
            Some("CURRENCY_MISMATCH"),
            0,
        ),
    ];
    for (altered, expected, anomaly, credits) in rows {
        let shop = Shop::new().await;
        let first = shop.click(1, CREDITS).await;
        shop.net.pay(&word(&first, "sessionId"));
        let row = format!("{altered:?}");
        let of_session = |what: &str| what.starts_with("GET /v1/checkout/sessions/");
        shop.net.fail(move |_, what| if of_session(what) { altered } else { NetFault::None });
        for attempt in 2..4 {
            let reply = shop.click(attempt, &of_order(&word(&first, "orderNumber"))).await;
            assert_eq!(summary(&reply), expected, "{row}");
        }
        let books = shop.world.books();
        books.check();
        let order = books.order(&word(&first, "orderNumber"));
        assert_eq!((order.anomaly.as_deref(), books.balance("alice/credits")), (anomaly, credits), "{row}");
    }
}

/// An alias leads to the same pending order as the product's id.
#[tokio::test(start_paused = true)]
async fn alias_finds_the_order_of_the_product() {
    let shop = Shop::new().await;
    let body = |name: &str| format!(r#"{{"product":"{name}","phoneNumber":"88001122"}}"#);
    let first = shop.click(1, &body("5000")).await;
    assert_eq!(summary(&first), is(201, "unpaid"));
    for (attempt, name) in [(2, "unitel-sd5000"), (3, "SD5000")] {
        let again = shop.click(attempt, &body(name)).await;
        assert_eq!((again.status, &again.body), (200, &first.body), "{name}");
    }
    assert!(shop.world.books().pointers.contains_key("pending#alice#unitel-sd5000"));
    assert_eq!(summary(&shop.click(4, &body("3000")).await), is(400, "unknown_product"));
}

#[tokio::test(start_paused = true)]
async fn wallet_with_wrong_checksum_is_refused() {
    let shop = Shop::new().await;
    let body = |wallet: &str| format!(r#"{{"product":"posx-10","wallet":"{wallet}"}}"#);
    let mistyped = "0x5aaeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
    assert_eq!(summary(&shop.click(1, &body(mistyped)).await), is(400, "wallet_checksum"));
    assert_eq!((shop.net.calls().len(), shop.world.books().orders.len()), (0, 0), "no payment was started");
    for (attempt, wallet) in
        [(2, mistyped.to_ascii_lowercase()), (3, "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed".to_owned())]
    {
        assert_eq!(summary(&shop.click(attempt, &body(&wallet)).await), is(201, "unpaid"), "{wallet}");
    }
}
