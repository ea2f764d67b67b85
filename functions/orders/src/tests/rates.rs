//! Exchange rates: an order is made at the rate in force and keeps it, and without one it is refused.

use ledger::{CurrencyPair, Decision, Effect, Entry, EventKey, Fingerprint, JournalHeader, Rates, Writer};
use testkit::{Call as StoreCall, Fault, MemoryLedger, World};

use super::*;

const TOP_UP: &str =
    r#"{"phoneNumber":"88001122","productOperator":"UNITEL","rechargeType":"VOICE","productCode":"SD5000"}"#;
const MISSING: &str = r#"{"error":"exchange_rate_missing","message":"The product cannot be sold now: no exchange rate MNT/CNY is in force: the shop sets one with `hookledger rate set MNT/CNY RATE --reason …`."}"#;

fn pair() -> CurrencyPair {
    CurrencyPair::parse("MNT/CNY").expect("a pair")
}

/// What a person does with `rate set` and `rate revoke`, over the rates that are stored.
async fn change<L: Ledger>(ledger: &L, id: &str, change: impl FnOnce(&Rates) -> Rates) {
    let later = now().plus_seconds(3_600);
    let context = ledger::CallContext { received_at: later, ..testkit::context(99) };
    let rates = change(&ledger.rates(pair(), &context).await.expect("read"));
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, id).expect("an id"),
        writer: Writer::Manual,
        kind: "rate",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("id", id)]).into(),
        order: None,
    };
    let entry = Entry { header, effects: vec![Effect::Rates(rates)], keeps_body: false, alarm: None };
    ledger.commit(&Decision::Record(entry), &context).await.expect("changed");
}

async fn set<L: Ledger>(ledger: &L, rate: &str, seconds: i64) {
    let (id, from) = (format!("set-{rate}"), now().plus_seconds(seconds));
    let rate = Rate::parse(rate).expect("a rate");
    change(ledger, &id, |rates| rates.set(rate, from, now(), EventKey::of_row("manual#set")).expect("set")).await;
}

async fn revoke<L: Ledger>(ledger: &L, seconds: i64) {
    let from = now().plus_seconds(seconds);
    change(ledger, &format!("revoke-{seconds}"), |rates| rates.revoke(from, now()).expect("revoked")).await;
}

async fn ordered<L: CallCounts + Ledger>(function: &Function<Orders, L>, key: &str, seconds: i64) -> Reply {
    let request = post("/orders", TOP_UP).with("idempotency-key", key);
    function.answer(&request.event(Shape::HttpApi), &invocation(1, now().plus_seconds(seconds))).await
}

/// The price and the rate of an order, or its error.
fn priced(reply: &Reply) -> String {
    let body = body_of(reply);
    let text = |pointer: &str| body.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    if reply.status < 300 {
        format!("{} at {}", text("/amount"), text("/exchange/rate"))
    } else {
        format!("{} {}", reply.status, text("/error"))
    }
}

#[tokio::test]
async fn order_is_made_at_the_rate_in_force_and_keeps_it() {
    let function = function(MemoryLedger::default()).await;
    set(&function.ledger, "0.003", 60).await;
    set(&function.ledger, "0.004", 120).await;
    let rows = [
        ("a", 0, "10.20 at 0.00204"),
        ("b", 59, "10.20 at 0.00204"),
        ("c", 60, "15.00 at 0.003"),
        ("d", 120, "20.00 at 0.004"),
        // A retry gets the order that it has made, at its own rate.
        ("a", 120, "10.20 at 0.00204"),
    ];
    for (key, seconds, expected) in rows {
        assert_eq!(priced(&ordered(&function, key, seconds).await), expected, "{key} at {seconds}");
    }
    // A revoked rate puts the one before it into force.
    revoke(&function.ledger, 120).await;
    assert_eq!(priced(&ordered(&function, "e", 121).await), "15.00 at 0.003");
    assert_eq!(priced(&ordered(&function, "d", 121).await), "20.00 at 0.004");
}

#[tokio::test]
async fn order_without_a_rate_in_force_is_refused_and_writes_nothing() {
    let function = function(MemoryLedger::default()).await;
    let first = ordered(&function, "first", 0).await;
    revoke(&function.ledger, 0).await;
    set(&function.ledger, "0.003", 60).await;
    let before = function.ledger.books();
    for key in ["a", "b"] {
        let reply = ordered(&function, key, 1).await;
        assert_eq!((reply.status, reply.body.as_str()), (503, MISSING), "{key}");
        assert_eq!(header(&reply, "retry-after"), Some("2"));
    }
    assert_eq!(function.ledger.books(), before, "a refused order leaves nothing");
    // A retry still gets the order that it has made, and another request under its key a conflict.
    let again = ordered(&function, "first", 1).await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    let other = TOP_UP.replace("88001122", "88001123");
    let reused = sent(&function, 2, &post("/orders", &other).with("idempotency-key", "first")).await;
    assert_eq!(priced(&reused), "409 idempotency_key_reused");
    // A product that is charged in its own currency needs no rate.
    let credits = sent(&function, 3, &post("/orders", r#"{"product":"credits-100"}"#)).await;
    assert_eq!(credits.status, 201);
    assert_eq!(priced(&ordered(&function, "a", 60).await), "15.00 at 0.003");
}

/// One process reads the rates once a minute. A rate that begins within that minute is in force on time.
#[tokio::test(start_paused = true)]
async fn rates_are_read_once_a_minute() {
    let world = World::new();
    function(world.ledger(0)).await;
    set(&world.ledger(8), "0.003", 30).await;
    let (ledger, faults) = world.faulty(1, |_, _| Fault::None);
    let warm = Function { api: orders(2), ledger };
    let reads = |faults: &testkit::Faults| {
        faults.calls().iter().filter(|call: &&StoreCall| call.request.to_string().contains("rate#MNT/CNY")).count()
    };
    let rows = [
        ("a", 0, "10.20 at 0.00204", 1),
        ("b", 29, "10.20 at 0.00204", 1),
        ("c", 30, "15.00 at 0.003", 1),
        ("d", 59, "15.00 at 0.003", 1),
        ("e", 60, "15.00 at 0.003", 2),
    ];
    for (key, seconds, expected, count) in rows {
        assert_eq!(priced(&ordered(&warm, key, seconds).await), expected, "{key}");
        assert_eq!(reads(&faults), count, "{key}");
    }
    // A warm process sees a change within the minute.
    set(&world.ledger(9), "0.005", 60).await;
    assert_eq!(priced(&ordered(&warm, "f", 119).await), "15.00 at 0.003");
    assert_eq!(priced(&ordered(&warm, "g", 120).await), "25.00 at 0.005");
    world.books().check();
}

#[tokio::test(start_paused = true)]
async fn unreadable_rates_are_no_rate() {
    for fault in [Fault::DropRequest, Fault::ServerError, Fault::Throttle, Fault::Garbage, Fault::Reset] {
        let world = World::new();
        function(world.ledger(0)).await;
        let (ledger, _) = world.faulty(1, move |_, operation| match operation {
            "GetItem" => fault,
            _ => Fault::None,
        });
        let before = world.books();
        let reply = ordered(&Function { api: orders(2), ledger }, "a", 0).await;
        assert_eq!(reply.status, 503, "{fault:?}: {}", reply.body);
        assert_eq!(world.books(), before, "{fault:?}");
    }
}
