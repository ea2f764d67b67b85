//! The breakers of upstreams: one row for each upstream and model, in the table that has no money. A success writes
//! nothing while there are no failures.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::ReturnValue;
use ledger::{Breaker, BreakerName, Breakers, CallContext, CommitError, Timestamp};
use tokio::time::timeout;

use crate::batch::Read as Wanted;
use crate::call_counts::COUNT_TIMEOUT;
use crate::image::{self, Image, known_form, maybe, number as read_number, time, word};
use crate::names;
use crate::rows::{Row, number, text};
use crate::store::{DynamoLedger, unreadable};

const PREFIX: &str = "breaker#";
const ATTRIBUTES: [&str; 4] = [names::ID, names::FORMAT, names::FAILURES, names::FAILED_AT];
/// Between two attempts another sandbox has counted the first failure of a new series, or has forgotten an old one.
const ATTEMPTS_MAX: u32 = 4;

impl Breakers for DynamoLedger {
    async fn breakers(
        &self,
        breakers: &[BreakerName],
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<BreakerName, Breaker>, CommitError> {
        let (known, now) = (self.known_breakers(), context.received_at);
        let unknown = breakers.iter().filter(|name| known.recall(name, now).is_none());
        let ids: Vec<String> = unknown.clone().map(id).collect();
        if !ids.is_empty() {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let read = Wanted { table: &self.tables().calls, attributes: &ATTRIBUTES, is_strong: false };
            let rows = timeout(COUNT_TIMEOUT, self.rows(&read, &ids, context)).await;
            let rows = rows.map_err(|_| CommitError::Unavailable(None))??;
            let read: image::Read<BTreeMap<BreakerName, Breaker>> = rows.iter().map(read_row).collect();
            let read = read.map_err(unreadable)?;
            for name in unknown {
                known.remember(name, read.get(name).copied().unwrap_or_default(), now);
            }
        }
        Ok(breakers.iter().map(|name| (name.clone(), known.recall(name, now).unwrap_or_default())).collect())
    }

    async fn try_upstream(
        &self,
        name: &BreakerName,
        read: &Breaker,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let now = context.received_at;
        let mut row = failed_at(now);
        row.require(names::FAILED_AT, read.failed_at.as_ref().map(text));
        row.require_known_form();
        self.known_breakers().remember(name, Breaker { failed_at: Some(now), ..*read }, now);
        Ok(self.write_breaker(row, name).await?.is_some())
    }

    async fn count_failure(&self, name: &BreakerName, context: &CallContext<'_>) -> Result<Breaker, CommitError> {
        let now = context.time_at(crate::retry::instant());
        for attempt in 0..ATTEMPTS_MAX {
            let row = if attempt.is_multiple_of(2) { one_more(now) } else { first(now) };
            if let Some(written) = self.write_breaker(row, name).await? {
                let breaker = read(&written).map_err(unreadable)?;
                self.known_breakers().remember(name, breaker, context.received_at);
                return Ok(breaker);
            }
        }
        Err(CommitError::Unavailable(None))
    }

    async fn close_breaker(&self, name: &BreakerName, context: &CallContext<'_>) -> Result<(), CommitError> {
        let now = context.received_at;
        let mut row = Row::with_form();
        row.set(names::FAILURES, number(&0));
        row.set(names::REMOVED_AT, number(&Breaker::removed_at(now)));
        row.remove(names::FAILED_AT);
        row.require_known_form();
        self.known_breakers().remember(name, Breaker::default(), now);
        self.write_breaker(row, name).await.map(|_| ())
    }
}

impl DynamoLedger {
    async fn write_breaker(&self, row: Row, name: &BreakerName) -> Result<Option<Image>, CommitError> {
        let id = id(name);
        let written = self.written_alone(row, &self.tables().calls, &id, ReturnValue::AllNew);
        timeout(COUNT_TIMEOUT, written).await.unwrap_or(Err(CommitError::Unavailable(None)))
    }
}

fn id(name: &BreakerName) -> String {
    format!("{PREFIX}{name}")
}

fn failed_at(now: Timestamp) -> Row {
    let mut row = Row::with_form();
    row.set(names::FAILED_AT, text(&now));
    row.set(names::REMOVED_AT, number(&Breaker::removed_at(now)));
    row
}

/// Counts on: the breaker is open, or the last failure is not long ago.
fn one_more(now: Timestamp) -> Row {
    let mut row = failed_at(now);
    row.add(names::FAILURES, number(&1));
    let (failures, most) = (row.name(names::FAILURES), row.value(number(&Breaker::FAILURES_TO_OPEN)));
    let (last, since) = (row.name(names::FAILED_AT), row.value(text(&Breaker::counted_since(now))));
    row.conditions.push(format!("({failures} >= {most} OR {last} > {since})"));
    row.require_known_form();
    row
}

/// The first failure of a series.
fn first(now: Timestamp) -> Row {
    let mut row = failed_at(now);
    row.set(names::FAILURES, number(&1));
    let (failures, most) = (row.name(names::FAILURES), row.value(number(&Breaker::FAILURES_TO_OPEN)));
    let (last, since) = (row.name(names::FAILED_AT), row.value(text(&Breaker::counted_since(now))));
    row.conditions.push(format!("(attribute_not_exists({last}) OR ({failures} < {most} AND {last} <= {since}))"));
    row.require_known_form();
    row
}

fn read_row(row: &Image) -> image::Read<(BreakerName, Breaker)> {
    let name = word(row, names::ID, |id| BreakerName::of_row(id.strip_prefix(PREFIX)?))?;
    Ok((name, read(row)?))
}

fn read(row: &Image) -> image::Read<Breaker> {
    known_form(row)?;
    Ok(Breaker { failures: read_number(row, names::FAILURES)?, failed_at: maybe(row, names::FAILED_AT, time)? })
}
