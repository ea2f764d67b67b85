//! Disputes of a part of a payment: what each takes back, in whatever order its events come, and what an order says of it.

use super::subscriptions::permutations;
use super::*;

const CREATED: &str = "charge_dispute_created";
const LOST: &str = "charge_dispute_closed";
const WON: &str = "charge_dispute_closed_won";
const PAID: &str = "payment_intent_succeeded";
const DISPUTE: &str = "dp_1Sample0000000000000001";

/// A sample, the second at which it happened, and how many cents it disputes.
type Event = (&'static str, i64, Option<u64>);

fn body(n: usize, (name, second, amount): Event) -> String {
    let amount = amount.map(|amount| ("/data/object/amount", json!(amount)));
    let id = ("/id", json!(format!("evt_{name}_{n}")));
    with(name, &[Some(id), Some(at(second)), amount].into_iter().flatten().collect::<Vec<_>>())
}

/// A name, the events, and what they come to: the payment's state, whether it is disputed, and of how many cents the credits stand.
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
        // 5.00 is refunded and 5.00 disputed, of 19.99.
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
            // What came before its payment waits for it.
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

/// It cannot be set against the price: nothing of it stands until it is decided, and a person looks.
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

/// Booked when the amount was not among the fields that are compared: the same event is no contradiction of itself.
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
        receipt: EventKey::new("stripe", "evt_charge_dispute_created").expect("an id"),
        source: "stripe",
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
    // Of the same event with another amount, that version says nothing; of another state it does.
    let other = with(CREATED, &[("/data/object/status", json!("lost"))]);
    accepted(&world, &[other]).await;
    assert!(world.books().journal.keys().any(|id| id.contains("#conflict#")), "another state");
}
