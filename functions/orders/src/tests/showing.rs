//! Showing an order to its owner, and to no one else.

use ledger::{
    DisputeReport, DisputeStage, Effect, Entry, EventKey, Fingerprint, JournalHeader, Payment, Provider, Reference,
    Refund, RefundState, Source,
};
use testkit::{MemoryLedger, context};

use super::*;

/// An event of an order.
type Event = fn(&Order) -> Vec<Effect>;

fn by() -> Reference {
    Reference::new(Provider::Stripe, "pi_1").expect("a reference")
}

fn paid(order: &Order) -> Vec<Effect> {
    order.pay(&Payment { by: by(), money: order.terms.price, at: now().plus_seconds(60) }).expect("the order's price")
}

fn refunded_in_part(order: &Order) -> Vec<Effect> {
    let amount = ledger::Amount::from_units(500);
    order.apply_refund(&by(), "re_1", Refund { amount, state: RefundState::Succeeded })
}

/// A dispute of the whole amount that is not refunded.
fn disputed(order: &Order, stage: DisputeStage) -> Vec<Effect> {
    let money = ledger::Money { amount: ledger::Amount::from_units(499), ..order.terms.price };
    order.apply_dispute(&by(), "dp_1", DisputeReport { stage, as_of: now(), money })
}

async fn apply(ledger: &MemoryLedger, number: &str, step: usize, event: Event) {
    let number = OrderNumber::new(number).expect("a number");
    let order = ledger.order(&number, &context(9)).await.expect("books").expect("an order");
    let header = JournalHeader {
        receipt: EventKey::new(Source::Stripe, &format!("evt_{step}")).expect("a key"),
        writer: Source::Stripe.into(),
        kind: "test",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[]).into(),
        order: Some(number),
    };
    let entry = Entry { header, effects: event(&order), keeps_body: false, alarm: None };
    ledger.commit(&Decision::Record(entry), &context(9)).await.expect("booked");
}

#[tokio::test]
async fn order_shows_payment_refunds_and_disputes() {
    let function = function(MemoryLedger::default()).await;
    let created =
        sent(&function, 1, &post("/orders", r#"{"product":"credits-100"}"#).with("idempotency-key", "k")).await;
    let number = number_of("alice", "k");
    let shown = |status: &str, rest: &str| {
        let same = created.body.replace("unpaid", status);
        format!("{},{rest}}}", same.strip_suffix('}').expect("an object"))
    };
    let paid_at = r#""paidAt":"2026-01-01T00:01:00.000Z","fulfilment":"done""#;
    let steps: [(Event, String); 5] = [
        (
            |_| Vec::new(),
            shown(
                "unpaid",
                r#""payment":"unpaid","fulfilment":"none","refunded":"0.00","disputed":false,"disputedAmount":"0.00","lostAmount":"0.00","credits":"0","delivered":{}"#,
            ),
        ),
        (
            paid,
            shown(
                "paid",
                &format!(
                    r#""payment":"paid",{paid_at},"refunded":"0.00","disputed":false,"disputedAmount":"0.00","lostAmount":"0.00","credits":"100","delivered":{{}}"#
                ),
            ),
        ),
        (
            refunded_in_part,
            shown(
                "partly_refunded",
                &format!(
                    r#""payment":"partly_refunded",{paid_at},"refunded":"5.00","disputed":false,"disputedAmount":"0.00","lostAmount":"0.00","credits":"49.949949949","delivered":{{}}"#
                ),
            ),
        ),
        (
            |order| disputed(order, DisputeStage::Open),
            shown(
                "partly_refunded",
                &format!(
                    r#""payment":"partly_refunded",{paid_at},"refunded":"5.00","disputed":true,"disputedAmount":"4.99","lostAmount":"0.00","credits":"0","delivered":{{}}"#
                ),
            ),
        ),
        (
            |order| disputed(order, DisputeStage::Lost),
            shown(
                "disputed_lost",
                &format!(
                    r#""payment":"disputed_lost",{paid_at},"refunded":"5.00","disputed":false,"disputedAmount":"0.00","lostAmount":"4.99","credits":"0","delivered":{{}}"#
                ),
            ),
        ),
    ];
    for (step, (event, expected)) in steps.into_iter().enumerate() {
        apply(&function.ledger, &number, step, event).await;
        for path in
            [format!("/orders/{number}"), format!("/api/v1/orders/{number}"), format!("/api/v1/orders/{number}/")]
        {
            let reply = sent(&function, 2, &get(&path)).await;
            assert_eq!((reply.status, &reply.body), (200, &expected), "{path}, step {step}");
        }
    }
    let again = sent(&function, 3, &post("/orders", r#"{"product":"credits-100"}"#).with("idempotency-key", "k")).await;
    assert_eq!(again.body, created.body, "a retry gets the first reply");
    function.ledger.books().check();
}

#[tokio::test]
async fn order_shows_what_was_delivered() {
    const WALLET: &str = "0xab5801a7d398351b8be11c439e05c5b3259aec9b";
    let tokens = format!(r#"{{"product":"posx-10","quantity":2,"wallet":"{WALLET}"}}"#);
    let airtime =
        r#"{"phoneNumber":"88001122","productOperator":"UNITEL","rechargeType":"VOICE","productCode":"SD5000"}"#;
    let fulfilled: Event = |order| order.fulfil(true, now());
    let sent_on: Event = |order| order.apply_transfer_status("tx_1", ledger::TransferStatus::Queued, now());
    let rows: [(&str, &[Event], &str); 4] = [
        (
            &tokens,
            &[paid],
            r#""fulfilment":"pending","refunded":"0.00","disputed":false,"disputedAmount":"0.00","lostAmount":"0.00","credits":"0","delivered":{}}"#,
        ),
        (
            &tokens,
            &[paid, fulfilled, sent_on],
            r#""fulfilment":"pending","refunded":"0.00","disputed":false,"disputedAmount":"0.00","lostAmount":"0.00","credits":"0","delivered":{"POSX":"20"},"transfer":"QUEUED"}"#,
        ),
        (
            r#"{"product":"full-report"}"#,
            &[paid, fulfilled],
            r#""fulfilment":"done","refunded":"0.00","disputed":false,"disputedAmount":"0.00","lostAmount":"0.00","credits":"0","delivered":{"report-full":"1"}}"#,
        ),
        (
            airtime,
            &[
                |order| {
                    let by = Reference::new(Provider::Wechat, "4200000001").expect("a reference");
                    order.pay(&Payment { by, money: order.terms.price, at: now() }).expect("the order's price")
                },
                |order| order.claim(now()),
            ],
            r#""fulfilment":"pending","refunded":"0.00","disputed":false,"disputedAmount":"0.00","lostAmount":"0.00","credits":"0","delivered":{},"topUp":"claimed"}"#,
        ),
    ];
    for (body, events, expected) in rows {
        let function = function(MemoryLedger::default()).await;
        sent(&function, 1, &post("/orders", body).with("idempotency-key", "k")).await;
        let number = number_of("alice", "k");
        for (step, event) in events.iter().enumerate() {
            apply(&function.ledger, &number, step, *event).await;
        }
        let reply = sent(&function, 2, &get(&format!("/orders/{number}"))).await;
        assert!(reply.body.ends_with(expected), "{}", reply.body);
        function.ledger.books().check();
    }
}

/// Two duplicate payments, of which one is refunded.
#[tokio::test]
async fn order_shows_each_refused_payment() {
    fn second() -> ledger::Anomaly {
        let by = Reference::new(Provider::Stripe, "pi_2").expect("a reference");
        let payment = Payment { by, money: money(999), at: now() };
        payment.refused(ledger::Reason::DuplicatePayment, ledger::PaysFor::Order, "it was paid by stripe#pi_1")
    }
    fn money(cents: u64) -> ledger::Money {
        let amount = ledger::Amount::from_units(cents);
        ledger::Money { amount, currency: ledger::Currency::parse("USD").expect("a currency") }
    }
    let events: [Event; 4] = [
        paid,
        |order| order.flag(&second()),
        |order| {
            let anomaly = second();
            let by = Reference::new(Provider::Stripe, "pi_3").expect("a reference");
            let payment = anomaly.payment.map(|payment| ledger::RefusedPayment { by, ..payment });
            order.flag(&ledger::Anomaly { payment, ..anomaly })
        },
        |order| {
            let of = Reference::new(Provider::Stripe, "pi_3").expect("a reference");
            let refund = Refund { amount: money(999).amount, state: RefundState::Succeeded };
            order.apply_refund(&of, "re_3", refund)
        },
    ];
    let function = function(MemoryLedger::default()).await;
    sent(&function, 1, &post("/orders", r#"{"product":"credits-100"}"#).with("idempotency-key", "k")).await;
    let number = number_of("alice", "k");
    for (step, event) in events.into_iter().enumerate() {
        apply(&function.ledger, &number, step, event).await;
    }
    let reply = sent(&function, 2, &get(&format!("/orders/{number}"))).await;
    let expected = concat!(
        r#""anomalies":[{"reason":"duplicate_payment","state":"open","payment":"pi_2","amount":"9.99","currency":"USD","refunded":"0.00"},"#,
        r#"{"reason":"duplicate_payment","state":"refunded","payment":"pi_3","amount":"9.99","currency":"USD","refunded":"9.99"}]}"#
    );
    assert!(reply.body.ends_with(expected), "{}", reply.body);
}

#[tokio::test]
async fn unknown_order_and_foreign_order_get_the_same_reply() {
    let function = function(MemoryLedger::default()).await;
    sent(&function, 1, &post("/orders", r#"{"product":"credits-100"}"#).with("idempotency-key", "k")).await;
    let mut of_bob = get("/orders/x");
    of_bob.headers = vec![("authorization", "Bearer key-of-bob".to_owned())];
    let path = format!("/orders/{}", number_of("alice", "k"));
    let rows = [
        Sent { path: &path, ..of_bob },
        get("/orders/HL0"),
        get("/orders/%2e%2e"),
        get("/orders/pending#alice#credits-100"),
        get("/api/v1/orders/stripe%23pi_1/"),
    ];
    for request in rows {
        let reply = sent(&function, 2, &request).await;
        let expected = r#"{"error":"order_not_found","message":"No such order."}"#;
        assert_eq!((reply.status, reply.body.as_str()), (404, expected), "{request:?}");
    }
    let public = Sent { headers: Vec::new(), ..get("/health") };
    let reply = sent(&function, 3, &public).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, r#"{"status":"ok","service":"orders"}"#));
}
