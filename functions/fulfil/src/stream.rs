//! The orders that a batch of a stream's records names, and what of it is to be brought again.

use std::collections::BTreeMap;

use ledger::OrderNumber;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use thiserror::Error;

/// By order, the records that name it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) orders: BTreeMap<OrderNumber, Vec<String>>,
    /// Records that name nothing that could be an order's row: brought again in vain, they end where somebody looks.
    pub(crate) unreadable: Vec<String>,
}

/// What AWS is to bring again: everything from the first of them on.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failures {
    pub batch_item_failures: Vec<Failure>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The record's place in its shard.
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
struct Placed {
    dynamodb: Place,
}

#[derive(Deserialize)]
struct Place {
    #[serde(rename = "SequenceNumber")]
    sequence_number: String,
}

#[derive(Deserialize)]
struct Named {
    dynamodb: Change,
}

/// How the order stands is not read from here: by now it may stand otherwise.
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
        // Without its place it cannot be said which record failed: then all of them did.
        let Placed { dynamodb: Place { sequence_number } } = serde_json::from_str(record.get()).map_err(|_| NoBatch)?;
        let named: Option<Named> = serde_json::from_str(record.get()).ok();
        match named.map(|named| named.dynamodb.keys.id.text) {
            // A row that leads to an order: an order's number holds no `#`.
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
#[error("this is no batch of a table's stream")]
pub(crate) struct NoBatch;
