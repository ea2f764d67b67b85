//! The limit of each owner's unpaid orders: it is exact, and no place is lost.

use std::collections::BTreeSet;

use ledger::{Effect, Entry, EventKey, Fingerprint, JournalHeader, Payment, PaymentState, Provider, Reference, Source};
use testkit::{Call as StoreCall, Fault, MemoryLedger, World, context};

use super::*;

const BODY: &str = r#"{"product":"credits-100"}"#;
const DAY: i64 = 24 * 60 * 60;

fn keyed(key: &str) -> Sent<'_> {
    post("/orders", BODY).with("idempotency-key", key)
}

/// A new sandbox with this limit of places for each owner.
async fn sandbox<L: Ledger>(ledger: L, places: &str) -> Function<Orders, L> {
    let Function { ledger, .. } = function(ledger).await;
    Function { api: orders_within(1, places), ledger }
}

async fn sent_at<L: CallCounts + Ledger>(function: &Function<Orders, L>, sent: &Sent<'_>, after_s: i64) -> Reply {
    function.answer(&sent.event(Shape::HttpApi), &invocation(9, now().plus_seconds(after_s))).await
}

/// The number of Alice's unpaid orders in the books.
fn open(world: &World) -> usize {
    world
        .books()
        .orders
        .values()
        .filter(|order| (order.owner.as_str(), order.payment.as_str()) == ("alice", "unpaid"))
        .count()
}

#[tokio::test]
async fn hundred_and_first_open_order_is_refused() {
    let function = function(MemoryLedger::default()).await;
    for attempt in 0..100 {
        assert_eq!(sent(&function, attempt, &keyed(&attempt.to_string())).await.status, 201);
    }
    let message = "100 orders of this account wait for payment, which is the limit. Pay one of them, or wait: unpaid orders expire within two days.";
    for path in ["/orders", "/api/v1/orders", "/api/v1/orders/"] {
        let body = if path == "/orders" { BODY } else { r#"{"tier_id":"credits-100"}"# };
        let reply = sent(&function, 100, &post(path, body)).await;
        assert_eq!(
            (reply.status, body_of(&reply)),
            (409, json!({ "error": "too_many_open_orders", "message": message })),
            "{path}"
        );
    }
    let books = function.ledger.books();
    assert_eq!(
        (books.orders.len(), books.journal.len()),
        (100, 103),
        "a refusal writes nothing beside the two keys and the rate"
    );
    for attempt in 0..100 {
        let repeat = sent(&function, 200 + attempt, &keyed(&attempt.to_string())).await;
        assert_eq!((repeat.status, header(&repeat, "idempotent-replayed")), (201, Some("true")), "{attempt}");
    }
    let bob = Sent::post("/orders", BODY.as_bytes()).with("authorization", "Bearer key-of-bob");
    assert_eq!(sent(&function, 300, &bob).await.status, 201, "another owner has places");
}

#[tokio::test]
async fn setting_gives_the_number_of_places() {
    for (set, created) in [("1", 1), (" 3 ", 3), ("0", 150), ("", 100)] {
        let function = sandbox(MemoryLedger::default(), set).await;
        for attempt in 0..150 {
            sent(&function, attempt, &post("/orders", BODY)).await;
        }
        assert_eq!(function.ledger.books().orders.len(), created, "{set:?}");
    }
    for set in ["1001", "-1", "ten", "1.5"] {
        assert!(Places::read(|_| Some(set.to_owned())).is_err(), "{set}");
    }
}

/// Two hundred concurrent requests in four sandboxes create as many orders as there are places.
#[tokio::test(start_paused = true)]
async fn concurrent_requests_take_no_more_places_than_free() {
    let world = World::new();
    let mut sandboxes = Vec::new();
    for seed in 0..4 {
        let (ledger, _) = world.faulty(seed, |call, _| {
            Fault::Delay(std::time::Duration::from_millis(u64::try_from(call % 7).unwrap_or(1)))
        });
        let Function { ledger, .. } = function(ledger).await;
        sandboxes.push(Function { api: orders_within(seed, "20"), ledger });
    }
    let calls = (0..200).map(|attempt| {
        let function = sandboxes.get(attempt % 4).expect("four");
        async move { sent(function, u64::try_from(attempt).expect("small"), &keyed(&attempt.to_string())).await.status }
    });
    let replies = futures_util::future::join_all(calls).await;
    let of = |status| replies.iter().filter(|reply| **reply == status).count();
    assert_eq!((of(201), of(409)), (20, 180));
    assert_eq!(open(&world), 20);
}

async fn order_of(world: &World, key: &str) -> Order {
    let number = OrderNumber::from_key(&Owner::new("alice").expect("an owner"), key);
    world.ledger(0).order(&number, &context(9)).await.expect("books").expect("an order")
}

async fn apply(world: &World, effects: Vec<Effect>) {
    let header = JournalHeader {
        receipt: EventKey::new(Source::Stripe, "evt_1").expect("a key"),
        writer: Source::Stripe.into(),
        kind: "test",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: None,
    };
    let entry = Entry { header, effects, keeps_body: false, alarm: None };
    world.ledger(0).commit(&Decision::Record(entry), &context(9)).await.expect("booked");
}

fn paid(order: &Order) -> Vec<Effect> {
    let by = Reference::new(Provider::Stripe, "pi_1").expect("a reference");
    order.pay(&Payment { by, money: order.terms.price, at: now() }).expect("the order's price")
}

fn raw(world: &World, number: &OrderNumber, operation: &str, update: Option<&str>) {
    let mut request = json!({ "TableName": "hookledger-local-orders", "Key": { "id": { "S": number.as_str() } } });
    if let Some(update) = update {
        request["UpdateExpression"] = json!(update);
    }
    world.engine.request(operation, &request).expect("an answer");
}

/// In whichever way an order ends, its place is free without any write beside the order's own.
#[tokio::test(start_paused = true)]
async fn ended_order_holds_no_place() {
    type Ending = fn(&Order) -> Vec<Effect>;
    let rows: [(&str, Option<Ending>, i64, u16); 9] = [
        ("unpaid", None, 0, 409),
        ("failed", Some(|order| order.apply_unpaid(PaymentState::Failed)), 0, 409),
        ("paid", Some(paid), 0, 201),
        ("canceled", Some(|order| order.apply_unpaid(PaymentState::Canceled)), 0, 201),
        ("expired", Some(|order| order.apply_unpaid(PaymentState::Expired)), 0, 201),
        ("unpaid for almost three days", None, 3 * DAY - 1, 409),
        ("unpaid for three days and never ended", None, 3 * DAY, 201),
        ("lost", Some(|_| Vec::new()), 0, 201),
        ("unreadable", Some(|_| Vec::new()), 0, 201),
    ];
    for (name, ending, after_s, status) in rows {
        let world = World::new();
        let function = sandbox(world.ledger(1), "2").await;
        for key in ["first", "second"] {
            assert_eq!(sent(&function, 1, &keyed(key)).await.status, 201, "{name}");
        }
        let order = order_of(&world, "first").await;
        match (name, ending) {
            ("lost", _) => raw(&world, &order.number, "DeleteItem", None),
            ("unreadable", _) => raw(&world, &order.number, "UpdateItem", Some("REMOVE price_units")),
            (_, Some(ending)) => apply(&world, ending(&order)).await,
            (_, None) => {}
        }
        assert_eq!(sent_at(&function, &keyed("third"), after_s).await.status, status, "{name}");
        if status == 201 && after_s == 0 {
            assert_eq!(sent_at(&function, &keyed("fourth"), after_s).await.status, 409, "{name}: it frees one place");
        }
    }
}

fn operations(calls: &[StoreCall]) -> BTreeSet<(String, usize)> {
    let of = |operation: &str| (operation.to_owned(), calls.iter().filter(|call| call.operation == operation).count());
    calls.iter().map(|call| of(&call.operation)).collect()
}

/// The caller's key is cached, so these are all reads.
#[tokio::test(start_paused = true)]
async fn refused_owner_reads_its_orders_every_five_seconds() {
    let world = World::new();
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let function = sandbox(ledger, "30").await;
    for attempt in 0..30 {
        assert_eq!(sent(&function, attempt, &post("/orders", BODY)).await.status, 201);
    }
    for (after_s, reads) in [(0, 1 + 30), (0, 1), (4, 1), (5, 1 + 30), (6, 1)] {
        let before = faults.calls().len();
        assert_eq!(sent_at(&function, &post("/orders", BODY), after_s).await.status, 409);
        let calls = operations(&faults.calls().split_off(before));
        let expected = [("GetItem".to_owned(), reads), ("TransactWriteItems".to_owned(), 1)].into();
        assert_eq!(calls, expected, "after {after_s} s");
    }
}

/// A place costs two write units while its owner has created at most thirty orders since the row was last full.
#[tokio::test(start_paused = true)]
async fn place_costs_two_write_units() {
    for (places, each) in [("0", 2.0), ("100", 4.0)] {
        let world = World::new();
        let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
        let function = sandbox(ledger, places).await;
        for attempt in 0..30 {
            assert_eq!(sent(&function, attempt, &post("/orders", BODY)).await.status, 201);
            let calls = faults.calls();
            let answer = calls.last().and_then(|call| call.answer.clone()).expect("an answer");
            let tables = answer["ConsumedCapacity"].as_array().expect("capacity");
            let of_orders = tables.iter().find(|row| row["TableName"] == "hookledger-local-orders").expect("orders");
            assert_eq!(of_orders["Table"]["CapacityUnits"], json!(each), "{places} places, order {attempt}");
        }
    }
}

/// After any fault while places are freed, the limit is exact and the next request finds the place.
#[tokio::test(start_paused = true)]
async fn fault_at_any_call_keeps_the_number_of_places() {
    for (at, fault) in (0..7).flat_map(|at| Fault::ALL.map(|fault| (at, fault))) {
        let world = World::new();
        let function = sandbox(world.ledger(1), "2").await;
        for key in ["first", "second"] {
            sent(&function, 1, &keyed(key)).await;
        }
        apply(&world, paid(&order_of(&world, "first").await)).await;
        let (ledger, faults) = world.faulty(1, move |call, _| if call == at { fault } else { Fault::None });
        let shaky = Function { api: orders_within(2, "2"), ledger };
        let request = keyed("third");
        tokio::select! {
            biased;
            reply = sent(&shaky, 1, &request) => assert!(matches!(reply.status, 201 | 503), "{fault:?} {at}: {reply:?}"),
            () = faults.killed() => {}
        }
        let steady = Function { api: orders_within(3, "2"), ledger: world.ledger(2) };
        assert_eq!(sent(&steady, 2, &request).await.status, 201, "{fault:?} {at}");
        tokio::time::sleep(std::time::Duration::from_secs(10)).await;
        assert_eq!(sent(&steady, 3, &keyed("fourth")).await.status, 409, "{fault:?} {at}");
        assert_eq!(open(&world), 2, "{fault:?} {at}");
    }
}
