//! `TransactWriteItems` and `TransactGetItems`: items are held from the arrival of a write transaction to its answer.

use serde_json::{Value, json};
use tokio::time::sleep;

use super::capacity::Kind;
use super::item::{Item, read_units, size, write_units};
use super::tables::Partition;
use super::write::Write;
use super::{Latency, Reply, Shared};
use crate::instant;
use crate::replies::{cancelled, conflict_reason, no_reason, reason};

const TABLE_BUSY: &str = "Throughput exceeds the current capacity of your table or index. DynamoDB is automatically \
                          scaling your table or index so please try again shortly. If exceptions persist, check if \
                          you have a hot key: \
                          https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html.";
const INDEX_BUSY: &str = "Throughput exceeds the current capacity for one or more global secondary indexes. DynamoDB \
                          is automatically scaling your index so please try again shortly.";

pub(super) fn busy(is_index: bool) -> &'static str {
    if is_index { INDEX_BUSY } else { TABLE_BUSY }
}

impl Shared {
    pub(super) async fn transact_write(&self, mut request: Value) -> Reply {
        // The embedded engine keeps tokens by the machine's clock, and searches all of them in each transaction.
        let token = request.as_object_mut().and_then(|request| request.remove("ClientRequestToken"));
        let token = token.as_ref().and_then(Value::as_str);
        let begun = token.map_or(Ok(()), |token| self.state().tokens.begin(token, &request, instant()));
        if let Err(reply) = begun {
            sleep(self.draw(self.rules.single)).await;
            return reply;
        }
        let reply = self.transact_new(&request).await;
        if let Some(token) = token {
            self.state().tokens.end(token, reply.0 == 200, instant());
        }
        reply
    }

    async fn transact_new(&self, request: &Value) -> Reply {
        let Some(writes) = Write::all(request, &self.tables) else {
            return self.carry_out("TransactWriteItems", request);
        };
        let before = self.images(writes.iter().map(|write| (write.table, write.key())));
        let reasons: Vec<Value> =
            writes.iter().zip(&before).map(|(write, before)| self.reason_of_write(write, before)).collect();
        if reasons.iter().any(|reason| *reason != no_reason()) {
            self.count_refusal(&reasons);
            // An item that is throttled costs nothing.
            let is_admitted = |reason: &Value| reason.get("Code") != Some(&json!("ThrottlingError"));
            let admitted = writes.iter().zip(&before).zip(&reasons).filter(|(_, reason)| is_admitted(reason));
            self.charge_prepare(admitted.map(|(write, _)| write));
            sleep(self.draw(self.rules.single)).await;
            return (400, cancelled(&reasons));
        }
        let held: Vec<String> = writes.iter().map(|write| write.table.identity(&write.key())).collect();
        self.state().held.extend(held.iter().cloned());
        let latency = self.draw(self.rules.transaction);
        let until_applied = Latency::half(latency);
        sleep(until_applied).await;
        let reply = self.carry_out("TransactWriteItems", request);
        if reply.0 == 200 {
            let after = self.images(writes.iter().map(|write| (write.table, write.key())));
            for ((write, before), after) in writes.iter().zip(&before).zip(&after) {
                self.charge_write(write, before, after, 2);
            }
        } else {
            self.charge_prepare(writes.iter().zip(&before));
        }
        sleep(latency.saturating_sub(until_applied)).await;
        let mut state = self.state();
        for identity in &held {
            state.held.remove(identity);
        }
        drop(state);
        reply
    }

    /// Why this item lets the transaction not begin.
    fn reason_of_write(&self, write: &Write<'_>, before: &Item) -> Value {
        let key = write.key();
        if self.state().held.contains(&write.table.identity(&key)) {
            return conflict_reason();
        }
        match self.exhausted_by(write, before) {
            Some(partition) => reason("ThrottlingError", busy(partition.is_of_index())),
            None => no_reason(),
        }
    }

    /// The partition of the table, or of one of its indexes, that is out of write units.
    pub(super) fn exhausted_by(&self, write: &Write<'_>, before: &Item) -> Option<Partition> {
        let (now, state) = (instant(), self.state());
        let partitions = write.table.partition(&write.key()).into_iter().chain(write.index_partitions(before));
        partitions.into_iter().find(|partition| state.capacity.is_exhausted(partition, Kind::Write, now))
    }

    pub(super) fn charge_write(&self, write: &Write<'_>, before: &Item, after: &Item, factor: u64) {
        let units = factor * write_units(size(before).max(size(after)));
        if let Some(partition) = write.table.partition(&write.key()) {
            self.charge(partition, Kind::Write, 2 * units);
        }
        for (partition, units) in write.table.index_units(before, after) {
            self.charge(partition, Kind::Write, 2 * units);
        }
    }

    /// A transaction that is cancelled pays for the first of its two phases.
    fn charge_prepare<'w>(&self, writes: impl Iterator<Item = (&'w Write<'w>, &'w Item)>) {
        for (write, before) in writes {
            self.charge_write(write, before, before, 1);
        }
    }

    /// Reads each item twice. A write between the two, or one that has not ended, is a conflict.
    pub(super) async fn transact_get(&self, request: Value) -> Reply {
        let Some(gets) = self.gets(&request) else { return self.carry_out("TransactGetItems", &request) };
        let keys = || gets.iter().map(|(table, key)| (*table, key.clone()));
        let refusal = |first: &[Item], second: &[Item]| {
            let (now, state) = (instant(), self.state());
            let reasons = gets.iter().zip(first.iter().zip(second)).map(|((table, key), (first, second))| {
                let is_exhausted = |partition| state.capacity.is_exhausted(&partition, Kind::Read, now);
                if state.held.contains(&table.identity(key)) || first != second {
                    conflict_reason()
                } else if table.partition(key).is_some_and(is_exhausted) {
                    reason("ThrottlingError", busy(false))
                } else {
                    no_reason()
                }
            });
            Some(reasons.collect::<Vec<_>>()).filter(|reasons| reasons.iter().any(|reason| *reason != no_reason()))
        };
        let first = self.images(keys());
        let mut reasons = refusal(&first, &first);
        if reasons.is_none() {
            sleep(self.draw(self.rules.transaction)).await;
            reasons = refusal(&first, &self.images(keys()));
        } else {
            sleep(self.draw(self.rules.single)).await;
        }
        if let Some(reasons) = reasons {
            self.count_refusal(&reasons);
            return (400, cancelled(&reasons));
        }
        for ((table, key), item) in gets.iter().zip(&first) {
            if let Some(partition) = table.partition(key) {
                self.charge(partition, Kind::Read, 2 * 2 * read_units(size(item)));
            }
        }
        self.carry_out("TransactGetItems", &request)
    }

    fn gets<'s>(&'s self, request: &Value) -> Option<Vec<(&'s super::tables::Table, Item)>> {
        let gets = request.get("TransactItems")?.as_array()?.iter().map(|item| item.get("Get"));
        gets.map(|get| {
            let table = self.tables.get(get?.get("TableName")?.as_str()?)?;
            Some((table, get?.get("Key")?.as_object()?.clone()))
        })
        .collect()
    }

    fn count_refusal(&self, reasons: &[Value]) {
        let has = |code: &str| reasons.iter().any(|reason| *reason.get("Code").unwrap() == json!(code));
        let counts = &mut self.state().counts;
        counts.conflicts += u64::from(has("TransactionConflict"));
        counts.throttles += u64::from(has("ThrottlingError"));
    }
}
