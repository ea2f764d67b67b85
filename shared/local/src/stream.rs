//! The event source mapping of Lambda: reads a table's stream in order and calls the function with batches of matching records, with
//! retries and dead letters.
//!
//! The position of each lane is saved, so that a restart resumes there. Correctness does not depend on it: a record may be delivered
//! twice, and the sweeps find rows whose record was never delivered.

mod positions;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use embedded::{Engine, Stream};
use futures_util::FutureExt as _;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::clock::Work;
use crate::error::Error;

pub(crate) use positions::{DEAD_LETTERS, Positions};

/// The page size of a read.
const RECORDS_MAX: usize = 1_000;
/// A write of this process wakes the readers at once. This poll covers writes of other processes.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The pause before a read, so that one read serves the writes of that time.
const GATHERING: Duration = Duration::from_millis(20);
/// Processed records are pruned after so many, since each write scans the records that the stream still holds.
const PRUNE_AFTER: usize = 100;
/// The first pause of the backoff, which doubles with each retry.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A function with the stream that it reads.
pub(crate) struct EventSourceMapping {
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) stream: Stream,
    pub(crate) work: Work,
}

/// A shard of a function's records by the hash of the row's key, so that the records of one row stay in order.
struct Lane<'m> {
    mapped: &'m EventSourceMapping,
    number: u64,
    /// The key of its saved position.
    name: String,
}

/// Runs as long as the stack.
pub(crate) async fn read(mapped: &[EventSourceMapping], engine: &Engine, positions: &Positions) {
    let written: BTreeMap<String, watch::Sender<()>> =
        mapped.iter().map(|mapped| (mapped.table.clone(), watch::Sender::new(()))).collect();
    let notified = written.clone();
    engine.notify_on_write(written.keys().cloned().collect(), move |table| {
        if let Some(written) = notified.get(table) {
            written.send_replace(());
        }
    });
    let lanes: Vec<Lane<'_>> = mapped.iter().flat_map(EventSourceMapping::lanes).collect();
    let following = join_all(lanes.iter().filter_map(|lane| {
        let written = written.get(&lane.mapped.table)?.subscribe();
        Some(lane.follow(mapped, engine, positions, written))
    }));
    tokio::join!(following, positions.save_regularly());
}

impl EventSourceMapping {
    fn lanes(&self) -> impl Iterator<Item = Lane<'_>> {
        (0..self.stream.lanes).map(|number| Lane { mapped: self, number, name: self.lane_name(number) })
    }

    fn lane_name(&self, number: u64) -> String {
        // A function may read several streams.
        format!("{}.{}.{number}", self.name, self.table)
    }
}

impl Lane<'_> {
    async fn follow(
        &self,
        readers: &[EventSourceMapping],
        engine: &Engine,
        positions: &Positions,
        mut written: watch::Receiver<()>,
    ) {
        loop {
            if let Err(error) = self.follow_from_position(readers, engine, positions, &mut written).await {
                tracing::warn!(function = self.name, error = error.line(), "cannot read the stream");
                tokio::time::sleep(POLL_INTERVAL).await;
            }
        }
    }

    async fn follow_from_position(
        &self,
        readers: &[EventSourceMapping],
        engine: &Engine,
        positions: &Positions,
        written: &mut watch::Receiver<()>,
    ) -> Result<(), Error> {
        let (table, of_stream) = (&self.mapped.table, |error| Error::Stream(Box::new(error)));
        let mut cursor = engine.cursor(table, positions.of(&self.name).as_deref()).map_err(of_stream)?;
        let mut read = 0_usize;
        loop {
            written.mark_unchanged();
            let mut records = engine.read(&mut cursor, RECORDS_MAX).map_err(of_stream)?;
            let Some(last) = records.last().map(sequence).map(str::to_owned) else {
                let _ = tokio::time::timeout(POLL_INTERVAL, written.changed()).await;
                tokio::time::sleep(GATHERING).await;
                continue;
            };
            read = read.saturating_add(records.len());
            let is_whole_page = records.len() == RECORDS_MAX;
            records.retain(|record| self.is_for(record));
            self.mapped.process(&records, positions).await;
            positions.keep(&self.name, &last);
            if read >= PRUNE_AFTER {
                read = 0;
                self.prune(readers, engine, positions)?;
            }
            if !is_whole_page {
                tokio::time::sleep(GATHERING).await;
            }
        }
    }

    fn is_for(&self, record: &Value) -> bool {
        let mut hasher = DefaultHasher::new();
        row(record).hash(&mut hasher);
        let lane = hasher.finish().checked_rem(self.mapped.stream.lanes);
        lane == Some(self.number) && self.mapped.stream.filter.admits(record)
    }

    /// Deletes the records that every lane of every reader of the stream has processed.
    fn prune(&self, readers: &[EventSourceMapping], engine: &Engine, positions: &Positions) -> Result<(), Error> {
        let of_stream = readers.iter().filter(|reader| reader.table == self.mapped.table);
        let lanes = of_stream.flat_map(EventSourceMapping::lanes);
        let done: Option<Vec<String>> = lanes.map(|lane| positions.of(&lane.name)).collect();
        let Some(up_to) = done.and_then(|done| done.into_iter().min()) else { return Ok(()) };
        let dropped = engine.prune_stream(&self.mapped.table, &up_to);
        dropped.map(drop).map_err(|error| Error::Stream(Box::new(error)))
    }
}

impl EventSourceMapping {
    /// Calls the function batch by batch, in order, until each record is processed or is a dead letter.
    async fn process(&self, records: &[Value], positions: &Positions) {
        let mut rest = records;
        let (mut size, mut retries) = (self.stream.batch_size, 0_u64);
        while !rest.is_empty() {
            let (batch, _) = rest.split_at(size.min(rest.len()));
            let failure = self.call(batch).await;
            let done = failure.as_ref().map_or(batch.len(), |failure| failure.from);
            rest = rest.split_at(done).1;
            let Some(failure) = failure else {
                (size, retries) = (self.stream.batch_size, 0);
                continue;
            };
            if done > 0 {
                (size, retries) = (self.stream.batch_size, 0);
            } else if failure.is_whole && self.stream.bisects && batch.len() > 1 {
                // Bisect, so that one bad record fails no other.
                size = batch.len().div_ceil(2);
                continue;
            }
            if self.stream.retries_max.is_some_and(|retries_max| retries >= retries_max) {
                let (given_up, left) = rest.split_at(if failure.is_whole { batch.len() } else { 1 });
                self.give_up(given_up, &failure.why, positions);
                (rest, size, retries) = (left, self.stream.batch_size, 0);
                continue;
            }
            tracing::warn!(function = self.name, error = failure.why, "the batch failed and is retried");
            let pause = PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(u32::try_from(retries).unwrap_or(u32::MAX)));
            tokio::time::sleep(pause.min(PAUSE_MAX)).await;
            retries = retries.saturating_add(1);
        }
    }

    /// Calls the function with a batch; `None` if every record succeeded.
    async fn call(&self, batch: &[Value]) -> Option<Failure> {
        let whole = |why: String| Some(Failure { from: 0, is_whole: true, why });
        let event = json!({ "Records": batch.iter().map(|record| self.lambda_record(record)).collect::<Vec<_>>() });
        // In Lambda a panic fails the call and ends the sandbox, so no state survives to be unwind-unsafe.
        let working = async { (self.work)(event.to_string()).await };
        let report = match AssertUnwindSafe(working).catch_unwind().await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => return whole(error),
            Err(_) => return whole("the function panicked".to_owned()),
        };
        if !self.stream.reports_failures {
            return None;
        }
        let Some(failed) = failures(&report) else { return whole("its report cannot be parsed".to_owned()) };
        let places = failed.iter().map(|failed| batch.iter().position(|record| sequence(record) == failed));
        match places.collect::<Option<Vec<_>>>() {
            None => whole("its report names a record outside of the batch".to_owned()),
            Some(places) => {
                let from = places.into_iter().min()?;
                Some(Failure { from, is_whole: false, why: "its report names the record".to_owned() })
            }
        }
    }

    /// The record with the members that Lambda adds.
    fn lambda_record(&self, record: &Value) -> Value {
        let mut lambda_record = record.clone();
        if let Some(members) = lambda_record.as_object_mut() {
            let arn = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{}/stream/local", self.table);
            members.insert("awsRegion".to_owned(), "us-east-1".into());
            members.insert("eventSourceARN".to_owned(), arn.into());
        }
        lambda_record
    }

    fn give_up(&self, records: &[Value], why: &str, positions: &Positions) {
        for record in records {
            let order = row(record);
            tracing::error!(
                function = self.name,
                order,
                error = why,
                "a record was given up: see dead-letters.jsonl, and retry it by hand"
            );
            if self.stream.keeps_failures {
                let at = crate::now().to_string();
                let letter = json!({
                    "at": at, "function": self.name, "order": order, "record": sequence(record), "error": why,
                });
                if let Err(error) = positions.dead_letter(&letter) {
                    tracing::error!(function = self.name, order, error = error.line(), "cannot write the dead letter");
                }
            }
        }
    }
}

/// The first record of a batch to retry.
struct Failure {
    from: usize,
    /// The whole call failed, without a report of single records.
    is_whole: bool,
    why: String,
}

/// The sequence numbers that a report names; `None` if it is no report.
fn failures(report: &str) -> Option<Vec<String>> {
    let report: Value = serde_json::from_str(report).ok()?;
    let named = |failure: &Value| failure.get("itemIdentifier").and_then(Value::as_str).map(str::to_owned);
    match report.get("batchItemFailures") {
        None => Some(Vec::new()),
        Some(failures) => failures.as_array()?.iter().map(named).collect(),
    }
}

/// The key of the row that was written.
fn row(record: &Value) -> &str {
    record.pointer("/dynamodb/Keys/id/S").and_then(Value::as_str).unwrap_or_default()
}

fn sequence(record: &Value) -> &str {
    record.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests;
