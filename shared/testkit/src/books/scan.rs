//! Reads a table whole.

use embedded::Engine;
use serde_json::{Value, json};

pub(crate) fn scan(engine: &Engine, table: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut request = json!({ "TableName": table, "ConsistentRead": true });
    loop {
        let answer = engine.request("Scan", &request).unwrap();
        rows.extend(answer.get("Items").and_then(Value::as_array).into_iter().flatten().cloned());
        match answer.get("LastEvaluatedKey") {
            Some(key) if !key.is_null() => {
                request.as_object_mut().unwrap().insert("ExclusiveStartKey".to_owned(), key.clone())
            }
            _ => return rows,
        };
    }
}
