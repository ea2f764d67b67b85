//! The counters of calls: a row for each key with a rate and each minute in which it calls, and a row for the last day on
//! which a key was used.
//!
//! They are no money, and stand in a table of their own, which alone is written outside a transaction: one update without
//! a read, which does not conflict with another call of the same key.

use std::collections::BTreeMap;
use std::time::Duration;

use ledger::{CallContext, CallCounts, CallMinute, CallRate, CommitError, KeyId, KeyUse};

use crate::batch::Read;
use crate::image::{self, Image, known_form, number as read_number, owned, word};
use crate::names;
use crate::rows::{Row, number, text};
use crate::store::{DynamoLedger, unreadable};

/// A call that is not counted by then is not delayed further.
pub(crate) const COUNT_TIMEOUT: Duration = Duration::from_millis(250);
/// DynamoDB removes a row some time after its minute.
const KEPT_SECONDS: i64 = 60 * 60;
/// The row of a key's last day.
const USED_PREFIX: &str = "used#";
const USED: [&str; 4] = [names::ID, names::FORMAT, names::DAY, names::DAYS];

/// No id of another row of the table.
fn id(key: &KeyId, minute: CallMinute) -> String {
    format!("calls#{}#{}", key.row(), minute.number())
}

fn one_more(rate: CallRate, minute: CallMinute) -> Row {
    let mut row = Row::with_form();
    row.add(names::CALLS, number(&1));
    row.set_first(names::REMOVED_AT, number(&minute.end_s().saturating_add(KEPT_SECONDS)));
    let (calls, most) = (row.name(names::CALLS), row.value(number(&rate)));
    row.conditions.push(format!("(attribute_not_exists({calls}) OR {calls} < {most})"));
    row
}

impl CallCounts for DynamoLedger {
    async fn count_call(&self, key: &KeyId, rate: CallRate, context: &CallContext<'_>) -> Result<bool, CommitError> {
        let minute = CallMinute::of(context.received_at);
        let id = id(key, minute);
        let written = self.write_alone(one_more(rate, minute), &self.tables().calls, &id);
        match tokio::time::timeout(COUNT_TIMEOUT, written).await {
            Ok(written) => written,
            Err(_) => Err(CommitError::Unavailable(None)),
        }
    }

    /// A task of its own: no call waits for it, and it goes on with the next one if this one ends before it.
    fn note_use(&self, key: &KeyId, context: &CallContext<'_>) {
        let day = KeyUse::day_of(context.received_at);
        if !self.noted().is_some_and(|noted| noted.is_first(key, &day)) {
            return;
        }
        let (ledger, id) = (self.clone(), used_id(key));
        tokio::spawn(async move {
            if let Err(error) = ledger.write_alone(used(&day), &ledger.tables().calls, &id).await {
                tracing::warn!(%error, "the use of a key is not noted");
            }
        });
    }

    async fn last_used(
        &self,
        keys: &[KeyId],
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<KeyId, KeyUse>, CommitError> {
        let ids: Vec<String> = keys.iter().map(used_id).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let read = Read { table: &self.tables().calls, attributes: &USED, is_strong: false };
        let rows = self.rows(&read, &ids, context).await?;
        rows.iter().map(read_use).collect::<image::Read<_>>().map_err(unreadable)
    }
}

fn used_id(key: &KeyId) -> String {
    format!("{USED_PREFIX}{}", key.row())
}

/// The first use of a day, by whichever process is the first to write it.
fn used(day: &str) -> Row {
    let mut row = Row::with_form();
    row.set(names::DAY, text(day));
    row.add(names::DAYS, number(&1));
    let (name, value) = (row.name(names::DAY), row.value(text(day)));
    row.conditions.push(format!("(attribute_not_exists({name}) OR {name} < {value})"));
    row.require_known_form();
    row
}

fn read_use(row: &Image) -> image::Read<(KeyId, KeyUse)> {
    known_form(row)?;
    let key = word(row, names::ID, |id| KeyId::of_row(id.strip_prefix(USED_PREFIX)?))?;
    Ok((key, KeyUse { day: word(row, names::DAY, owned)?, days: read_number(row, names::DAYS)? }))
}
