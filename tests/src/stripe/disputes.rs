//! Partial disputes: the clawback of each in any order of events, and the state of the order.

use ledger::Source;

use super::subscriptions::permutations;
use super::*;

const CREATED: &str = "charge_dispute_created";
const LOST: &str = "charge_dispute_closed";
const WON: &str = "charge_dispute_closed_won";
const PAID: &str = "payment_intent_succeeded";
const DISPUTE: &str = "dp_1Sample0000000000000001";

/// A sample, its time in seconds, and the disputed cents.
type Event = (&'static str, i64, Option<u64>);

fn body(n: usize, (name, second, amount): Event) -> String {
    let amount = amount.map(|amount| ("/data/object/amount", json!(amount)));
    let id = ("/id", json!(format!("evt_{name}_{n}")));
    with(name, &[Some(id), Some(at(second)), amount].into_iter().flatten().collect::<Vec<_>>())
}

/// A name, the events, and the result: the payment's state, whether it is disputed, and the cents whose credits the buyer keeps.
type Row = (&'static str, &'static [Event], (&'static str, bool, u64));

#[tokio::test(start_paused = true)]
async fn partial_dispute_takes_back_its_part_in_any_order() {
    let rows: &[Row] = &[
        ("open", &[(PAID, 0, None), (CREATED, 1, Some(500))], ("paid", true, 1_499)),
        ("lost", &[(PAID, 0, None), (CREATED, 1, Some(500)), (LOST, 2, Some(500))], ("disputed_lost", false, 1_499)),
        ("won", &[(PAID, 0, None), (CREATED, 1, Some(500)), (WON, 2, Some(500))], ("paid", false, 1_999)),
        (
            "the bank settles for less",
            &[(PAID, 0, None), (CREATED, 1, Some(1_000)), (LOST, 2, Some(500))],
            ("disputed_lost", false, 1_499),
        ),
        (
            "two amounts in one second",
            &[(PAID, 0, None), (CREATED, 1, Some(500)), (CREATED, 1, Some(400))],
            ("paid", true, 1_499),
        ),
        // Of 19.99, 5.00 are refunded and 5.00 disputed.
        (
            "beside a refund",
            &[(PAID, 0, None), ("charge_refunded", 1, None), (CREATED, 2, Some(500))],
            ("partly_refunded", true, 999),
        ),
        (
            "beside a refund that failed",
            &[(PAID, 0, None), ("refund_created", 1, None), ("refund_failed", 2, None), (LOST, 3, Some(1_999))],
            ("disputed_lost", false, 0),
        ),
    ];
    for (name, events, (payment, disputed, cents)) in rows {
        for order in permutations(events.len()) {
            let bodies: Vec<String> = order.iter().map(|n| body(*n, events[*n])).collect();
            let world = shop().await;
            accepted(&world, &bodies).await;
            // A dispute that arrives before its payment waits for it.
            reconciled(&world).await;
            accepted(&world, &bodies).await;
            let books = world.books();
            books.check();
            let row = books.order(ORDER);
            assert_eq!((row.payment.as_str(), row.disputed), (*payment, *disputed), "{name}: {order:?}");
            let credits = crate::sandbox::amount("100").share(Amount::from_units(*cents), Amount::from_units(1_999));
            let credits = i128::try_from(credits.expect("a price").units()).expect("few");
            assert_eq!((row.posted, books.balance("alice/credits")), (credits, credits), "{name}: {order:?}");
        }
    }
}

/// Its amount cannot be compared with the price, so the whole payment is contested until the dispute is decided.
#[tokio::test(start_paused = true)]
async fn dispute_in_another_currency_contests_the_whole_payment() {
    let world = shop().await;
    let foreign = with(CREATED, &[("/data/object/currency", json!("eur")), ("/data/object/amount", json!(1))]);
    accepted(&world, &[with(PAID, &[]), foreign]).await;
    let books = world.books();
    books.check();
    let order = books.order(ORDER);
    assert_eq!((order.posted, order.disputed, order.anomaly.as_deref()), (0, true, Some("CURRENCY_MISMATCH")));
    assert_eq!(books.journal["stripe#evt_charge_dispute_created"].status, "processed");
}

/// An older release did not compare the amount. The same event must not conflict with its own row.
#[tokio::test(start_paused = true)]
async fn dispute_booked_under_an_older_fingerprint_is_a_repeat() {
    let world = shop().await;
    let body = with(CREATED, &[]);
    let fields = [
        ("event", "evt_charge_dispute_created"),
        ("type", "charge.dispute.created"),
        ("livemode", "false"),
        ("object", DISPUTE),
        ("reference", "pi_3Sample0000000000000001"),
        ("dispute", DISPUTE),
        ("state", "open"),
    ];
    let header = JournalHeader {
        receipt: EventKey::new(Source::Stripe, "evt_charge_dispute_created").expect("an id"),
        writer: Source::Stripe.into(),
        kind: "charge.dispute.created",
        facts: vec![],
        fingerprints: Fingerprint::of(1, &fields).into(),
        order: None,
    };
    let entry = Entry { header, effects: vec![], keeps_body: false, alarm: None };
    world.ledger(0).commit(&Decision::Record(entry), &context(0)).await.expect("booked");
    let before = world.books();
    accepted(&world, &[body]).await;
    assert_eq!(world.books(), before);
    // The older fingerprint does not detect another amount, but it detects another state.
    let other = with(CREATED, &[("/data/object/status", json!("lost"))]);
    accepted(&world, &[other]).await;
    assert!(world.books().journal.keys().any(|id| id.contains("#conflict#")), "another state");
}
