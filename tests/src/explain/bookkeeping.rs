//! What a bookkeeper takes away: the newest lines of all accounts, and payments, renewals and refunds, each once.

use std::collections::BTreeSet;

use insight::{PaymentPages, newest_lines};
use ledger::{Asset, Expiring as _};
use serde_json::json;
use testkit::{World, now};

use super::asked;
use super::stories::shop;
use crate::fulfil::{paid, referred, run_at, tokens, work, worker};
use crate::lots;
use crate::stripe::with;

const PAID: &str = "payment_intent_succeeded";
/// After the samples.
const NEWER_S: i64 = 1_767_225_700;

async fn fulfilled(world: World) -> World {
    assert!(work(&worker(world.ledger(1), None, None).await, &run_at(1, 1)).await, "it ran");
    world
}

/// A subscription whose first period and the next are paid, and a payment of which a part was refunded.
async fn subscribed() -> World {
    let of_renewal = [("/id", json!("evt_renewed")), ("/data/object/id", json!("in_1Sample0000000000000002"))];
    let renewed = with("invoice_paid", &of_renewal).replace("subscription_create", "subscription_cycle");
    let [paid, created, updated] = [PAID, "refund_created", "refund_updated"].map(|name| with(name, &[]));
    let [subscribed, first, again] =
        ["customer_subscription_created", "invoice_paid", "invoice_payment_succeeded"].map(|name| with(name, &[]));
    shop(&[paid, created, updated, subscribed, first, again, renewed]).await
}

/// The keys of all rows that move an amount.
fn moving(world: &World) -> BTreeSet<String> {
    world.books().journal.into_iter().filter(|(_, row)| row.account.is_some()).map(|(key, _)| key).collect()
}

async fn lines(world: &World, after_s: i64) -> BTreeSet<String> {
    let found = newest_lines(&world.ledger(7), &[], now().plus_seconds(-60), 500, &asked(after_s)).await;
    let found = found.expect("an answer");
    assert!(!found.has_more);
    found.lines.into_iter().map(|row| row.key.to_string()).collect()
}

#[tokio::test(start_paused = true)]
async fn whatever_changes_a_balance_is_among_the_newest_lines() {
    for (name, world) in [
        ("tokens and two commissions", fulfilled(paid(vec![tokens(false)]).await).await),
        ("referral credits", fulfilled(referred().await).await),
        ("a subscription and a refund", subscribed().await),
    ] {
        assert!(moving(&world).len() >= 3, "{name}: {:?}", moving(&world));
        assert_eq!(lines(&world, 60).await, moving(&world), "{name}");
    }
}

/// What a sweep takes, and what comes back because a clawback takes it.
#[tokio::test(start_paused = true)]
async fn expiries_are_among_the_newest_lines() {
    let world = lots::world().await;
    let account = lots::account("alice");
    world.ledger(0).expire(&account, &lots::later(2, lots::DAY)).await.expect("expired");
    lots::committed(&world, &lots::correction("alice", "c1", "4", "g1", true), lots::DAY).await;
    let expected: BTreeSet<String> = moving(&world).into_iter().filter(|key| key.starts_with("expire#")).collect();
    assert_eq!(expected.len(), 2, "{expected:?}");
    let found: BTreeSet<String> =
        lines(&world, lots::DAY + 60).await.into_iter().filter(|key| key.starts_with("expire#")).collect();
    assert_eq!(found, expected);
}

/// Each line that `export` would print: its kind, the payment, the money, and what else tells it apart.
async fn exported(world: &World) -> Vec<String> {
    let (ledger, until) = (world.ledger(7), now().plus_seconds(60));
    let (mut pages, mut lines) = (PaymentPages::new(now().plus_seconds(-60), until), Vec::new());
    while let Some(page) = pages.next(&ledger, &asked(60)).await.expect("a page") {
        assert_eq!(page.unreadable, []);
        lines.extend(page.payments.iter().map(|line| {
            let more = match &line.what {
                insight::Paying::Payment => String::new(),
                insight::Paying::Renewal { credits } => Asset::CREDITS.format_balance(*credits),
                insight::Paying::Refund { id } => id.clone(),
                insight::Paying::RefundedSum => "in a sum".to_owned(),
            };
            assert!(line.paid_at.is_some(), "{line:?}");
            format!("{} {} {} {more}", line.what.as_str(), line.by.id(), line.money).trim_end().to_owned()
        }));
    }
    lines.sort();
    lines
}

#[tokio::test(start_paused = true)]
async fn payments_renewals_and_refunds_are_exported_each_once() {
    assert_eq!(
        exported(&subscribed().await).await,
        [
            "payment pi_3Sample0000000000000001 19.99 USD",
            "refund pi_3Sample0000000000000001 5 USD re_3Sample0000000000000001",
            "renewal in_1Sample0000000000000001 9.99 USD 500",
            "renewal in_1Sample0000000000000002 9.99 USD 500",
        ]
    );
}

/// Stripe reports the sum of a charge's refunds too, and alone where the endpoint lacks the events of refunds. Whatever came,
/// and in whatever order, the lines of a payment add up to what the buyer has back.
#[tokio::test(start_paused = true)]
async fn refunds_that_come_in_a_sum_have_a_line_for_what_no_other_has() {
    const PAYMENT: &str = "payment pi_3Sample0000000000000001 19.99 USD";
    const SUM: &str = "refund pi_3Sample0000000000000001 5 USD in a sum";
    const NAMED: &str = "refund pi_3Sample0000000000000001 5 USD re_3Sample0000000000000001";
    let more = [("/id", json!("evt_more")), ("/data/object/amount_refunded", json!(700)), ("/created", json!(NEWER_S))];
    let [paid, sum, named] = [PAID, "charge_refunded", "refund_updated"].map(|name| with(name, &[]));
    let more = with("charge_refunded", &more);
    for (name, events, expected) in [
        ("a sum alone", vec![&paid, &sum], vec![PAYMENT, SUM]),
        ("the sum twice", vec![&paid, &sum, &sum], vec![PAYMENT, SUM]),
        ("the refund after its sum", vec![&paid, &sum, &named], vec![PAYMENT, NAMED]),
        ("the sum after its refund", vec![&paid, &named, &sum], vec![PAYMENT, NAMED]),
        (
            "a later sum of more",
            vec![&paid, &sum, &more],
            vec![PAYMENT, "refund pi_3Sample0000000000000001 7 USD in a sum"],
        ),
        (
            "a refund, and a later sum of more",
            vec![&paid, &named, &more],
            vec![PAYMENT, "refund pi_3Sample0000000000000001 2 USD in a sum", NAMED],
        ),
    ] {
        let events: Vec<String> = events.into_iter().cloned().collect();
        assert_eq!(exported(&shop(&events).await).await, expected, "{name}");
    }
}
