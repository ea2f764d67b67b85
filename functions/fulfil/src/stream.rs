//! Parses a batch of DynamoDB stream records into orders, and reports the records to retry.

use std::collections::BTreeMap;

use ledger::OrderNumber;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

/// The records of each order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) orders: BTreeMap<OrderNumber, Vec<String>>,
    /// Records without an order's row: they fail every retry, and end as dead letters for a person.
    pub(crate) unreadable: Vec<String>,
}

/// The reply to Lambda, which retries from the first of these records on.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    pub batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The record's sequence number in its shard.
    pub item_identifier: String,
}

impl Failures {
    pub(crate) fn of(records: impl IntoIterator<Item = String>) -> Self {
        let failure = |item_identifier| Failure { item_identifier };
        Self { batch_item_failures: records.into_iter().map(failure).collect() }
    }
}

#[derive(Deserialize)]
struct Event<'e> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'e RawValue>,
}

#[derive(Deserialize)]
struct WithPosition {
    dynamodb: Position,
}

#[derive(Deserialize)]
struct Position {
    #[serde(rename = "SequenceNumber")]
    sequence_number: String,
}

#[derive(Deserialize)]
struct WithKeys {
    dynamodb: Change,
}

/// Only the keys: the order's image in the record may be stale.
#[derive(Deserialize)]
struct Change {
    #[serde(rename = "Keys")]
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    id: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

pub(crate) fn read(event: &str) -> Result<Batch, NoBatch> {
    let Event { records } = serde_json::from_str(event).map_err(|_| NoBatch)?;
    let mut batch = Batch::default();
    for record in records {
        // Without a sequence number no single record can be reported as failed, so the whole batch fails.
        let WithPosition { dynamodb: Position { sequence_number } } =
            serde_json::from_str(record.get()).map_err(|_| NoBatch)?;
        let keyed: Option<WithKeys> = serde_json::from_str(record.get()).ok();
        match keyed.map(|keyed| keyed.dynamodb.keys.id.text) {
            // A pointer to an order; an order's number contains no `#`.
            Some(id) if id.contains('#') => {}
            Some(id) => match OrderNumber::new(&id) {
                Ok(number) => batch.orders.entry(number).or_default().push(sequence_number),
                Err(_) => batch.unreadable.push(sequence_number),
            },
            None => batch.unreadable.push(sequence_number),
        }
    }
    Ok(batch)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the event is not a batch of a DynamoDB stream")]
pub(crate) struct NoBatch;
