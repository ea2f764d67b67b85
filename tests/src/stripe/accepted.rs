//! Refused payments that an operator has accepted: their later events, refunds and audit.

use std::time::Duration;

use ledger::{Effect, RefusedPayment, Writer};

use super::*;

/// Writes the same entry as `order accept`.
pub(crate) async fn accept(world: &World, order: &str, name: &str, credits: Option<Amount>) {
    let (number, ledger) = (OrderNumber::new(order).expect("a number"), world.ledger(77));
    let read = ledger.order(&number, &context(77)).await.expect("the books").expect("an order");
    let payment: RefusedPayment = read.acceptable(name, true).expect("a refused payment");
    let effects: Vec<Effect> = read.accept(&payment, credits, now()).expect("an acceptable payment");
    let header = JournalHeader {
        receipt: EventKey::new(Writer::Manual, &format!("accept-{}", payment.by.id())).expect("an id"),
        writer: Writer::Manual,
        kind: "accept",
        facts: Vec::new(),
        fingerprints: Fingerprint::of(1, &[("payment", payment.by.id())]).into(),
        order: Some(number),
    };
    let entry = Entry { header, effects, keeps_body: false, alarm: None };
    ledger.commit(&Decision::Record(entry), &context(77)).await.expect("booked");
}

/// The number of differences that a whole audit finds.
async fn differences(world: &World) -> usize {
    let patient = Invocation { deadline: deadline(Duration::from_hours(1)), ..invocation(7) };
    let (_, open) = audit::audit(&world.ledger(78), &patient).await.expect("the books");
    open.len()
}

/// USD 19.98 of 19.99: refused, accepted for the ordered or for other credits, reported again, and refunded.
#[tokio::test(start_paused = true)]
async fn accepted_payment_is_booked_once_and_refunded_in_parts() {
    let underpaid = |name: &str, id: &str| with(name, &[("/id", json!(id))]).replace(":1999", ":1998");
    for (replacement, whole) in [(None, "100"), (Some("80"), "80")] {
        let world = shop().await;
        accepted(&world, &[underpaid("payment_intent_succeeded", "evt_1")]).await;
        assert_eq!(world.books().order(ORDER).anomaly.as_deref(), Some("AMOUNT_MISMATCH"));
        let credits = replacement.map(crate::sandbox::amount);
        accept(&world, ORDER, "pi_3Sample0000000000000001", credits).await;
        crate::log_capture::start_capture();
        accepted(&world, &[underpaid("payment_intent_succeeded", "evt_2"), underpaid("charge_succeeded", "evt_3")])
            .await;
        let alarms = crate::log_capture::captured_lines().iter().filter(|line| line["alarm"] == "refused").count();
        let books = world.books();
        books.check();
        let row = |id: &str| books.journal[&format!("stripe#{id}")].status.clone();
        assert_eq!(
            (alarms, row("evt_1"), row("evt_2"), row("evt_3")),
            (0, "failed".into(), "processed".into(), "processed".into())
        );
        let order = books.order(ORDER);
        assert_eq!((order.payment.as_str(), order.anomaly.as_deref()), ("paid", None));
        let units = |text: &str| i128::try_from(crate::sandbox::amount(text).units()).expect("small");
        assert_eq!(books.balance("alice/credits"), units(whole));
        assert_eq!(differences(&world).await, 0);

        // A refund of half the payment, then of all of it.
        for (n, (refunded, share)) in [(999, 2), (1_998, 0)].into_iter().enumerate() {
            let id = format!("evt_refund_{n}");
            let created = 1_767_225_700 + n;
            let sum = with(
                "charge_refunded",
                &[("/id", json!(id)), ("/created", json!(created)), ("/data/object/amount_refunded", json!(refunded))],
            );
            accepted(&world, &[sum]).await;
            let books = world.books();
            books.check();
            let left = units(whole).checked_div(share).unwrap_or_default();
            assert_eq!(books.balance("alice/credits"), left, "{refunded} of 1998");
            assert_eq!(differences(&world).await, 0);
        }
        assert_eq!(world.books().order(ORDER).payment, "refunded");
    }
}

#[tokio::test(start_paused = true)]
async fn refund_of_an_accepted_payment_takes_back_its_own_credits() {
    let second = |name: &str| {
        with(name, &[]).replace("3Sample0000000000000001", "3Sample0000000000000009").replace("evt_", "evt_second_")
    };
    let world = shop().await;
    accepted(&world, &[with("payment_intent_succeeded", &[]), second("payment_intent_succeeded")]).await;
    accept(&world, ORDER, "pi_3Sample0000000000000009", None).await;
    accepted(&world, &[with("invoice_paid", &[("/data/object/amount_paid", json!(900))])]).await;
    let invoice = sample("invoice_paid")["data"]["object"]["id"].as_str().expect("an id").to_owned();
    accept(&world, SUBSCRIPTION_ORDER, &invoice, Some(crate::sandbox::amount("450"))).await;
    let units = |text: &str| i128::try_from(crate::sandbox::amount(text).units()).expect("small");
    let books = world.books();
    books.check();
    assert_eq!((books.balance("alice/credits"), differences(&world).await), (units("650"), 0));
    accepted(&world, &[second("charge_succeeded"), second("charge_refunded")]).await;
    let books = world.books();
    books.check();
    // USD 5.00 of the second payment's 19.99 are refunded. The clawback is proportional, and takes no credits of the first payment.
    let kept = crate::sandbox::amount("100").share(Amount::from_units(1_499), Amount::from_units(1_999));
    let kept = i128::try_from(kept.expect("a share").units()).expect("small");
    assert_eq!((books.balance("alice/credits"), differences(&world).await), (units("550") + kept, 0));
    assert_eq!(books.order(ORDER).posted, units("100"), "the first payment keeps its credits");
}
