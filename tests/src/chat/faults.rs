//! Each fault at each call to the store: a request is answered and charged once, or refused and not charged.

use ledger::Amount;
use testkit::{Call, Fault};

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

/// How long after the request the opening of its hold may be applied, and that of its withdrawal.
const OPENED_WITHIN: Duration = Duration::from_secs(4);
const JUST_BEFORE: Duration = Duration::from_millis(3_999);
/// Later than any call is applied.
const ALL_APPLIED: Duration = Duration::from_mins(1);

/// The reply to a request whose hold has no answer, what it costs to withdraw the hold, and the states of holds that
/// expire. Its opening is applied so late; `fault` is that of a call of the withdrawal.
async fn opened_late(delay: Duration, call: usize, fault: Fault) -> (Shop, Reply, Vec<Call>, Vec<HoldState>) {
    let shop = Shop::new("10").await;
    let began = instant();
    let (mut is_sent, mut before) = (false, 0);
    let (ledger, faults) = shop.world.faulty(7, move |number, operation| {
        if instant().duration_since(began) >= OPENED_WITHIN {
            return if number == before + call { fault } else { Fault::None };
        }
        before = number + 1;
        if operation != "TransactWriteItems" {
            return Fault::None;
        }
        if std::mem::replace(&mut is_sent, true) { Fault::DropRequest } else { Fault::ApplyLate(delay) }
    });
    let chat = shop.chat(ledger, 7, &[]).await;
    let (until, calls) = (instant() + JUST_BEFORE, faults.clone());
    let opening = async move {
        tokio::time::sleep_until(tokio::time::Instant::from_std(until)).await;
        calls.calls().len()
    };
    let event = post(&request("hello"));
    let answer = Box::pin(reply_at(&chat, 1, 0, &event));
    let (reply, sent) = futures_util::future::join(answer, opening).await;
    tokio::time::sleep(ALL_APPLIED).await;
    let withdrawal = faults.calls().split_off(sent);
    let states = shop.expire_all().await;
    (shop, reply, withdrawal, states)
}

/// A hold that is opened when its request has long been refused holds nothing, and charges nothing.
#[tokio::test(start_paused = true)]
async fn hold_that_is_opened_late_is_not_charged() {
    for ms in [100, 3_900, 3_999, 4_001, 4_500, 6_000, 9_000, 30_000] {
        let (shop, reply, withdrawal, states) = opened_late(Duration::from_millis(ms), 0, Fault::None).await;
        assert_eq!(reply.status, 503, "{ms} ms: {}", reply.body);
        assert_eq!((shop.balance(), shop.held(), states), (10 * 1_000_000_000, 0, vec![]), "{ms} ms");
        let calls: Vec<&str> = withdrawal.iter().map(|call| call.operation.as_str()).collect();
        assert_eq!(calls, ["GetItem", "TransactWriteItems"], "{ms} ms: a read and a write");
        assert!(shop.net.calls().is_empty(), "{ms} ms: no upstream is called");
    }
}

#[tokio::test(start_paused = true)]
async fn withdrawal_of_a_hold_survives_faults() {
    let kills = [Fault::Kill, Fault::KillApplied];
    for ms in [100, 4_001, 6_000] {
        for call in 0..2 {
            for fault in Fault::ALL.into_iter().filter(|fault| !kills.contains(fault)) {
                let (shop, reply, _, states) = opened_late(Duration::from_millis(ms), call, fault).await;
                let case = format!("{ms} ms, {fault:?} at {call}: {states:?}");
                assert!(reply.status >= 500, "{case}");
                assert_eq!((shop.balance(), shop.held(), states.len()), (10 * 1_000_000_000, 0, 0), "{case}");
            }
        }
    }
}

/// An opening has no answer, and its repeat is refused: it may be applied yet, once there are credits.
#[tokio::test(start_paused = true)]
async fn hold_whose_repeat_is_refused_is_not_opened_late() {
    for (fault, status) in [(Fault::ApplyLate(Duration::from_secs(2)), 503), (Fault::Conflict, 402)] {
        let shop = Shop::new("0.0001").await;
        let mut is_sent = false;
        let (ledger, _) = shop.world.faulty(7, move |_, operation| {
            let is_first = operation == "TransactWriteItems" && !std::mem::replace(&mut is_sent, true);
            if is_first { fault } else { Fault::None }
        });
        let chat = shop.chat(ledger, 7, &[]).await;
        let event = post(&request("hello"));
        let more = async {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            top_up(&shop.world, "more", "alice", "10").await;
        };
        let (reply, ()) = futures_util::future::join(Box::pin(reply_at(&chat, 1, 0, &event)), more).await;
        tokio::time::sleep(ALL_APPLIED).await;
        assert_eq!(reply.status, status, "{fault:?}: {}", reply.body);
        let states = shop.expire_all().await;
        assert_eq!((shop.balance(), shop.held(), states), (10_000_100_000, 0, vec![]), "{fault:?}");
        assert!(shop.net.calls().is_empty(), "{fault:?}: no upstream is called");
    }
}
