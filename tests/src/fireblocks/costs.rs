//! The cost of a Fireblocks webhook: its round trips to the store. None is to Fireblocks.

use super::*;

#[tokio::test(start_paused = true)]
async fn webhook_takes_its_expected_round_trips() {
    let world = shop().await;
    let (warm, cold) = (Sandbox::faultless(&world).await, Sandbox::faultless(&world).await);
    let (read, write) = ("GetItem", "TransactWriteItems");
    let rows = [
        ("a transfer: its order, the commit", &warm, "v2_completed", vec![read, write]),
        ("a repeat", &warm, "v2_completed", vec![]),
        ("a repeat to a cold sandbox", &cold, "v2_completed", vec![read, write]),
        ("an older status", &warm, "v2_submitted", vec![read, write]),
        ("of the first version", &warm, "v1_completed", vec![read, write]),
        ("a deposit", &warm, "v2_deposit", vec![]),
    ];
    for (attempt, (name, sandbox, sample_name, expected)) in (1..).zip(rows) {
        let before = sandbox.faults.calls().len();
        sandbox.deliver(&sample(sample_name), &moment_within::<Fireblocks>(attempt)).await.expect("alive");
        let calls: Vec<String> =
            sandbox.faults.calls().split_off(before).into_iter().map(|call| call.operation).collect();
        assert_eq!(calls, expected, "{name}");
    }
}
