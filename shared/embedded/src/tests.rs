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
