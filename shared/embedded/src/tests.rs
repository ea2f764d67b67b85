//! The tables of the deployed templates, and the engine's error responses.

mod streams;

use serde_json::json;

use super::*;

#[test]
fn template_creates_its_tables() {
    let template = Template::parse(DATA_YAML, &[("Stage", "local")]).expect("a template");
    let engine = Engine::memory().expect("a store");
    engine.create_tables(&template).expect("tables");
    engine.create_tables(&template).expect("a second call changes nothing");
    let names = engine.request("ListTables", &json!({})).expect("an answer");
    let expected = ["accounts", "bodies", "journal", "orders", "subscriptions"];
    assert_eq!(names["TableNames"], json!(expected.map(|name| format!("hookledger-local-{name}"))));
}

#[test]
fn unsupported_operation_is_an_error() {
    let engine = Engine::memory().expect("a store");
    let rows = [
        (Some("DynamoDB_20120810.RestoreTableFromBackup"), 501),
        (Some("Kinesis_20131202.PutRecord"), 400),
        (None, 400),
        (Some("DynamoDB_20120810.GetItem"), 400),
    ];
    for (target, status) in rows {
        assert_eq!(engine.answer(target, "{").0, status, "{target:?}");
    }
}

/// Nothing relies on DynamoDB's memory of tokens: each commit recognises its own write by the mark on its rows.
#[test]
fn transaction_under_a_known_token_is_evaluated_again() {
    let template = Template::parse(DATA_YAML, &[("Stage", "local")]).expect("a template");
    let engine = Engine::memory().expect("a store");
    engine.create_tables(&template).expect("tables");
    let put = json!({
        "TableName": "hookledger-local-journal",
        "Item": { "id": { "S": "usage#e1" } },
        "ConditionExpression": "attribute_not_exists(id)",
    });
    let transaction = json!({ "TransactItems": [{ "Put": put }], "ClientRequestToken": "token-1" }).to_string();
    let statuses = [1, 2].map(|_| engine.answer(Some("DynamoDB_20120810.TransactWriteItems"), &transaction).0);
    assert_eq!(statuses, [200, 400]);
}

/// Such writes are in the system's memory alone, and a read of the next process shows them.
#[tokio::test]
async fn writes_of_a_process_that_ended_before_its_sync_are_synced_before_they_are_shown() {
    let template = Template::parse(DATA_YAML, &[("Stage", "local")]).expect("a template");
    let item = json!({ "TableName": "hookledger-local-journal", "Item": { "id": { "S": "usage#e1" } } });
    let key = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": "usage#e1" } } }).to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let ended = Engine::open(&folder.path().join("store.db")).expect("a store");
    ended.create_tables(&template).expect("tables");
    ended.request("PutItem", &item).expect("written");
    for has_log in [true, false] {
        // The files as the killed process leaves them.
        let copy = tempfile::tempdir().expect("a folder");
        for file in ["store.db", "store.db-wal"] {
            std::fs::copy(folder.path().join(file), copy.path().join(file)).expect("a copy");
        }
        let engine = Engine::open(&copy.path().join("store.db")).expect("a store");
        if !has_log {
            std::fs::remove_file(copy.path().join("store.db-wal")).expect("a log");
        }
        let (status, answer) = engine.durable_answer(Some("DynamoDB_20120810.GetItem"), &key).await;
        assert_eq!((status, answer.contains("usage#e1")), if has_log { (200, true) } else { (500, false) });
    }
    // A store that was closed has no log, and answers too.
    drop(ended);
    let engine = Engine::open(&folder.path().join("store.db")).expect("a store");
    assert_eq!(engine.durable_answer(Some("DynamoDB_20120810.GetItem"), &key).await.0, 200);
}

/// A read shows what is in memory, so it waits for the disk too.
#[tokio::test]
async fn write_that_the_disk_does_not_confirm_is_neither_acknowledged_nor_shown() {
    let template = Template::parse(DATA_YAML, &[("Stage", "local")]).expect("a template");
    let item = json!({ "TableName": "hookledger-local-journal", "Item": { "id": { "S": "usage#e1" } } }).to_string();
    let key = json!({ "TableName": "hookledger-local-journal", "Key": { "id": { "S": "usage#e1" } } }).to_string();
    for has_log in [true, false] {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = Engine::open(&folder.path().join("store.db")).expect("a store");
        engine.create_tables(&template).expect("tables");
        if !has_log {
            std::fs::remove_file(folder.path().join("store.db-wal")).expect("a log");
        }
        let expected = if has_log { 200 } else { 500 };
        for (operation, body) in [("PutItem", &item), ("GetItem", &key)] {
            let target = format!("DynamoDB_20120810.{operation}");
            assert_eq!(engine.durable_answer(Some(&target), body).await.0, expected, "{operation}");
        }
    }
}
