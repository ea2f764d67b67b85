//! Capacity: units a second for each partition key of a table and of an index, with a burst.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{LoadedStore, Rules};
use tokio::time::sleep;

use super::{JOURNAL, ORDERS, code, codes_of_reasons, key, put, put_all, read, store};

/// Few units, so that few calls exhaust them.
fn few() -> Rules {
    Rules { write_units_per_second: 10, read_units_per_second: 10, burst_seconds: 3, ..Rules::default() }
}

fn entry(id: &str, account: &str) -> Value {
    json!({ "TableName": JOURNAL, "Item": {
        "id": { "S": id }, "account": { "S": account }, "processed_at": { "S": "2026-01-01T00:00:00.000Z" },
    } })
}

/// Calls at the same time until one is refused; returns how many were carried out, and the refusal.
async fn exhaust(store: &LoadedStore, operation: &str, request: &Value) -> (usize, (u16, Value)) {
    for done in 0..1_000 {
        let answer = store.request(operation, request).await;
        if answer.0 != 200 {
            return (done, answer);
        }
    }
    panic!("{operation} is never refused");
}

#[test]
fn limits_are_those_of_dynamodb() {
    let rules = Rules::default();
    assert_eq!((rules.write_units_per_second, rules.read_units_per_second), (1_000, 3_000));
    assert_eq!((rules.burst_seconds, rules.without_burst().burst_seconds), (300, 1));
}

/// Thirty units are kept, and each call of 4 ms earns a twenty-fifth.
#[tokio::test(start_paused = true)]
async fn partition_key_refuses_writes_beyond_rate_and_burst() {
    let store = store(few());
    let (done, refusal) = exhaust(&store, "PutItem", &put("a", "x")).await;
    assert!((30..=33).contains(&done), "{done}");
    assert_eq!((refusal.0, code(&refusal)), (400, "ThrottlingException"));
    assert!(
        refusal.1["message"]
            .as_str()
            .expect("a message")
            .starts_with("Throughput exceeds the current capacity of your table")
    );
    assert_eq!(refusal.1["throttlingReasons"][0]["reason"], "TableWriteKeyRangeThroughputExceeded");
    assert_eq!(store.request("PutItem", &put("b", "x")).await.0, 200, "another key has its own capacity");
    assert_eq!(store.counts().throttles, 1);
    sleep(Duration::from_secs(1)).await;
    let (done, _) = exhaust(&store, "PutItem", &put("a", "x")).await;
    assert!((10..=12).contains(&done), "a second earns ten units: {done}");
    sleep(Duration::from_mins(1)).await;
    let (done, _) = exhaust(&store, "PutItem", &put("a", "x")).await;
    assert!((30..=33).contains(&done), "no more than three seconds are kept: {done}");
}

#[tokio::test(start_paused = true)]
async fn partition_key_refuses_reads_beyond_rate_and_burst() {
    let store = store(few());
    store.request("PutItem", &put("a", "x")).await;
    let (done, refusal) = exhaust(&store, "GetItem", &read("a")).await;
    assert!((30..=33).contains(&done), "{done}");
    assert_eq!(code(&refusal), "ThrottlingException");
    assert_eq!(refusal.1["throttlingReasons"][0]["reason"], "TableReadKeyRangeThroughputExceeded");
    let both = json!({ "RequestItems": { ORDERS: { "Keys": [key("a"), key("b")] } } });
    let answer = store.request("BatchGetItem", &both).await;
    assert_eq!((answer.0, &answer.1["UnprocessedKeys"][ORDERS]["Keys"]), (200, &json!([key("a")])));
    let one = json!({ "RequestItems": { ORDERS: { "Keys": [key("a")] } } });
    assert_eq!(code(&store.request("BatchGetItem", &one).await), "ThrottlingException", "no key is processed");
    let get = json!({ "TransactItems": [{ "Get": { "TableName": ORDERS, "Key": key("a") } }] });
    assert_eq!(codes_of_reasons(&store.request("TransactGetItems", &get).await), ["ThrottlingError"]);
    assert_eq!(store.request("PutItem", &put("a", "x")).await.0, 200, "writes have their own capacity");
    // An eventually consistent read is half a unit.
    sleep(Duration::from_mins(1)).await;
    let (done, _) = exhaust(&store, "GetItem", &json!({ "TableName": ORDERS, "Key": key("a") })).await;
    assert!((60..=70).contains(&done), "{done}");
}

/// Each row has another id, and all have one account: the index is what is hot.
#[tokio::test(start_paused = true)]
async fn exhausted_index_refuses_writes_of_its_table() {
    let store = store(few());
    let mut refusal = None;
    for row in 0..50 {
        let answer = store.request("PutItem", &entry(&format!("row-{row}"), "alice/credits")).await;
        if answer.0 != 200 {
            refusal = Some((row, answer));
            break;
        }
    }
    let (done, refusal) = refusal.expect("the index is exhausted");
    assert!((30..=33).contains(&done), "{done}");
    assert_eq!(code(&refusal), "ThrottlingException");
    assert_eq!(refusal.1["throttlingReasons"][0]["reason"], "IndexWriteKeyRangeThroughputExceeded");
    assert_eq!(store.request("PutItem", &entry("row-x", "bob/credits")).await.0, 200, "another key of the index");
    let update = json!({ "TransactItems": [{ "Update": {
        "TableName": JOURNAL, "Key": key("row-y"), "UpdateExpression": "SET #a = :a, #at = :at",
        "ExpressionAttributeNames": { "#a": "account", "#at": "processed_at" },
        "ExpressionAttributeValues": { ":a": { "S": "alice/credits" }, ":at": { "S": "2026-01-01T00:00:00.000Z" } },
    } }] });
    let cancelled = store.request("TransactWriteItems", &update).await;
    assert_eq!(codes_of_reasons(&cancelled), ["ThrottlingError"]);
    let message = cancelled.1["CancellationReasons"][0]["Message"].as_str().expect("a message");
    assert!(message.starts_with("Throughput exceeds the current capacity for one or more global secondary indexes"));
    let statement = json!({
        "TableName": JOURNAL, "IndexName": "by_account", "KeyConditionExpression": "#a = :a",
        "ExpressionAttributeNames": { "#a": "account" }, "ExpressionAttributeValues": { ":a": { "S": "alice/credits" } },
    });
    let (done, refusal) = exhaust(&store, "Query", &statement).await;
    assert!(done >= 30, "reads of the index have their own capacity: {done}");
    assert_eq!(refusal.1["throttlingReasons"][0]["reason"], "IndexReadKeyRangeThroughputExceeded");
}

/// A transaction pays each write twice; a cancelled one pays once for each item.
#[tokio::test(start_paused = true)]
async fn transaction_pays_twice_and_a_cancelled_one_once() {
    let store = store(few());
    let (done, refusal) = exhaust(&store, "TransactWriteItems", &put_all(&["a", "b"], "x")).await;
    assert!((15..=18).contains(&done), "{done}");
    assert_eq!(codes_of_reasons(&refusal), ["ThrottlingError", "ThrottlingError"]);
    sleep(Duration::from_mins(1)).await;
    let mut failing = put_all(&["c"], "x");
    failing["TransactItems"][0]["Put"]["ConditionExpression"] = json!("attribute_exists(id)");
    let mut attempts = 0;
    while codes_of_reasons(&store.request("TransactWriteItems", &failing).await) == ["ConditionalCheckFailed"] {
        attempts += 1;
    }
    assert!((30..=36).contains(&attempts), "{attempts}");
}

/// The engine counts units by DynamoDB's rules, and is the second opinion.
#[tokio::test(start_paused = true)]
async fn units_are_those_that_the_engine_counts() {
    let store = store(Rules::default());
    let long = "x".repeat(1_100);
    let transactions = [
        json!({ "Put": entry("a", "alice/credits") }),
        json!({ "Put": entry("a", "alice/credits") }),
        json!({ "Put": entry("a", "bob/credits") }),
        json!({ "Put": { "TableName": JOURNAL, "Item": { "id": { "S": "a" }, "text": { "S": long } } } }),
        json!({ "Update": {
            "TableName": JOURNAL, "Key": key("a"),
            "UpdateExpression": "SET attention = :a, due_at = :d, owed_units = :n REMOVE #t",
            "ExpressionAttributeNames": { "#t": "text" },
            "ExpressionAttributeValues": { ":a": { "S": "usage" }, ":d": { "S": "2026" }, ":n": { "N": "-1200" } },
        } }),
        json!({ "Delete": { "TableName": JOURNAL, "Key": key("a") } }),
        json!({ "ConditionCheck": { "TableName": JOURNAL, "Key": key("b"), "ConditionExpression": "attribute_not_exists(id)" } }),
        json!({ "Put": { "TableName": JOURNAL, "Item": {
            "id": { "S": "m" }, "body": { "B": "AAECAwQ=" }, "list": { "L": [{ "N": "1" }, { "BOOL": true }, { "NULL": true }] },
            "facts": { "M": { "one": { "S": "x".repeat(985) } } }, "set": { "SS": ["a", "b"] },
        } } }),
    ];
    for item in transactions {
        let before = store.counts();
        let request = json!({ "TransactItems": [item], "ReturnConsumedCapacity": "INDEXES" });
        let answer = store.request("TransactWriteItems", &request).await;
        assert_eq!(answer.0, 200, "{answer:?}");
        let units = |place: &str| {
            let units = |counts: &testkit::LoadCounts| counts.units.get(place).copied().unwrap_or_default().writes;
            (units(&store.counts()) - units(&before)).to_string()
        };
        let capacity = &answer.1["ConsumedCapacity"][0];
        let number = |value: &Value| value.to_string().trim_end_matches(".0").replace("null", "0");
        assert_eq!(units(JOURNAL), number(&capacity["Table"]["CapacityUnits"]), "{item}");
        for index in ["by_account", "attention"] {
            let counted = number(&capacity["GlobalSecondaryIndexes"][index]["CapacityUnits"]);
            assert_eq!(units(&format!("{JOURNAL}/{index}")), counted, "{index}: {item}");
        }
    }
}
