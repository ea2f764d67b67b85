//! Rows of the journal as they are stored, for the read model, and the retry that a person asks for.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use insight::{EventRow, EventState, Events, Retry, RowPosting, Why};
use ledger::{Amount, Balance, CallContext, CommitError, EventKey, KeptBody, Lane, OrderNumber, Source, UnreadableRow};

use crate::batch::Read as RowsToRead;
use crate::image::{Image, Read, Unreadable, inner, known_form, maybe, owned, parsed, time, word};
use crate::rows::{Row, number, text};
use crate::store::DynamoLedger;
use crate::{lane_row, names};

const ATTRIBUTES: [&str; 19] = [
    names::ID,
    names::FORMAT,
    names::SOURCE,
    names::KIND,
    names::STATUS,
    names::REASON,
    names::RECEIVED_AT,
    names::PROCESSED_AT,
    names::ATTEMPTS,
    names::ATTENTION,
    names::DUE_AT,
    names::OWED_UNITS,
    names::ORDER,
    names::ACCOUNT,
    names::AMOUNT_UNITS,
    names::REVERSES,
    names::REVERSED_BY,
    names::FACTS,
    names::KEPT_IN,
];

impl Events for DynamoLedger {
    async fn events(
        &self,
        keys: &BTreeSet<EventKey>,
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<EventKey, Result<EventRow, UnreadableRow>>, CommitError> {
        let ids: Vec<&str> = keys.iter().map(EventKey::as_str).collect();
        let read = RowsToRead { table: &self.tables().journal, attributes: &ATTRIBUTES, is_strong: true };
        let mut events = BTreeMap::new();
        for row in self.rows(&read, &ids, context).await? {
            let Ok(id) = word(&row, names::ID, owned) else { continue };
            let event = event_row(&id, &row);
            let event = event.map_err(|Unreadable(attribute)| UnreadableRow { id: id.clone(), attribute });
            events.insert(EventKey::of_row(&id), event);
        }
        Ok(events)
    }

    async fn waiting(
        &self,
        source: Source,
        rows_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<EventKey>, CommitError> {
        let query = self.index_query(&self.tables().journal, names::ATTENTION, source.as_str());
        let query = query.key_condition_expression("#word = :word").limit(i32::from(rows_max));
        let page = self.page(&query, context).await?;
        Ok(page.items().iter().filter_map(|row| Some(EventKey::of_row(row.get(names::ID)?.as_s().ok()?))).collect())
    }

    async fn delivery(&self, row: &EventRow, context: &CallContext<'_>) -> Result<Option<KeptBody>, CommitError> {
        self.kept_body(&row.kept_in, context).await
    }

    async fn retry_now(&self, row: &EventRow, context: &CallContext<'_>) -> Result<bool, CommitError> {
        let EventState::Refused { retry, .. } = &row.state else { return Ok(false) };
        let (id, update) = match retry.as_ref().and_then(Retry::lane) {
            Some(lane) => of_lane(row, &lane, context),
            None => (row.key.to_string(), of_event(row, context)),
        };
        self.write_if_unchanged(update, &self.tables().journal, &id, context).await
    }
}

/// The event is due now, in the queue of its source. Each delivery and each retry counts an attempt.
fn of_event(row: &EventRow, context: &CallContext<'_>) -> Row {
    let mut update = Row::default();
    update.schedule_retry(&row.source, Some(context.received_at));
    update.require(names::STATUS, Some(text(names::FAILED)));
    update.require(names::ATTEMPTS, Some(number(&row.attempts)));
    update.require_known_form();
    update
}

/// All of its lane is due now, in the order in which it arrived. A lane that is closed has no time.
fn of_lane(row: &EventRow, lane: &Lane, context: &CallContext<'_>) -> (String, Row) {
    let mut update = Row::default();
    update.set(names::DUE_AT, text(&context.received_at));
    let due_at = update.name(names::DUE_AT);
    update.conditions.push(format!("attribute_exists({due_at})"));
    update.require_known_form();
    (lane_row::id(&row.source, lane), update)
}

fn event_row(id: &str, row: &Image) -> Read<EventRow> {
    known_form(row)?;
    let state = match word(row, names::STATUS, owned)?.as_str() {
        names::PROCESSED => EventState::Booked { at: maybe(row, names::PROCESSED_AT, time)? },
        names::FAILED => EventState::Refused {
            why: Why::of_word(&maybe(row, names::REASON, owned)?.unwrap_or_default()),
            retry: retry(row)?,
        },
        _ => return Err(Unreadable(names::STATUS)),
    };
    let account = maybe(row, names::ACCOUNT, owned)?;
    let change = Balance::from_units(parsed(row, names::AMOUNT_UNITS));
    Ok(EventRow {
        key: EventKey::of_row(id),
        source: maybe(row, names::SOURCE, owned)?.unwrap_or_default(),
        kind: maybe(row, names::KIND, owned)?.unwrap_or_default(),
        state,
        received_at: maybe(row, names::RECEIVED_AT, time)?,
        attempts: parsed(row, names::ATTEMPTS),
        order: maybe(row, names::ORDER, |order| OrderNumber::new(order).ok())?,
        posting: account.map(|account| RowPosting { account, change }),
        reverses: maybe(row, names::REVERSES, owned)?,
        reversed_by: maybe(row, names::REVERSED_BY, owned)?,
        facts: facts(row)?,
        kept_in: maybe(row, names::KEPT_IN, owned)?.unwrap_or_else(|| id.to_owned()),
    })
}

fn retry(row: &Image) -> Read<Option<Retry>> {
    let (Some(queue), Some(at)) = (maybe(row, names::ATTENTION, owned)?, maybe(row, names::DUE_AT, time)?) else {
        return Ok(None);
    };
    let owed = Amount::from_wide(parsed(row, names::OWED_UNITS)).unwrap_or(Amount::ZERO);
    Ok(Some(Retry { at, queue, owed }))
}

/// By name. A fact is a text or a number.
fn facts(row: &Image) -> Read<Vec<(String, String)>> {
    let Some(facts) = inner(row, names::FACTS)? else { return Ok(Vec::new()) };
    let text = |value: &AttributeValue| value.as_s().or_else(|_| value.as_n()).ok().cloned();
    let mut facts: Vec<_> = facts.iter().filter_map(|(name, value)| Some((name.clone(), text(value)?))).collect();
    facts.sort();
    Ok(facts)
}
