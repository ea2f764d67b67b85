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
