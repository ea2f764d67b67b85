//! Replay of refused WeChat notifications: verified again in their own form and at their own path.

use edge::Worker as _;
use ledger::{Backlog as _, CallContext, EventKey, Source};
use reconcile::Reconcile;

use super::*;
use crate::stripe::{REFUSED, reconcile, run_at};
use crate::suite::Replayed;
use crate::suite::replay::retired::replayed;
use crate::suite::replay::{HOUR, Providers, kept, keys};

#[tokio::test(start_paused = true)]
async fn kept_notification_is_booked_by_replay() {
    let rows = [
        ("v3_payment", NOTIFY, true),
        ("v2_payment", NOTIFY, true),
        ("cloudrun_payment", NOTIFY, true),
        ("v3_payment", CALLBACK, true),
        ("cloudrun_payment", CALLBACK, true),
        // The kept path still names another order.
        ("v3_payment", "/payment/callback/hk_other_order", false),
    ];
    for (name, path, is_paid) in rows {
        let world = World::new();
        let got = deliver_sample(&world, &paid(), &[], path, &sample(name)).await;
        assert!(is(&got, success_of(name)), "{name} {path}: {got:?}");
        made(&world, order()).await;
        let net = paid();
        net.set_now(now().plus_seconds(HOUR));
        let wechat = Some(function(world.ledger(2), &net, &[]).await.source);
        let sweeper = Reconcile { wechat, ..reconcile(world.ledger(0), &[]) };
        sweeper.work(REFUSED, &run_at(3, HOUR)).await.expect("a run");
        let books = world.books();
        books.check();
        let paid = if is_paid { 100_000_000_000 } else { 0 };
        assert_eq!(books.balance("alice/credits"), paid, "{name} {path}");
    }
}

/// Only WeChat and this deployment can decrypt a kept APIv3 notification.
#[tokio::test(start_paused = true)]
async fn kept_apiv3_delivery_stays_encrypted() {
    let world = World::new();
    deliver_sample(&world, &paid(), &[], NOTIFY, &sample("v3_payment")).await;
    let ledger = world.ledger(2);
    let context = CallContext { received_at: now().plus_seconds(HOUR), ..context(2) };
    let due = ledger.due(Source::Wechat, 10, &context).await.expect("the books");
    let waiting =
        ledger.refused_event(&EventKey::of_row(&due[0].id), &context).await.expect("the books").expect("it waits");
    let kept = waiting.body.expect("a body");
    let envelope: Value = serde_json::from_slice(&kept.bytes).expect("JSON");
    assert!(envelope["resource"]["ciphertext"].is_string());
    assert!(!String::from_utf8_lossy(&kept.bytes).contains(TRANSACTION));
    assert!(kept.headers.iter().any(|(name, _)| name == signing::wechat_v3::SIGNATURE));
}

/// The forwarder's secret is symmetric: a function that verifies with it could have signed the callback.
#[tokio::test(start_paused = true)]
async fn replayed_cloudrun_callback_is_confirmed_whatever_is_configured() {
    let form = kept::<Wechat>("CloudRun");
    let got = [
        replayed::<Wechat>(&form, keys(), Providers::paid()).await,
        replayed::<Wechat>(&form, keys(), Providers::unpaid()).await,
    ];
    assert_eq!(got, [Replayed::Booked, Replayed::Unconfirmed]);
}
