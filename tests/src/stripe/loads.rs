//! The rows that an event's decision loads: all at once, whatever the store answers first, and the order that the signed
//! event names before any row that leads elsewhere.

use testkit::Fault;

use super::*;

/// The row of a pointer, as a role that may write orders can plant it.
fn plant(world: &World, pointer: &str, attributes: &Value) {
    let mut item = json!({ "id": { "S": pointer } });
    item.as_object_mut().expect("a row").extend(attributes.as_object().expect("attributes").clone());
    let put = json!({ "TableName": "hookledger-local-orders", "Item": item });
    world.engine.request("PutItem", &put).expect("written");
}

#[tokio::test(start_paused = true)]
async fn batch_that_is_answered_in_part_is_read_to_its_end() {
    let world = shop().await;
    let in_part = |_: usize, operation: &str| {
        if operation == "BatchGetItem" { Fault::Unprocessed } else { Fault::None }
    };
    let sandbox = Sandbox::new(&world, 1, in_part).await;
    let reply = sandbox.deliver(&with("payment_intent_succeeded", &[]), &invocation(1)).await.expect("alive");
    let calls: Vec<String> = sandbox.faults.calls().into_iter().map(|call| call.operation).collect();
    assert_eq!(
        (reply.status, calls),
        (200, ["BatchGetItem", "BatchGetItem", "TransactWriteItems"].map(str::to_owned).into())
    );
    assert_eq!(world.books().order(ORDER).payment, "paid");
    world.books().check();
}

#[tokio::test(start_paused = true)]
async fn order_that_the_event_names_comes_before_a_planted_pointer() {
    let other = "hk_other_order";
    let rows = [
        ("to another order", json!({ "order": { "S": other } })),
        ("to no order", json!({ "order": { "S": "hk_nothing" } })),
        ("that cannot be read", json!({ "order": { "S": "no number" } })),
        ("of a later release", json!({ "order": { "S": other }, "v": { "N": "99" } })),
    ];
    for (name, attributes) in rows {
        for sample in ["payment_intent_succeeded", "checkout_session_completed", "charge_succeeded"] {
            let world = shop().await;
            made(&world, order(other)).await;
            plant(&world, "stripe#pi_3Sample0000000000000001", &attributes);
            accepted(&world, &[with(sample, &[])]).await;
            let books = world.books();
            let payments = [ORDER, other].map(|number| books.order(number).payment.as_str());
            assert_eq!(payments, ["paid", "unpaid"], "{sample}: a pointer {name}");
        }
    }
}

/// The money key of a payment belongs to the first order that it pays: metadata that is edited later pays no second one.
#[tokio::test(start_paused = true)]
async fn payment_whose_metadata_is_edited_pays_one_order() {
    let world = shop().await;
    made(&world, order("hk_other_order")).await;
    accepted(&world, &[with("payment_intent_succeeded", &[])]).await;
    let edited = with("charge_succeeded", &[("/data/object/metadata/hookledger_order", json!("hk_other_order"))]);
    Sandbox::faultless(&world).await.deliver(&edited, &invocation(2)).await.expect("alive");
    let books = world.books();
    books.check();
    assert_eq!([ORDER, "hk_other_order"].map(|number| books.order(number).payment.as_str()), ["paid", "unpaid"]);
    assert_eq!(books.balance("alice/credits"), 100_000_000_000);
}
