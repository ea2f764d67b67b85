//! Calls for one item, and reads of many: `PutItem`, `UpdateItem`, `DeleteItem`, `GetItem`, `BatchGetItem`, `Query`, `Scan`.

use serde_json::{Value, json};
use tokio::time::sleep;

use super::capacity::Kind;
use super::item::{Item, read_units, size};
use super::tables::{Partition, Table};
use super::transact::busy;
use super::write::{Write, assigned};
use super::{Latency, Reply, Shared};
use crate::instant;
use crate::replies::error;

impl Shared {
    /// Takes effect at one instant, half-way. An ongoing transaction of the item refuses it.
    pub(super) async fn write_one(&self, operation: &str, request: Value) -> Reply {
        let latency = self.draw(self.rules.single);
        let until_applied = Latency::half(latency);
        sleep(until_applied).await;
        let reply = self.write_now(operation, &request);
        sleep(latency.saturating_sub(until_applied)).await;
        reply
    }

    fn write_now(&self, operation: &str, request: &Value) -> Reply {
        let Some(write) = Write::new(operation, request, &self.tables) else {
            return self.carry_out(operation, request);
        };
        if self.state().held.contains(&write.table.identity(&write.key())) {
            self.state().counts.conflicts += 1;
            return (400, error("TransactionConflictException", "Transaction is ongoing for the item"));
        }
        let image = || self.images([(write.table, write.key())]).pop().unwrap_or_default();
        let before = image();
        if let Some(partition) = self.exhausted_by(&write, &before) {
            return self.throttled(&partition, Kind::Write);
        }
        let reply = self.carry_out(operation, request);
        // A failed condition changes nothing, and costs the units of the item.
        self.charge_write(&write, &before, &image(), 1);
        reply
    }

    pub(super) async fn read(&self, operation: &str, request: Value) -> Reply {
        let latency = self.draw(self.rules.single);
        let until_read = Latency::half(latency);
        sleep(until_read).await;
        let reply = match operation {
            "BatchGetItem" => self.read_batch(request),
            _ => self.read_now(operation, &request),
        };
        sleep(latency.saturating_sub(until_read)).await;
        reply
    }

    fn read_now(&self, operation: &str, request: &Value) -> Reply {
        let partition = self.partition_of_read(request);
        let exhausted = |partition: &&Partition| self.state().capacity.is_exhausted(partition, Kind::Read, instant());
        let exhausted = partition.as_ref().filter(exhausted);
        if let Some(partition) = exhausted {
            return self.throttled(partition, Kind::Read);
        }
        let mut request = request.clone();
        let asked = request.as_object_mut().unwrap().insert("ReturnConsumedCapacity".to_owned(), json!("TOTAL"));
        let (status, mut answer) = self.carry_out(operation, &request);
        let capacity = answer.get("ConsumedCapacity").and_then(|capacity| capacity.get("CapacityUnits"));
        let half_units = capacity.map(half_units).unwrap_or_default();
        match (partition, request.get("TableName").and_then(Value::as_str)) {
            (Some(partition), _) => self.charge(partition, Kind::Read, half_units),
            // A scan goes through all partitions, so that no one of them is hot.
            (None, Some(table)) => self.state().count(table, Kind::Read, half_units),
            (None, None) => {}
        }
        if asked.is_none() {
            answer.as_object_mut().unwrap().remove("ConsumedCapacity");
        }
        (status, answer)
    }

    /// The partition of a `GetItem` or a `Query`.
    fn partition_of_read(&self, request: &Value) -> Option<Partition> {
        let table = self.tables.get(request.get("TableName")?.as_str()?)?;
        if let Some(key) = request.get("Key") {
            return table.partition(key.as_object()?);
        }
        let index = request.get("IndexName").and_then(Value::as_str);
        let expression = request.get("KeyConditionExpression")?.as_str()?;
        let value = assigned(request, expression, table.partition_key(index)?)?;
        Some(table.partition_at(index, value))
    }

    /// Keys of exhausted partitions come back as unprocessed. If all are, the call is refused.
    fn read_batch(&self, mut request: Value) -> Reply {
        let Some(tables) = request.get_mut("RequestItems").and_then(Value::as_object_mut) else {
            return self.carry_out("BatchGetItem", &request);
        };
        let mut unprocessed = serde_json::Map::new();
        let mut last = None;
        for (name, read) in &mut *tables {
            let Some(table) = self.tables.get(name) else { continue };
            let is_strong = read.get("ConsistentRead") == Some(&json!(true));
            let Some(Value::Array(keys)) = read.get_mut("Keys") else { continue };
            let is_exhausted = |key: &Value| {
                let partition = table.partition(key.as_object()?)?;
                self.state().capacity.is_exhausted(&partition, Kind::Read, instant()).then_some(partition)
            };
            let (exhausted, admitted): (Vec<Value>, Vec<Value>) =
                std::mem::take(keys).into_iter().partition(|key| is_exhausted(key).is_some());
            last = exhausted.last().and_then(is_exhausted).or(last);
            self.charge_batch(table, &admitted, is_strong);
            *keys = admitted;
            if !exhausted.is_empty() {
                let mut rest = read.clone();
                rest.as_object_mut().unwrap().insert("Keys".to_owned(), Value::Array(exhausted));
                unprocessed.insert(name.clone(), rest);
            }
        }
        tables.retain(|_, read| read.get("Keys") != Some(&json!([])));
        let is_empty = tables.is_empty();
        let Some(partition) = last else { return self.carry_out("BatchGetItem", &request) };
        let refusal = self.throttled(&partition, Kind::Read);
        if is_empty {
            return refusal;
        }
        let (status, mut answer) = self.carry_out("BatchGetItem", &request);
        if status == 200 {
            answer.as_object_mut().unwrap().insert("UnprocessedKeys".to_owned(), Value::Object(unprocessed));
        }
        (status, answer)
    }

    fn charge_batch(&self, table: &Table, keys: &[Value], is_strong: bool) {
        let keys: Vec<&Item> = keys.iter().filter_map(Value::as_object).collect();
        let items = self.images(keys.iter().map(|key| (table, (*key).clone())));
        for (key, item) in keys.iter().zip(items) {
            if let Some(partition) = table.partition(key) {
                self.charge(partition, Kind::Read, read_units(size(&item)) * if is_strong { 2 } else { 1 });
            }
        }
    }

    /// The error of a table that is billed by request.
    fn throttled(&self, partition: &Partition, kind: Kind) -> Reply {
        self.state().counts.throttles += 1;
        let is_index = partition.is_of_index();
        let what = if is_index { "Index" } else { "Table" };
        let mut reply = error("ThrottlingException", busy(is_index));
        reply.as_object_mut().unwrap().insert(
            "throttlingReasons".to_owned(),
            json!([{
                "reason": format!("{what}{kind:?}KeyRangeThroughputExceeded"),
                "resource": format!("arn:aws:dynamodb:us-east-1:000000000000:table/{}", partition.arn_path()),
            }]),
        );
        (400, reply)
    }
}

/// Capacity is a decimal number in steps of a half. Its text is read, so that no float is needed.
fn half_units(capacity: &Value) -> u64 {
    let text = capacity.to_string();
    let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
    whole.parse::<u64>().unwrap() * 2 + u64::from(rest.starts_with('5'))
}
