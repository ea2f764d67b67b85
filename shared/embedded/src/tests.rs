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
