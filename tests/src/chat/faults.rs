//! Each fault at each call to the store: a request is answered and charged once, or refused and not charged.

use ledger::Amount;
use testkit::Fault;

use super::*;

/// The reply, unless the sandbox dies, and the calls to the store.
async fn asked_under(shop: &Shop, body: &Value, call: usize, fault: Fault) -> (Option<Reply>, usize) {
    let (ledger, faults) = shop.world.faulty(7, move |number, _| if number == call { fault } else { Fault::None });
    let chat = shop.chat(ledger, 7, &[]).await;
    // The connection of the start.
    let before = faults.calls().len();
    let event = post(body);
    let reply = tokio::select! {
        reply = Box::pin(reply_at(&chat, 1, 0, &event)) => Some(reply),
        () = faults.killed() => None,
    };
    (reply, faults.calls().len() - before)
}

#[tokio::test(start_paused = true)]
async fn request_is_charged_once_under_every_fault() {
    for body in [request("hello"), streamed("hello"), request("fail-400")] {
        let plain = Shop::new("10").await;
        let (reply, calls) = asked_under(&plain, &body, usize::MAX, Fault::None).await;
        let (expected, status) = (plain.balance(), reply.expect("alive").status);
        assert!(calls >= 3, "the key, the hold and its breakers, the settlement: {calls}");
        for call in 0..=calls {
            for fault in Fault::ALL {
                let shop = Shop::new("10").await;
                let (reply, _) = asked_under(&shop, &body, call, fault).await;
                let case =
                    format!("{fault:?} at {call}: {:?}", reply.as_ref().map(|reply| (reply.status, &reply.body)));
                let charged_at_expiry: Vec<Amount> = shop
                    .expire_all()
                    .await
                    .into_iter()
                    .filter_map(|state| if let HoldState::Expired { charged, .. } = state { charged } else { None })
                    .collect();
                assert_eq!(shop.held(), 0, "{case}");
                let balance = shop.balance();
                let expired: i128 =
                    charged_at_expiry.iter().map(|amount| i128::try_from(amount.units()).expect("small")).sum();
                match (&reply, charged_at_expiry.len()) {
                    // Answered, and charged by its settlement.
                    (Some(reply), 0) if reply.status == status => assert_eq!(balance, expected, "{case}"),
                    // The store did not answer before the upstream was called.
                    (Some(reply), 0) => {
                        assert!(reply.status >= 500, "{case}");
                        assert_eq!(balance, 10 * 1_000_000_000, "{case}");
                    }
                    // A sandbox that died before its hold.
                    (None, 0) => assert!([expected, 10 * 1_000_000_000].contains(&balance), "{case}"),
                    // A sandbox that died under its hold.
                    (None, 1) => assert_eq!(balance, 10 * 1_000_000_000 - expired, "{case}"),
                    _ => panic!("{case}: {charged_at_expiry:?}"),
                }
            }
        }
    }
}

/// A store that is down from the settlement on: the answer is sent, and its hold is charged by the sweep.
#[tokio::test(start_paused = true)]
async fn answer_without_a_settlement_is_charged_by_the_sweep() {
    for body in [request("hello"), streamed("hello")] {
        let shop = Shop::new("10").await;
        let mut transactions = 0;
        let (ledger, _) = shop.world.faulty(7, move |_, operation| {
            transactions += u32::from(operation == "TransactWriteItems");
            if transactions > 1 { Fault::ServerError } else { Fault::None }
        });
        let chat = shop.chat(ledger, 7, &[]).await;
        let reply = reply_at(&chat, 1, 0, &post(&body)).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(shop.balance(), 10 * 1_000_000_000);
        let states = shop.expire_all().await;
        assert!(matches!(states[..], [HoldState::Expired { charged: Some(_), .. }]), "{states:?}");
        assert!(shop.balance() < 10 * 1_000_000_000);
    }
}
