//! Genuine webhooks of a transfer that the order did not request: another token, amount, destination or key. They are kept and flagged on
//! the order, and move no money.

use serde_json::json;

use super::suite::mismatches;
use super::*;

#[tokio::test(start_paused = true)]
async fn transfer_that_was_not_requested_is_flagged_and_not_applied() {
    for status in ["SUBMITTED", "COMPLETED", "FAILED"] {
        for (name, changes, flag) in &mismatches() {
            let world = shop().await;
            let before = order_now(&world, ORDER).await;
            let mut changes = changes.clone();
            changes.push(("/data/status", json!(status)));
            let body = with("v2_completed", &changes);
            for _ in 0..2 {
                assert_eq!(
                    status_and_body(&answered(&world, &Fireblocks::signed(&body, now())).await),
                    BOOKED,
                    "{name}: kept"
                );
                let (is, books) = (order_now(&world, ORDER).await, world.books());
                books.check();
                assert_eq!((&is.transfer, is.fulfilment), (&before.transfer, before.fulfilment), "{name}");
                assert_eq!(books.order(ORDER).anomaly.as_deref(), Some(*flag), "{name}");
                let row = &books.journal["fireblocks#0198f2a5-1b7e-7c44-8a2d-6e9f0c3b5d71"];
                let reason = row.reason.as_deref().map(str::to_ascii_uppercase);
                assert_eq!((reason.as_deref(), row.needs_attention), (Some(*flag), false), "{name}");
                assert!(books.bodies.contains("fireblocks#0198f2a5-1b7e-7c44-8a2d-6e9f0c3b5d71"), "{name}");
            }
            // The genuine status is booked all the same.
            let body = with("v2_completed", &[("/id", json!("0198-true"))]);
            assert_eq!(status_and_body(&answered(&world, &Fireblocks::signed(&body, now())).await), BOOKED, "{name}");
            assert_eq!(order_now(&world, ORDER).await.transfer.expect("a transfer").status.as_str(), "COMPLETED");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn equal_transfer_in_another_notation_is_booked() {
    let rows = [
        ("in capitals", vec![("/data/destinationAddress", json!(WALLET.to_ascii_uppercase().replacen("0X", "0x", 1)))]),
        ("in small letters", vec![("/data/destinationAddress", json!(WALLET.to_ascii_lowercase()))]),
        ("with decimals", vec![("/data/amountInfo/requestedAmount", json!("10.000000000000000000"))]),
        ("with another number", vec![("/data/amount", json!(0.1)), ("/data/netAmount", json!("x"))]),
        ("net of the fee", vec![("/data/amountInfo/netAmount", json!("9.9"))]),
        ("with an object in the note", vec![("/data/note", json!({ "status": "FAILED" }))]),
    ];
    for (name, changes) in rows {
        let world = shop().await;
        let body = with("v2_completed", &changes);
        assert_eq!(status_and_body(&answered(&world, &Fireblocks::signed(&body, now())).await), BOOKED, "{name}");
        let order = order_now(&world, ORDER).await;
        assert_eq!(order.transfer.expect("a transfer").status.as_str(), "COMPLETED", "{name}");
        assert!(order.anomalies.is_empty(), "{name}");
    }
}

/// One external id has one transfer, so a second transfer under it is not ours.
#[tokio::test(start_paused = true)]
async fn second_transfer_under_one_external_id_is_flagged() {
    let world = shop().await;
    let submitted = sample("v2_submitted");
    assert_eq!(status_and_body(&answered(&world, &Fireblocks::signed(&submitted, now())).await), BOOKED);
    let other = with("v2_completed", &[("/data/id", json!("another-transfer"))]);
    assert_eq!(status_and_body(&answered(&world, &Fireblocks::signed(&other, now())).await), BOOKED);
    let order = order_now(&world, ORDER).await;
    let transfer = order.transfer.expect("a transfer");
    assert_eq!((transfer.id.as_deref(), transfer.status.as_str()), (Some(TRANSFER), "SUBMITTED"));
    assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("ORDER_MISMATCH"));
}

/// An order without a token, or with a token that stays in the ledger, has no transfer.
#[tokio::test(start_paused = true)]
async fn transfer_for_an_order_without_one_is_flagged() {
    let mut in_books = order(ORDER);
    for grant in &mut in_books.terms.grants {
        if let Grant::Token { on_chain, .. } = grant {
            *on_chain = None;
        }
    }
    for order in [in_books, crate::stripe::order(ORDER)] {
        let world = World::new();
        made(&world, order).await;
        let reply = answered(&world, &Fireblocks::signed(&sample("v2_completed"), now())).await;
        assert_eq!(status_and_body(&reply), BOOKED);
        let order = order_now(&world, ORDER).await;
        assert_eq!(order.transfer, None);
        assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("ORDER_MISMATCH"));
    }
}
