//! DynamoDB streams: the writes of a table in their order.
//!
//! Enable a stream only if it is read: the store keeps every record of it. Records that were read are therefore deleted.

use std::sync::PoisonError;
use std::time::Duration;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::{Engine, EngineError, Template};

/// DynamoDB keeps a record for so long. The scheduled sweep finds the orders of records that were not read by then.
const KEPT_SECONDS: u64 = 24 * 60 * 60;
/// The engine has its own connection, and a command of another process too.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// Each write of a table looks for the highest number of its stream, and without an index reads all its records.
const INDEX_RECORDS: &str = "CREATE INDEX IF NOT EXISTS stream_records_by_number
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";
/// Compares sequence numbers in their external form of 21 digits. The last record stays, so that the numbers continue from
/// it even after the clock was set back.
const DELETE_RECORDS: &str = "DELETE FROM _stream_records WHERE table_name = ?1
    AND (printf('1%020d', CAST(sequence_number AS INTEGER)) <= ?2 OR created_at < unixepoch() - ?3)
    AND id < (SELECT MAX(id) FROM _stream_records WHERE table_name = ?1)";

/// What it deletes may come back after a power failure: the records are then read again.
fn connect(path: &str) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(LOCK_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection)
}

/// A position in a stream: a shard iterator.
#[derive(Debug, Clone)]
pub struct Cursor(Value);

impl Engine {
    /// Enables the streams that the template declares and that do not exist yet.
    pub fn enable_streams(&self, template: &Template) -> Result<(), EngineError> {
        for table in template.tables() {
            let Some(view) = &table.stream else { continue };
            if self.stream_arn(&table.name).is_err() {
                let stream = json!({ "StreamEnabled": true, "StreamViewType": view });
                self.request("UpdateTable", &json!({ "TableName": table.name, "StreamSpecification": stream }))?;
            }
        }
        self.change_records(|records| records.execute(INDEX_RECORDS, ())).map(drop)
    }

    pub fn stream_arn(&self, table: &str) -> Result<String, EngineError> {
        let streams = self.request("ListStreams", &json!({ "TableName": table }))?;
        let arn = streams.pointer("/Streams/0/StreamArn").and_then(Value::as_str);
        arn.map(str::to_owned).ok_or_else(|| EngineError::NoStream(table.to_owned()))
    }

    /// The position after the record with this sequence number, or before the oldest record.
    pub fn cursor(&self, table: &str, after: Option<&str>) -> Result<Cursor, EngineError> {
        let arn = self.stream_arn(table)?;
        let described = self.request("DescribeStream", &json!({ "StreamArn": arn }))?;
        let shard = described.pointer("/StreamDescription/Shards/0/ShardId");
        let request = match after {
            None => json!({ "StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON" }),
            Some(after) => json!({
                "StreamArn": arn,
                "ShardId": shard,
                "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                "SequenceNumber": after,
            }),
        };
        let mut answer = self.request("GetShardIterator", &request)?;
        let iterator = answer.get_mut("ShardIterator").map(Value::take);
        iterator.map(Cursor).ok_or_else(|| EngineError::NoStream(table.to_owned()))
    }

    /// Reads the records after the cursor, in the format that Lambda passes to a function. A shard never ends here.
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

    /// Deletes the records of a stream up to this sequence number, and those older than a day; returns their number. A
    /// store in memory keeps all of them, since no second connection can open it.
    pub fn prune_stream(&self, table: &str, up_to: &str) -> Result<usize, EngineError> {
        self.change_records(|records| records.execute(DELETE_RECORDS, (table, up_to, KEPT_SECONDS)))
    }

    /// Runs a statement on the second connection, and returns the number of rows that it changed.
    fn change_records(
        &self,
        change: impl FnOnce(&Connection) -> rusqlite::Result<usize>,
    ) -> Result<usize, EngineError> {
        let path = self.database.db_path().map_err(|error| EngineError::Call("prune".to_owned(), error))?;
        let Some(path) = path else { return Ok(0) };
        // Otherwise the two connections would wait for each other by sleeping.
        let _turn = self.turn();
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let connected = match records.take() {
            Some(connection) => Ok(connection),
            None => connect(&path),
        };
        let changed = connected.and_then(|connection| {
            let changed = change(&connection)?;
            *records = Some(connection);
            Ok(changed)
        });
        changed.map_err(EngineError::Records)
    }
}
