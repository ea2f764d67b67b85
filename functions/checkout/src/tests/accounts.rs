//! A shop that sells on a connected account: its sessions are created, read and closed there.

use super::*;

#[tokio::test(start_paused = true)]
async fn connected_account_is_on_every_call() {
    let two = r#"{"product":"credits-100","quantity":2}"#;
    let mut shop = Shop { account: Some("acct_1"), ..Shop::new().await };
    let first = shop.click(1, CREDITS).await;
    assert_eq!(summary(&first), is(201, "unpaid"));
    assert_eq!(shop.click(2, CREDITS).await.body, first.body);
    let second = shop.click(3, two).await;
    assert_eq!(summary(&second), is(201, "unpaid"));
    assert!(!shop.net.is_open(&word(&first, "sessionId")), "the earlier page is closed on the account");
    for event in shop.net.pay(&word(&second, "sessionId")).events {
        let event: Value = serde_json::from_str(&event).expect("JSON");
        assert_eq!(event["account"], "acct_1");
    }
    assert_eq!(summary(&shop.click(4, two).await), is(200, "paid"));
    let calls = shop.net.calls();
    assert!(calls.len() >= 5 && calls.iter().all(|call| call.header("stripe-account") == Some("acct_1")), "{calls:?}");

    // Without the header, Stripe does not find the session, so its order expires.
    let third = shop.click(5, CREDITS).await;
    shop.account = None;
    assert_eq!(summary(&shop.click(6, CREDITS).await), is(201, "unpaid"));
    assert_eq!(shop.payment(&word(&third, "orderNumber")), "expired");
    assert!(shop.net.calls().iter().any(|call| call.header("stripe-account").is_none()));
}
