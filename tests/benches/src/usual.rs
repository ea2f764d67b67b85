//! The tables of the functions that are written the usual way: one of balances, one of Powertools' idempotency records.

use embedded::Engine;
use serde_json::{Value, json};

use crate::error::Error;

pub(crate) const BALANCES: &str = "balances";
pub(crate) const IDEMPOTENCY: &str = "idempotency";
/// Powertools' name for the time at which a record ends.
pub(crate) const EXPIRES_BY: &str = "expiration";

pub(crate) fn create_tables(engine: &Engine) -> Result<(), Error> {
    for table in [BALANCES, IDEMPOTENCY] {
        let definition = json!({
            "TableName": table,
            "BillingMode": "PAY_PER_REQUEST",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
        });
        engine.request("CreateTable", &definition)?;
    }
    let expires = json!({ "AttributeName": EXPIRES_BY, "Enabled": true });
    engine.request("UpdateTimeToLive", &json!({ "TableName": IDEMPOTENCY, "TimeToLiveSpecification": expires }))?;
    Ok(())
}

/// Gives the owner of a key credits, in billionths.
pub(crate) fn open(engine: &Engine, id: &str, units: u64) -> Result<(), Error> {
    let row = json!({ "id": { "S": id }, "credits": { "N": units.to_string() } });
    engine.request("PutItem", &json!({ "TableName": BALANCES, "Item": row }))?;
    Ok(())
}

/// The number of an attribute of a row; 0 without the row.
pub(crate) fn number(engine: &Engine, table: &str, id: &str, attribute: &str) -> Result<i128, Error> {
    let row = engine.request("GetItem", &json!({ "TableName": table, "Key": { "id": { "S": id } } }))?;
    let digits = row["Item"][attribute]["N"].as_str().unwrap_or("0");
    digits.parse().map_err(|_| Error::failed(format!("{digits} is not a number")))
}

/// Deletes each row of a table whose time has come a week from now.
pub(crate) fn expire(engine: &Engine, table: &str, attribute: &str, now_s: i64) -> Result<usize, Error> {
    const WEEK_S: i64 = 7 * 24 * 60 * 60;
    let rows = engine.request("Scan", &json!({ "TableName": table }))?;
    let mut expired = 0;
    for row in rows["Items"].as_array().into_iter().flatten() {
        let at = row[attribute]["N"].as_str().and_then(|digits| digits.parse::<i64>().ok());
        if at.is_some_and(|at| at <= now_s + WEEK_S) {
            let key: Value = json!({ "id": row["id"] });
            engine.request("DeleteItem", &json!({ "TableName": table, "Key": key }))?;
            expired += 1;
        }
    }
    Ok(expired)
}
