//! What Lambda does with a table's stream in AWS: reads it in its order and calls a function for what it admits, until that is done.
//!
//! Where it has come to is kept, so that a restart goes on from there. Nothing rests on it: what was worked off and not noted is seen
//! again, and what is never seen is found by the clock.

mod positions;

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

pub(crate) use positions::Positions;

/// A page of the stream. One that was away for long has more of them.
const RECORDS_MAX: usize = 1_000;
/// What is written through this process is heard of at once. This is for the rest.
const LOOK: Duration = Duration::from_secs(1);
/// Each write looks through what the stream still holds.
const PRUNE_AFTER: usize = 100;
/// The first pause, and each next one is twice as long.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A function, and the stream that it reads.
pub(crate) struct Mapped {
    pub(crate) name: String,
    pub(crate) table: String,
    pub(crate) stream: Stream,
    pub(crate) work: Work,
}

/// A part of a function's records: all of those rows whose key falls to it, so that each row's are worked off in their order.
struct Lane<'m> {
    mapped: &'m Mapped,
    number: u64,
    /// What it has come to is kept under.
    name: String,
}

/// For as long as the stack runs.
pub(crate) async fn read(mapped: &[Mapped], engine: &Engine, positions: &Positions) {
    let written = watch::Sender::new(());
    let teller = written.clone();
    engine.tell_of_writes(move || teller.send_replace(()));
    let lanes: Vec<Lane<'_>> = mapped.iter().flat_map(Mapped::lanes).collect();
    let following = join_all(lanes.iter().map(|lane| lane.follow(engine, positions, written.subscribe())));
    tokio::join!(following, positions.write_down());
}

impl Mapped {
    fn lanes(&self) -> impl Iterator<Item = Lane<'_>> {
        (0..self.stream.lanes).map(|number| Lane { mapped: self, number, name: self.lane_name(number) })
    }

    fn lane_name(&self, number: u64) -> String {
        format!("{}.{number}", self.name)
    }
}

impl Lane<'_> {
    async fn follow(&self, engine: &Engine, positions: &Positions, mut written: watch::Receiver<()>) {
        loop {
            if let Err(error) = self.follow_from_here(engine, positions, &mut written).await {
                tracing::warn!(function = self.name, error = error.line(), "the stream cannot be read");
                tokio::time::sleep(LOOK).await;
            }
        }
    }

    async fn follow_from_here(
        &self,
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
                let _ = tokio::time::timeout(LOOK, written.changed()).await;
                continue;
            };
            read = read.saturating_add(records.len());
            records.retain(|record| self.is_for(record));
            self.mapped.work_off(&records, positions).await;
            positions.keep(&self.name, &last);
            if read >= PRUNE_AFTER {
                read = 0;
                self.prune(engine, positions)?;
            }
        }
    }

    fn is_for(&self, record: &Value) -> bool {
        let mut hasher = DefaultHasher::new();
        row(record).hash(&mut hasher);
        let lane = hasher.finish().checked_rem(self.mapped.stream.lanes);
        lane == Some(self.number) && self.mapped.stream.filter.admits(record)
    }

    /// What every lane is done with.
    fn prune(&self, engine: &Engine, positions: &Positions) -> Result<(), Error> {
        let done: Option<Vec<String>> = self.mapped.lanes().map(|lane| positions.of(&lane.name)).collect();
        let Some(up_to) = done.and_then(|done| done.into_iter().min()) else { return Ok(()) };
        let dropped = engine.prune_stream(&self.mapped.table, &up_to);
        dropped.map(drop).map_err(|error| Error::Stream(Box::new(error)))
    }
}

impl Mapped {
    /// Batch by batch, in their order, until each record is done with or given up.
    async fn work_off(&self, records: &[Value], positions: &Positions) {
        let mut rest = records;
        let (mut size, mut retries) = (self.stream.batch_size, 0_u64);
        while !rest.is_empty() {
            let (batch, _) = rest.split_at(size.min(rest.len()));
            let failure = self.called(batch).await;
            let done = failure.as_ref().map_or(batch.len(), |failure| failure.from);
            rest = rest.split_at(done).1;
            let Some(failure) = failure else {
                (size, retries) = (self.stream.batch_size, 0);
                continue;
            };
            if done > 0 {
                (size, retries) = (self.stream.batch_size, 0);
            } else if failure.is_whole && self.stream.bisects && batch.len() > 1 {
                // In halves, so that one that cannot be worked off takes no other along.
                size = batch.len().div_ceil(2);
                continue;
            }
            if self.stream.retries_max.is_some_and(|retries_max| retries >= retries_max) {
                let (given_up, left) = rest.split_at(if failure.is_whole { batch.len() } else { 1 });
                self.give_up(given_up, &failure.why, positions);
                (rest, size, retries) = (left, self.stream.batch_size, 0);
                continue;
            }
            tracing::warn!(function = self.name, error = failure.why, "failed, and is tried again");
            let pause = PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(u32::try_from(retries).unwrap_or(u32::MAX)));
            tokio::time::sleep(pause.min(PAUSE_MAX)).await;
            retries = retries.saturating_add(1);
        }
    }

    /// `None`: all of it is done.
    async fn called(&self, batch: &[Value]) -> Option<Failure> {
        let whole = |why: String| Some(Failure { from: 0, is_whole: true, why });
        let event = json!({ "Records": batch.iter().map(|record| self.told(record)).collect::<Vec<_>>() });
        // One that panics has failed in Lambda, and the sandbox is another one then.
        let working = async { (self.work)(event.to_string()).await };
        let report = match AssertUnwindSafe(working).catch_unwind().await {
            Ok(Ok(report)) => report,
            Ok(Err(error)) => return whole(error),
            Err(_) => return whole("it panicked".to_owned()),
        };
        if !self.stream.reports_failures {
            return None;
        }
        let Some(failed) = failures(&report) else { return whole("its report cannot be read".to_owned()) };
        let places = failed.iter().map(|failed| batch.iter().position(|record| sequence(record) == failed));
        match places.collect::<Option<Vec<_>>>() {
            None => whole("its report names none of the batch".to_owned()),
            Some(places) => {
                let from = places.into_iter().min()?;
                Some(Failure { from, is_whole: false, why: "it says that it has failed".to_owned() })
            }
        }
    }

    /// As Lambda tells it.
    fn told(&self, record: &Value) -> Value {
        let mut told = record.clone();
        if let Some(told) = told.as_object_mut() {
            let arn = format!("arn:aws:dynamodb:us-east-1:000000000000:table/{}/stream/local", self.table);
            told.insert("awsRegion".to_owned(), "us-east-1".into());
            told.insert("eventSourceARN".to_owned(), arn.into());
        }
        told
    }

    fn give_up(&self, records: &[Value], why: &str, positions: &Positions) {
        for record in records {
            let order = row(record);
            tracing::error!(function = self.name, order, error = why, "given up: a person has to look at it");
            if self.stream.keeps_failures {
                let letter = json!({ "function": self.name, "order": order, "record": sequence(record), "error": why });
                if let Err(error) = positions.bury(&letter) {
                    tracing::error!(function = self.name, order, error = error.line(), "it could not be kept");
                }
            }
        }
    }
}

/// From which record on a batch is to be tried again.
struct Failure {
    from: usize,
    /// The function said nothing of single ones.
    is_whole: bool,
    why: String,
}

/// The sequence numbers that a report names; `None` where it is none.
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
