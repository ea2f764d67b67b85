//! The audit follows the journal's stream: no code changes a processed row or removes one, except a person's repair or
//! reversal. So a row that is altered by hand is compared within minutes, also that of a payment that posts nothing.

use super::streamed::{OPEN_ORDER, PHONE_ORDER, Streamed, books, deliver, paid_top_up};
use super::*;

type Found = Vec<(DifferenceKind, Subject)>;

/// The payment of the top-up, which posts nothing.
const PAYMENT: &str = "payment#stripe#pi_phone";
/// A payment that posts credits.
const POSTED: &str = "payment#stripe#pi_3Sample0000000000000001";
const ORDER: &str = "hk_sample_order";
const USAGE: &str = "usage#e1";
const CREDITS: &str = "alice/credits";

fn of_account(kind: DifferenceKind, account: &str) -> (DifferenceKind, Subject) {
    (kind, Subject::Account(account.to_owned()))
}

fn of_order(kind: DifferenceKind, order: &str) -> (DifferenceKind, Subject) {
    (kind, Subject::Order(ledger::OrderNumber::new(order).expect("a number")))
}

fn of_line(kind: DifferenceKind, line: &str) -> (DifferenceKind, Subject) {
    (kind, Subject::Line(line.to_owned()))
}

/// Sets the attribute, or removes it.
fn set(shop: &Shop, id: &str, attribute: &str, value: &Value) {
    let mut row = shop.row("journal", id);
    let fields = row.as_object_mut().expect("a row");
    if value.is_null() {
        assert!(fields.remove(attribute).is_some(), "{attribute}");
    } else {
        fields.insert(attribute.to_owned(), value.clone());
    }
    shop.put("journal", &row);
}

fn text(text: &str) -> Value {
    json!({ "S": text })
}

fn number(number: &str) -> Value {
    json!({ "N": number })
}

async fn found(world: &World) -> Found {
    let open = state(world).await.open.into_iter();
    let mut found: Found = open.map(|open| (open.difference.difference_kind, open.difference.subject())).collect();
    found.sort();
    found
}

/// Each attribute of a payment's row that its order needs: altered, and removed.
fn alterations_of_the_payment() -> Vec<(&'static str, Value, Found)> {
    let unproven = || of_order(DifferenceKind::Unproven, PHONE_ORDER);
    let rows = [
        ("status", text("failed")),
        ("status", Value::Null),
        ("order", text(OPEN_ORDER)),
        ("order", text("no number")),
        ("order", Value::Null),
        ("paid_units", number("1")),
        ("paid_units", text("1999")),
        ("paid_units", Value::Null),
        ("paid_currency", text("EUR")),
        ("paid_currency", Value::Null),
        ("v", number("2")),
    ];
    let mut rows: Vec<_> = rows.into_iter().map(|(name, value)| (name, value, vec![unproven()])).collect();
    rows.push(("order", text("HLlost"), vec![of_order(DifferenceKind::OrderMissing, "HLlost"), unproven()]));
    let posts = vec![of_account(DifferenceKind::Lines, CREDITS), of_order(DifferenceKind::Unclaimed, PHONE_ORDER)];
    rows.push(("account", text(CREDITS), posts));
    for (name, value) in [("facts", json!({ "M": {} })), ("attempts", number("7")), ("kind", text("other"))] {
        rows.push((name, value, vec![]));
    }
    rows
}

/// Attributes of rows that post, which today's pass has compared already.
fn alterations_of_lines() -> Vec<(&'static str, &'static str, Value, Found)> {
    let (lines, balance) = (DifferenceKind::Lines, DifferenceKind::Balance);
    vec![
        (USAGE, "amount_units", number("-1"), vec![of_account(balance, CREDITS)]),
        (USAGE, "account", text("dave/credits"), vec![of_account(lines, CREDITS), of_account(lines, "dave/credits")]),
        (USAGE, "account", Value::Null, vec![of_account(lines, CREDITS)]),
        (USAGE, "status", text("failed"), vec![of_line(DifferenceKind::Failed, USAGE)]),
        (POSTED, "paid_units", number("1"), vec![of_order(DifferenceKind::Unproven, ORDER)]),
        (
            POSTED,
            "order",
            Value::Null,
            vec![
                of_line(DifferenceKind::NoOrder, POSTED),
                of_order(DifferenceKind::Unposted, ORDER),
                of_order(DifferenceKind::Unclaimed, ORDER),
                of_order(DifferenceKind::Unproven, ORDER),
            ],
        ),
    ]
}

fn removals() -> Vec<(&'static str, Found)> {
    let lines = of_account(DifferenceKind::Lines, CREDITS);
    vec![
        (PAYMENT, vec![of_order(DifferenceKind::Unproven, PHONE_ORDER)]),
        (USAGE, vec![lines.clone()]),
        (POSTED, vec![lines, of_order(DifferenceKind::Unposted, ORDER), of_order(DifferenceKind::Unproven, ORDER)]),
    ]
}

/// Whatever the alteration, the batch finds it, the scheduled runs report it as drift, and the batch of the restored row
/// ends it.
async fn is_found_until_it_is_restored(name: &str, id: &str, alter: impl FnOnce(&Shop), mut expected: Found) {
    let (shop, mut streamed) = books().await;
    let row = shop.row("journal", id);
    alter(&shop);
    expected.sort();
    let count = u32::try_from(expected.len()).expect("a few");
    streamed.follow(&shop.world, 60).await;
    assert_eq!(found(&shop.world).await, expected, "{name}");
    let drift = [check(&shop.world, 360).await.drift, check(&shop.world, 660).await.drift];
    assert_eq!(drift, [0, count], "{name}: reported");
    shop.put("journal", &row);
    let events = streamed.events(&shop.world);
    for event in &events {
        deliver(shop.world.ledger(9), event, 9, 700).await.expect("a run");
        assert_eq!(found(&shop.world).await, [], "{name}: restored");
    }
    // Without an event, the row was no processed one: the scheduled comparison sees that it is restored.
    check(&shop.world, 660 + HOUR).await;
    assert_eq!(found(&shop.world).await, [], "{name}: ended");
}

#[tokio::test(start_paused = true)]
async fn altered_payment_row_is_found_although_its_order_is_not_written() {
    for (attribute, value, expected) in alterations_of_the_payment() {
        let name = format!("{attribute}: {value}");
        is_found_until_it_is_restored(&name, PAYMENT, |shop| set(shop, PAYMENT, attribute, &value), expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn altered_line_is_found_before_the_daily_pass() {
    for (id, attribute, value, expected) in alterations_of_lines() {
        let name = format!("{id}, {attribute}: {value}");
        is_found_until_it_is_restored(&name, id, |shop| set(shop, id, attribute, &value), expected).await;
    }
}

#[tokio::test(start_paused = true)]
async fn removed_row_is_found_although_its_order_is_not_written() {
    for (id, expected) in removals() {
        is_found_until_it_is_restored(id, id, |shop| shop.remove("journal", id), expected).await;
    }
}

/// The writes of the code: rows that are made, refused events that are refused again, and refused events that are booked
/// at last. None of them calls the function.
#[tokio::test(start_paused = true)]
async fn rows_that_the_code_writes_call_nothing() {
    let world = World::new();
    let mut streamed = Streamed::of(&world);
    open_account(&world, "alice", "k1", "1").await;
    for _ in 0..2 {
        spend(&world, "e1", "k1", "1").await;
        spend(&world, "late", "k1", "2").await;
        deliver_sample(&world, "payment_intent_succeeded").await;
    }
    orders_of_samples(&world).await;
    run(&world, MINUTE).await;
    open_account(&world, "alice", "k2", "5").await;
    run(&world, HOUR).await;
    for event in ["payment_intent_succeeded", "refund_updated", "customer_subscription_created", "invoice_paid"] {
        deliver_sample(&world, event).await;
        deliver_sample(&world, event).await;
    }
    paid_top_up(&world).await;
    assert!(world.books().journal.values().all(|row| row.status != "failed"), "every refused event is booked");
    let [orders] = <[_; 1]>::try_from(streamed.events(&world)).expect("the stream of orders alone");
    assert!(orders.contains(PHONE_ORDER) && !orders.contains("fingerprint"), "{orders}");
}

/// The top-up's payment row is removed, and the batch that names it.
async fn without_payment() -> (World, String) {
    let world = World::new();
    let mut streamed = Streamed::of(&world);
    paid_top_up(&world).await;
    streamed.follow(&world, 0).await;
    Shop { world: world.clone() }.remove("journal", PAYMENT);
    let event = streamed.event(&world).expect("a removed row");
    (world, event)
}

#[tokio::test(start_paused = true)]
async fn store_fault_at_any_call_loses_no_finding_of_an_altered_row() {
    let calls = {
        let (world, event) = without_payment().await;
        let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
        deliver(ledger, &event, 1, 60).await.expect("a run");
        faults.calls().len()
    };
    assert_eq!(calls, 6, "four reads, the order once more, and the finding is saved");
    for (call, fault) in (0..calls).flat_map(|call| Fault::ALL.map(|fault| (call, fault))) {
        let (world, event) = without_payment().await;
        let (ledger, faults) = world.faulty(1, move |n, _| if n == call { fault } else { Fault::None });
        let is_done = tokio::select! {
            biased;
            report = deliver(ledger, &event, 1, 60) => report.is_some(),
            () = faults.killed() => false,
        };
        tokio::time::sleep(Duration::from_secs(10)).await;
        if !is_done {
            deliver(world.ledger(2), &event, 2, 61).await.expect("a run");
        }
        let open = state(&world).await.open;
        let found: Vec<_> = open.iter().map(|open| (open.difference.difference_kind, open.equal_checks)).collect();
        assert_eq!(found, [(DifferenceKind::Unproven, 1)], "{fault:?} at call {call}");
    }
}

/// A statement that takes longer than the run is left to the daily pass, whose own place in a statement stays.
#[tokio::test(start_paused = true)]
async fn account_with_too_many_lines_is_left_to_the_daily_pass() {
    let (shop, mut streamed) = books().await;
    for n in 0..700 {
        spent(&shop.world, &format!("many{n}"), 1);
    }
    let slow = |seed| shop.world.faulty(seed, |_, _| Fault::Delay(Duration::from_millis(700))).0;
    let mut after_s = DAY;
    while state(&shop.world).await.counting.is_none() {
        check_over(slow(1), after_s, Duration::from_secs(7)).await.expect("a run");
        after_s += 300;
    }
    let before = state(&shop.world).await;
    set(&shop, USAGE, "attempts", &number("2"));
    let event = streamed.event(&shop.world).expect("an altered row");
    let run = edge::Invocation { deadline: deadline(Duration::from_secs(7)), ..run_at(600_000, after_s) };
    let report = of_stripe::reconcile(slow(2), &[]).work(&event, &run).await.expect("a run");
    let Report::Changes(report) = report else { panic!("{report:?}") };
    assert!(report.is_cut_short && report.lines < 700, "{report:?}");
    assert_eq!(state(&shop.world).await, before);
}
