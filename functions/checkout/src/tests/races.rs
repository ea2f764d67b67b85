//! Concurrent clicks.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use testkit::Fault;

use super::*;

async fn clicks(shop: &Shop, bodies: &[&str]) -> Vec<Reply> {
    join_all((1..).zip(bodies).map(|(attempt, body)| shop.click(attempt, body))).await
}

#[tokio::test(start_paused = true)]
async fn twenty_concurrent_clicks_give_one_order_and_session() {
    for millis in [0, 10, 300] {
        let shop = Shop::new().await;
        // Each call has another delay: the first to call is not the first with an answer.
        shop.net.fail(move |call, _| {
            let call = u64::try_from(call).expect("small");
            NetFault::Delay(Duration::from_millis(millis * (1 + call * 7 % 5)))
        });
        let replies = clicks(&shop, &[CREDITS; 20]).await;
        let bodies: BTreeSet<&str> = replies.iter().map(|reply| reply.body.as_str()).collect();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
        assert_eq!(replies.iter().filter(|reply| reply.status == 201).count(), 1);
        assert_eq!(replies.iter().filter(|reply| reply.status == 200).count(), 19);
        let books = shop.world.books();
        books.check();
        assert_eq!(books.orders.len(), 1);
        let keys: BTreeSet<_> =
            shop.net.calls().into_iter().filter_map(|call| call.idempotency_key().map(str::to_owned)).collect();
        assert_eq!(keys.len(), 1, "one session was created");
        assert_eq!(shop.net.open().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn click_without_randomness_creates_no_order() {
    let shop = Shop::new().await;
    let mut function = shop.function(1, shop.world.ledger(1)).await;
    function.api.order_numbers = RandomBits::new(|| None);
    for path in ["/api/pay/checkout", "/api/pay/epay"] {
        let body = if path.ends_with("epay") { r#"{"product":"credits-1000"}"# } else { CREDITS };
        let reply = function.answer(&event_at(path, body), &shop.invocation(1)).await;
        assert!(reply.status == 503 && reply.headers.iter().any(|(name, _)| *name == "retry-after"), "{}", reply.body);
    }
    assert_eq!((shop.world.books().orders.len(), shop.net.calls().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn concurrent_clicks_on_two_quantities_leave_one_page() {
    let two = r#"{"product":"credits-100","quantity":2}"#;
    for seed in 0..40 {
        let shop = Shop::new().await;
        let mut random = fastrand::Rng::with_seed(seed);
        shop.net.fail(move |_, _| NetFault::Delay(Duration::from_millis(random.u64(0..400))));
        let replies = clicks(&shop, &[CREDITS, two, CREDITS, two]).await;
        assert!(replies.iter().all(|reply| matches!(reply.status, 200 | 201 | 503)), "{seed}: {replies:?}");
        // No abandoned page stays open either.
        assert!(shop.net.open().len() <= 1, "{seed}: {:?}", shop.net.open());
        shop.net.recover();
        let last = shop.click(9, CREDITS).await;
        assert_eq!((last.status < 300, shop.net.open()), (true, vec![word(&last, "sessionId")]), "{seed}: {last:?}");
        let books = shop.world.books();
        books.check();
        assert_eq!(books.orders.values().filter(|order| order.payment == "unpaid").count(), 1, "{seed}");
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_concurrent_returns_book_one_payment() {
    let shop = Shop::new().await;
    let first = shop.click(99, CREDITS).await;
    shop.net.pay(&word(&first, "sessionId"));
    let order = format!(r#"{{"orderNumber":"{}"}}"#, word(&first, "orderNumber"));
    let replies = clicks(&shop, &[order.as_str(); 20]).await;
    assert!(replies.iter().all(|reply| summary(reply) == is(200, "paid")), "{replies:?}");
    let books = shop.world.books();
    books.check();
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
}

/// A click whose first commit fails its condition: all orders have changed just before.
async fn overtaken(shop: &Shop, body: &str) -> Reply {
    let (engine, numbers) = (shop.world.engine.clone(), shop.world.books().orders.into_keys().collect::<Vec<_>>());
    let mut is_first = true;
    let (ledger, _) = shop.world.faulty(7, move |_, operation| {
        if operation == "TransactWriteItems" && std::mem::take(&mut is_first) {
            for number in &numbers {
                let update = json!({
                    "TableName": "hookledger-local-orders",
                    "Key": { "id": { "S": number } },
                    "UpdateExpression": "ADD version :one",
                    "ExpressionAttributeValues": { ":one": { "N": "1" } },
                });
                engine.request("UpdateItem", &update).expect("written");
            }
        }
        Fault::None
    });
    shop.function(7, ledger).await.answer(&event(body), &shop.invocation(7)).await
}

#[tokio::test(start_paused = true)]
async fn stale_click_retries() {
    let shop = Shop::new().await;
    shop.net.fail(|_, _| NetFault::DropRequest);
    assert_eq!(summary(&shop.click(1, CREDITS).await), is(504, "stripe_timeout"));
    shop.net.recover();
    let opened = overtaken(&shop, CREDITS).await;
    assert_eq!((summary(&opened), shop.net.open()), (is(201, "unpaid"), vec![word(&opened, "sessionId")]));
    let other = overtaken(&shop, r#"{"product":"credits-100","quantity":2}"#).await;
    assert_eq!((summary(&other), shop.net.open()), (is(201, "unpaid"), vec![word(&other, "sessionId")]));
    shop.net.pay(&word(&other, "sessionId"));
    assert_eq!(summary(&overtaken(&shop, r#"{"product":"credits-100","quantity":2}"#).await), is(200, "paid"));
    let books = shop.world.books();
    assert_eq!((books.orders.len(), books.balance("alice/credits")), (2, 200_000_000_000));
}
