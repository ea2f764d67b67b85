//! The cost of a Stripe event: its round trips to the store.

use super::*;

#[tokio::test(start_paused = true)]
async fn event_takes_its_expected_round_trips() {
    let world = shop().await;
    let (warm, cold) = (Sandbox::faultless(&world).await, Sandbox::faultless(&world).await);
    let (read, write) = ("GetItem", "TransactWriteItems");
    let rows = [
        ("a payment: its pointer, the order, the commit", &warm, "payment_intent_succeeded", vec![read, read, write]),
        ("again", &warm, "payment_intent_succeeded", vec![]),
        ("again, to a process that knows nothing", &cold, "payment_intent_succeeded", vec![read, read, write]),
        ("a session has two ids", &warm, "checkout_session_completed", vec![read, read, write]),
        ("a refund", &warm, "charge_refunded", vec![read, read, write]),
        (
            "an invoice: the subscription, its pointer, the order, the commit",
            &warm,
            "invoice_paid",
            vec![read, read, read, write],
        ),
        ("of no interest", &warm, "customer_created", vec![]),
    ];
    for (attempt, (name, sandbox, sample, expected)) in (1..).zip(rows) {
        let before = sandbox.faults.calls().len();
        sandbox.deliver(&with(sample, &[]), &invocation(attempt)).await.expect("alive");
        let calls: Vec<String> =
            sandbox.faults.calls().split_off(before).into_iter().map(|call| call.operation).collect();
        assert_eq!(calls, expected, "{name}");
    }
}
