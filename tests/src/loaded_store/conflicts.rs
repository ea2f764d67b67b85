//! An item in an ongoing transaction refuses other writers, for as long as the transaction takes.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{LoadedStore, Rules};
use tokio::time::sleep;

use super::{ORDERS, code, codes_of_reasons, key, put, put_all, read, store};

/// Starts a transaction and returns before it ends.
async fn ongoing(store: &LoadedStore, request: Value) -> tokio::task::JoinHandle<(u16, Value)> {
    let call = store.clone();
    let transaction = tokio::spawn(async move { call.request("TransactWriteItems", &request).await });
    sleep(Duration::from_millis(1)).await;
    transaction
}

#[tokio::test(start_paused = true)]
async fn ongoing_transaction_refuses_another() {
    let store = store(Rules::default());
    let first = ongoing(&store, put_all(&["a", "b"], "first")).await;
    let second = store.request("TransactWriteItems", &put_all(&["c", "b"], "second")).await;
    assert_eq!((second.0, code(&second)), (400, "TransactionCanceledException"));
    assert_eq!(codes_of_reasons(&second), ["None", "TransactionConflict"]);
    assert_eq!(second.1["CancellationReasons"][1]["Message"], "Transaction is ongoing for the item");
    assert_eq!(first.await.expect("an answer").0, 200);
    // The first has ended, and the second has changed nothing.
    assert_eq!(store.request("GetItem", &read("c")).await.1["Item"], Value::Null);
    assert_eq!(store.request("TransactWriteItems", &put_all(&["c", "b"], "second")).await.0, 200);
    assert_eq!(store.counts().conflicts, 1);
}

/// A condition check takes part in the transaction as a write does.
#[tokio::test(start_paused = true)]
async fn condition_check_holds_its_item() {
    let store = store(Rules::default());
    let check = json!({ "ConditionCheck": {
        "TableName": ORDERS, "Key": key("a"), "ConditionExpression": "attribute_not_exists(id)",
    } });
    let first = ongoing(&store, json!({ "TransactItems": [check, { "Put": put("b", "first") }] })).await;
    let second = store.request("TransactWriteItems", &put_all(&["a"], "second")).await;
    assert_eq!(codes_of_reasons(&second), ["TransactionConflict"]);
    assert_eq!(first.await.expect("an answer").0, 200);
}

#[tokio::test(start_paused = true)]
async fn ongoing_transaction_refuses_single_writes() {
    let store = store(Rules::default());
    let update = json!({
        "TableName": ORDERS, "Key": key("a"), "UpdateExpression": "SET #state = :state",
        "ExpressionAttributeNames": { "#state": "state" }, "ExpressionAttributeValues": { ":state": { "S": "single" } },
    });
    let delete = json!({ "TableName": ORDERS, "Key": key("a") });
    for (operation, request) in [("PutItem", put("a", "single")), ("UpdateItem", update), ("DeleteItem", delete)] {
        // A condition that fails holds its items until the answer, too.
        let mut transaction = put_all(&["a"], "transaction");
        transaction["TransactItems"][0]["Put"]["ConditionExpression"] = json!("attribute_exists(missing)");
        for (condition, status) in [(false, 200), (true, 400)] {
            let transaction = if condition { transaction.clone() } else { put_all(&["a"], "transaction") };
            let first = ongoing(&store, transaction).await;
            let single = store.request(operation, &request).await;
            assert_eq!((single.0, code(&single)), (400, "TransactionConflictException"), "{operation}");
            assert_eq!(first.await.expect("an answer").0, status);
            assert_eq!(store.request("GetItem", &read("a")).await.1["Item"]["state"]["S"], "transaction");
        }
        assert_eq!(store.request(operation, &request).await.0, 200, "{operation} once the transaction has ended");
        store.request("PutItem", &put("a", "transaction")).await;
    }
}

/// Both succeed, and the read has the state before or after the transaction.
#[tokio::test(start_paused = true)]
async fn read_during_transaction_gives_committed_state() {
    let store = store(Rules::default());
    store.request("PutItem", &put("a", "before")).await;
    let mut states = std::collections::BTreeSet::new();
    for _ in 0..50 {
        let transaction = ongoing(&store, put_all(&["a"], "after")).await;
        let answer = store.request("GetItem", &read("a")).await;
        assert_eq!(answer.0, 200);
        states.insert(answer.1["Item"]["state"]["S"].as_str().expect("a state").to_owned());
        assert_eq!(transaction.await.expect("an answer").0, 200);
        store.request("PutItem", &put("a", "before")).await;
    }
    assert_eq!(states.into_iter().collect::<Vec<_>>(), ["after", "before"]);
}

#[tokio::test(start_paused = true)]
async fn transactional_read_conflicts_with_writes() {
    let store = store(Rules::default());
    let both = json!({ "TransactItems": [
        { "Get": { "TableName": ORDERS, "Key": key("a") } },
        { "Get": { "TableName": ORDERS, "Key": key("b") } },
    ] });
    let first = ongoing(&store, put_all(&["b"], "first")).await;
    let during = store.request("TransactGetItems", &both).await;
    assert_eq!(codes_of_reasons(&during), ["None", "TransactionConflict"]);
    assert_eq!(first.await.expect("an answer").0, 200);

    let call = store.clone();
    let of_both = both.clone();
    let reading = tokio::spawn(async move { call.request("TransactGetItems", &of_both).await });
    store.request("PutItem", &put("a", "between")).await;
    let answer = reading.await.expect("an answer");
    assert_eq!(codes_of_reasons(&answer), ["TransactionConflict", "None"], "a single write between its two reads");

    let answer = store.request("TransactGetItems", &both).await;
    assert_eq!((answer.0, &answer.1["Responses"][0]["Item"]["state"]["S"]), (200, &json!("between")));
}

/// The caller's time-out ends its wait, and not the transaction.
#[tokio::test(start_paused = true)]
async fn transaction_without_a_caller_is_carried_out() {
    let store = store(Rules::default());
    let (request, call) = (put_all(&["a"], "applied"), store.clone());
    let impatient = tokio::time::timeout(Duration::from_millis(1), call.request("TransactWriteItems", &request)).await;
    assert!(impatient.is_err());
    let held = store.request("TransactWriteItems", &put_all(&["a"], "other")).await;
    assert_eq!(codes_of_reasons(&held), ["TransactionConflict"], "the transaction goes on");
    sleep(Duration::from_secs(1)).await;
    assert_eq!(store.request("GetItem", &read("a")).await.1["Item"]["state"]["S"], "applied");
}
