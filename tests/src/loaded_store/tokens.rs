//! A client request token makes a transaction idempotent for ten minutes.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::Rules;
use tokio::time::sleep;

use super::{code, put, put_all, read, store};

fn with_token(mut request: Value, token: &str) -> Value {
    request["ClientRequestToken"] = json!(token);
    request
}

#[tokio::test(start_paused = true)]
async fn token_in_flight_is_in_progress() {
    let store = store(Rules::default());
    let request = with_token(put_all(&["a"], "first"), "token");
    let (one, other) =
        tokio::join!(store.request("TransactWriteItems", &request), store.request("TransactWriteItems", &request));
    assert_eq!((one.0, other.0, code(&other)), (200, 400, "TransactionInProgressException"));
}

#[tokio::test(start_paused = true)]
async fn repeat_of_a_token_succeeds_without_effect() {
    let store = store(Rules::default());
    let request = with_token(put_all(&["a"], "first"), "token");
    assert_eq!(store.request("TransactWriteItems", &request).await.0, 200);
    store.request("PutItem", &put("a", "later")).await;
    assert_eq!(store.request("TransactWriteItems", &request).await.0, 200);
    assert_eq!(store.request("GetItem", &read("a")).await.1["Item"]["state"]["S"], "later");
    let other = store.request("TransactWriteItems", &with_token(put_all(&["a"], "other"), "token")).await;
    assert_eq!(code(&other), "IdempotentParameterMismatchException");
    sleep(Duration::from_mins(11)).await;
    assert_eq!(store.request("TransactWriteItems", &request).await.0, 200);
    assert_eq!(store.request("GetItem", &read("a")).await.1["Item"]["state"]["S"], "first", "a new transaction");
}

/// Only a transaction that succeeded is remembered: the retry of a cancelled one is carried out.
#[tokio::test(start_paused = true)]
async fn token_of_a_cancelled_transaction_can_be_used_again() {
    let store = store(Rules::default());
    let mut request = with_token(put_all(&["a"], "first"), "token");
    request["TransactItems"][0]["Put"]["ConditionExpression"] = json!("attribute_exists(id)");
    assert_eq!(code(&store.request("TransactWriteItems", &request).await), "TransactionCanceledException");
    store.request("PutItem", &put("a", "exists")).await;
    assert_eq!(store.request("TransactWriteItems", &request).await.0, 200);
}
