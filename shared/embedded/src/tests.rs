//! The tables of the deployed templates, and the engine's error responses.

mod streams;

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;

#[test]
fn template_creates_its_tables() {
    let template = Template::parse(DATA_YAML, &[("Stage", "local")]).expect("a template");
    let engine = Engine::memory().expect("a store");
    engine.create_tables(&template).expect("tables");
    engine.create_tables(&template).expect("a second call changes nothing");
    let names = engine.request("ListTables", &json!({})).expect("an answer");
    let expected = ["accounts", "bodies", "calls", "holds", "journal", "operators", "orders", "subscriptions"];
    assert_eq!(names["TableNames"], json!(expected.map(|name| format!("hookledger-local-{name}"))));
}

/// The shortest time of several calls, since the machine does other work too.
#[expect(clippy::disallowed_methods, reason = "the tests compare times")]
fn fastest(calls: usize, call: impl Fn(usize)) -> Duration {
    let time = |number| {
        let began = Instant::now();
        call(number);
        began.elapsed()
    };
    (0..calls).map(time).min().unwrap_or_default()
}

/// A description of a table counts its rows, which takes seconds for a million of them.
#[test]
fn tables_of_a_large_store_are_found_without_a_count_of_their_rows() {
    const TABLE: &str = "hookledger-local-journal";
    let template = Template::parse(DATA_YAML, &[("Stage", "local")]).expect("a template");
    let engine = Engine::memory().expect("a store");
    engine.create_tables(&template).expect("tables");
    let row = |number: usize| json!({ "id": { "S": format!("usage#{number}") }, "account": { "S": "demo/credits" } });
    let rows: Vec<_> = (0..10_000).map(row).collect();
    engine.load(TABLE, &json!(rows).to_string()).expect("rows");
    let of_table = json!({ "TableName": TABLE });
    let described = fastest(5, |_| drop(engine.request("DescribeTable", &of_table).expect("a table")));
    let found = fastest(5, |_| engine.create_tables(&template).expect("tables"));
    assert!(found < described / 10, "{found:?}, and one description {described:?}");
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
