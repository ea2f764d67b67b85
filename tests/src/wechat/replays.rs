//! What was refused is tried again from the books: without a key, in the form in which it came, and at the path at which it came.

use ledger::{Backlog as _, Delivery, EventKey};
use webhook::Outcome;

use super::*;
use crate::sandbox::moment_at;

#[tokio::test(start_paused = true)]
async fn what_waited_is_booked_from_what_is_kept() {
    let rows = [
        ("v3_payment", NOTIFY, true),
        ("v2_payment", NOTIFY, true),
        ("cloudrun_payment", NOTIFY, true),
        ("v3_payment", CALLBACK, true),
        ("cloudrun_payment", CALLBACK, true),
        // The path is kept as well, and is as wrong as it was.
        ("v3_payment", "/payment/callback/hk_other_order", false),
    ];
    for (name, path, is_paid) in rows {
        let world = World::new();
        let got = told(&world, &paid(), &[], path, &sample(name)).await;
        assert!(is(&got, success_of(name)), "{name} {path}: {got:?}");
        let later = now().plus_seconds(3_600);
        made(&world, order()).await;
        // The keys have changed since.
        let mut settings = settings();
        settings.retain(|(name, _)| name != "WECHAT_API_V2_KEY");
        let net = paid();
        net.set_now(later);
        let function = with_settings(world.ledger(2), &net, &[], settings).await;
        let delivery = Delivery { received_at: later, ..delivery(2) };
        let due = function.ledger.due("wechat", 10, &delivery).await.expect("the books");
        assert_eq!(due.len(), 1, "{name} {path}");
        let waiting = function
            .ledger
            .waiting(&EventKey::of_row(&due[0].id), &delivery)
            .await
            .expect("the books")
            .expect("it waits");
        let kept = waiting.body.expect("a body");
        assert_eq!(kept.path, path);
        let moment = moment_at(3, later);
        let webhook::Replayed { outcome, .. } =
            webhook::replay(&function.source, &function.ledger, &kept, waiting.first_received_at, &moment).await;
        let books = world.books();
        books.check();
        let paid = if is_paid { 100_000_000_000 } else { 0 };
        assert_eq!(books.balance("alice/credits"), paid, "{name} {path}: {outcome:?}");
        assert_eq!(outcome == Outcome::Booked, is_paid, "{name} {path}: {outcome:?}");
    }
}

/// What is kept can be read by whoever looks at it, and holds no key.
#[tokio::test(start_paused = true)]
async fn what_is_kept_is_what_was_sealed() {
    let world = World::new();
    told(&world, &paid(), &[], NOTIFY, &sample("v3_payment")).await;
    let function = function(world.ledger(2), &paid(), &[]).await;
    let delivery = Delivery { received_at: now().plus_seconds(3_600), ..delivery(2) };
    let due = function.ledger.due("wechat", 10, &delivery).await.expect("the books");
    let waiting =
        function.ledger.waiting(&EventKey::of_row(&due[0].id), &delivery).await.expect("the books").expect("it waits");
    let kept: Value = serde_json::from_slice(&waiting.body.expect("a body").bytes).expect("JSON");
    assert_eq!(kept["transaction_id"], TRANSACTION);
}
