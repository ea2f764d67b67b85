//! The streams of the tables: what was written, in its order, for whoever reads it.
//!
//! They are enabled only where somebody reads them: with one, each write of the table looks through all that its stream holds. What was
//! read is therefore dropped.

use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{Engine, EngineError, Template};

/// As long as DynamoDB keeps a record. What nobody has read by then is found by the clock.
const KEPT_SECONDS: u64 = 24 * 60 * 60;
/// The engine writes through a connection of its own, and is done in milliseconds.
const PATIENCE: Duration = Duration::from_secs(2);
/// Sequence numbers are compared as they are told: 21 digits. The last record stays, since the numbers go on from it even where the
/// clock has been set back.
const DROP: &str = "DELETE FROM _stream_records WHERE table_name = ?1
    AND (printf('1%020d', CAST(sequence_number AS INTEGER)) <= ?2 OR created_at < unixepoch() - ?3)
    AND id < (SELECT MAX(id) FROM _stream_records WHERE table_name = ?1)";

/// A place in a stream.
#[derive(Debug, Clone)]
pub struct Cursor(Value);

impl Engine {
    /// Makes the streams that the template's tables have, where they are not there yet.
    pub fn enable_streams(&self, template: &Template) -> Result<(), EngineError> {
        for table in template.tables() {
            let Some(view) = &table.stream else { continue };
            if self.stream_arn(&table.name).is_err() {
                let stream = json!({ "StreamEnabled": true, "StreamViewType": view });
                self.request("UpdateTable", &json!({ "TableName": table.name, "StreamSpecification": stream }))?;
            }
        }
        Ok(())
    }

    pub fn stream_arn(&self, table: &str) -> Result<String, EngineError> {
        let streams = self.request("ListStreams", &json!({ "TableName": table }))?;
        let arn = streams.pointer("/Streams/0/StreamArn").and_then(Value::as_str);
        arn.map(str::to_owned).ok_or_else(|| EngineError::NoStream(table.to_owned()))
    }

    /// Where to go on reading a table's stream: after the record of this sequence number, or at the first that there is.
    pub fn cursor(&self, table: &str, after: Option<&str>) -> Result<Cursor, EngineError> {
        let arn = self.stream_arn(table)?;
        let described = self.request("DescribeStream", &json!({ "StreamArn": arn }))?;
        let shard = described.pointer("/StreamDescription/Shards/0/ShardId");
        let asked = match after {
            None => json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" }),
            Some(after) => json!({
                "StreamArn": arn,
                "ShardId": shard,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": after,
            }),
        };
        let mut answer = self.request("GetShardIterator", &asked)?;
        let iterator = answer.get_mut("ShardIterator").map(Value::take);
        iterator.map(Cursor).ok_or_else(|| EngineError::NoStream(table.to_owned()))
    }

    /// What has been written since, as Lambda hands it over. A shard never ends here.
    pub fn read(&self, cursor: &mut Cursor, records_max: usize) -> Result<Vec<Value>, EngineError> {
        let mut answer = self.request("GetRecords", &json!({ "ShardIterator": cursor.0, "Limit": records_max }))?;
        if let Some(next) = answer.get_mut("NextShardIterator").map(Value::take) {
            cursor.0 = next;
        }
        match answer.get_mut("Records").map(Value::take) {
            Some(Value::Array(records)) => Ok(records),
            _ => Ok(Vec::new()),
        }
    }

    /// Drops the records of a stream up to the one of this sequence number, and those that are older than a day; returns how many. A
    /// store in memory, which nobody else can reach, keeps them all.
    pub fn prune_stream(&self, table: &str, up_to: &str) -> Result<usize, EngineError> {
        let path = self.database.db_path().map_err(|error| EngineError::Call("prune".to_owned(), error))?;
        let Some(path) = path else { return Ok(0) };
        let dropped = Connection::open(path).and_then(|store| {
            store.busy_timeout(PATIENCE)?;
            store.execute(DROP, (table, up_to, KEPT_SECONDS))
        });
        dropped.map_err(EngineError::Prune)
    }
}
