//! Orders that a click creates take places among the owner's open orders.

use serde_json::json;

use super::failures::closed;
use super::*;

const TWO: &str = r#"{"product":"credits-100","quantity":2}"#;
const DEARER: &str = r#"{"product":"credits-1000"}"#;
const REPORT: &str = r#"{"product":"full-report"}"#;

async fn shop(settings: &'static [(&'static str, &'static str)]) -> Shop {
    Shop { settings, ..Shop::new().await }
}

/// A click on the same product finds or replaces its order: neither needs another place.
#[tokio::test(start_paused = true)]
async fn click_without_free_place_is_refused_unless_it_replaces() {
    let shop = shop(&[("MAX_OPEN_ORDERS", "1")]).await;
    let first = shop.click(1, CREDITS).await;
    let rows = [(CREDITS, 200), (DEARER, 409), (REPORT, 409), (TWO, 201), (DEARER, 409), (CREDITS, 201), (TWO, 201)];
    for (attempt, (body, status)) in (2..).zip(rows) {
        let reply = shop.click(attempt, body).await;
        assert_eq!(reply.status, status, "{attempt}: {body} {}", reply.body);
        if status == 409 {
            assert_eq!(body_of(&reply)["error"], json!("too_many_open_orders"), "{attempt}: {body}");
        }
        let books = shop.world.books();
        assert_eq!(books.orders.values().filter(|order| order.payment == "unpaid").count(), 1, "{attempt}: {body}");
    }
    let open = body_of(&shop.click(20, TWO).await)["orderNumber"].as_str().expect("a number").to_owned();
    assert_ne!(body_of(&first)["orderNumber"], json!(open));
    closed(&shop, &open, ledger::PaymentState::Canceled).await;
    assert_eq!(shop.click(21, DEARER).await.status, 201, "its place is free");
    shop.world.books().check();
}

/// Concurrent clicks on several products, and on one.
#[tokio::test(start_paused = true)]
async fn concurrent_clicks_take_no_more_places_than_free() {
    for seed in 0..20 {
        let shop = shop(&[("MAX_OPEN_ORDERS", "1")]).await;
        let mut random = fastrand::Rng::with_seed(seed);
        shop.net.fail(move |_, _| NetFault::Delay(std::time::Duration::from_millis(random.u64(0..400))));
        let clicks = (1..).zip([CREDITS, DEARER, REPORT]).map(|(attempt, body)| shop.click(attempt, body));
        let replies = futures_util::future::join_all(clicks).await;
        let mut statuses: Vec<u16> = replies.iter().map(|reply| reply.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409], "{seed}");
        assert_eq!(shop.world.books().orders.len(), 1, "{seed}");

        // On one product, every click leads to the order that holds the place.
        let shop = self::shop(&[("MAX_OPEN_ORDERS", "1")]).await;
        let late =
            |attempt| shop.world.faulty(attempt, |_, _| testkit::Fault::Delay(std::time::Duration::from_millis(10))).0;
        let clicks = (1..4).map(|attempt| {
            let (shop, ledger) = (&shop, late(attempt));
            async move {
                shop.function(attempt, ledger).await.answer(&event(CREDITS), &shop.invocation(attempt)).await.status
            }
        });
        let mut statuses = futures_util::future::join_all(clicks).await;
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 200, 201], "{seed}");
    }
}
