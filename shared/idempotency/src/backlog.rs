//! The retry queue in DynamoDB: refused events and outstanding orders, read through sparse indexes.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::Select;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use ledger::{
    Backlog, CallContext, CommitError, DueOrder, DueRow, EventKey, KeptBody, Order, OrderNumber, Provider, Queue,
    RefusedEvent, Source, Sweep, Timestamp, Work, unreadable_backoff_s,
};

use crate::batch::Read;
use crate::image::{Image, Unreadable, known_form, parsed};
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::{Row, number, text};
use crate::store::DynamoLedger;
use crate::{body, lane_row, names, order_row};

/// Index rows have about a hundred bytes: a page takes milliseconds and a few read units.
const COUNTED_AT_ONCE_MAX: u32 = 1_000;

impl Backlog for DynamoLedger {
    async fn due(
        &self,
        source: Source,
        events_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        self.due_in(&self.tables().journal, names::ATTENTION, source.as_str(), events_max, context).await
    }

    async fn count_refused_due(
        &self,
        source: Source,
        counted_max: u32,
        context: &CallContext<'_>,
    ) -> Result<u32, CommitError> {
        let query = self.due_query(&self.tables().journal, names::ATTENTION, source.as_str(), context);
        self.count_rows(query, counted_max, context).await
    }

    async fn refused_event(
        &self,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> Result<Option<RefusedEvent>, CommitError> {
        let Some(row) = self.row(&self.tables().journal, receipt.to_string(), context).await? else {
            return Ok(None);
        };
        known_form(&row).map_err(|error| CommitError::Refused(Box::new(error)))?;
        // Only a row in the queue has a retry time.
        if !row.contains_key(names::DUE_AT) {
            return Ok(None);
        }
        let stored_time = |name| time(&row, name).map_err(|error| CommitError::Refused(Box::new(error)));
        let (due_at, first_received_at) = (stored_time(names::DUE_AT)?, stored_time(names::RECEIVED_AT)?);
        if due_at > context.received_at {
            return Ok(None);
        }
        let kept_in = row.get(names::KEPT_IN).and_then(|id| id.as_s().ok()).map_or(receipt.as_str(), String::as_str);
        let body = self.kept_body(kept_in, context).await?;
        let order = row.get(names::ORDER).and_then(|order| OrderNumber::new(order.as_s().ok()?).ok());
        Ok(Some(RefusedEvent { receipt: receipt.clone(), first_received_at, due_at, order, body }))
    }

    async fn reschedule(
        &self,
        waiting: &RefusedEvent,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let mut row = Row::default();
        row.set_or_remove(names::DUE_AT, until.map(|until| text(&until)));
        row.remove(names::PASSED_OVER);
        if until.is_none() {
            row.remove(names::ATTENTION);
            row.remove(names::OWED_UNITS);
        }
        let (due_at, read) = (row.name(names::DUE_AT), row.value(text(&waiting.due_at)));
        row.conditions.push(format!("{due_at} = {read}"));
        self.write_unless_changed(row, &self.tables().journal, waiting.receipt.as_str(), context).await
    }

    async fn orders_due(
        &self,
        work: Work,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        let (table, index_value) = (&self.tables().orders, order_row::word_of(work));
        self.due_in(table, names::WORK, index_value, orders_max, context).await
    }

    async fn unpaid(
        &self,
        provider: Provider,
        orders_max: u32,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueOrder>, CommitError> {
        let word = order_row::word_of(Work::Payment(provider));
        let query = self.due_query(&self.tables().orders, names::WORK, word, context);
        let (mut due, mut last) = (Vec::new(), None);
        loop {
            let listed = u32::try_from(due.len()).unwrap_or(u32::MAX);
            let page_max = orders_max.saturating_sub(listed).min(COUNTED_AT_ONCE_MAX);
            let page = query.clone().limit(i32::try_from(page_max).unwrap_or(i32::MAX)).set_exclusive_start_key(last);
            let found = self.page(&page, context).await?;
            due.extend(found.items().iter().filter_map(due_order));
            last = found.last_evaluated_key;
            if last.is_none() || listed.saturating_add(page_max) >= orders_max {
                return Ok(due);
            }
        }
    }

    async fn count_open_orders(
        &self,
        work: Work,
        counted_max: u32,
        context: &CallContext<'_>,
    ) -> Result<u32, CommitError> {
        let query = self.index_query(&self.tables().orders, names::WORK, order_row::word_of(work));
        self.count_rows(query.key_condition_expression("#word = :word"), counted_max, context).await
    }

    async fn reschedule_order(
        &self,
        order: &Order,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let mut row = Row::default();
        row.set_or_remove(names::DUE_AT, until.map(|until| text(&until)));
        row.remove(names::PASSED_OVER);
        order_row::clear_wake(&mut row);
        if until.is_none() {
            row.remove(names::WORK);
        }
        let (version, read) = (row.name(names::VERSION), row.value(number(&order.version)));
        row.conditions.push(format!("{version} = {read}"));
        self.write_unless_changed(row, &self.tables().orders, order.number.as_str(), context).await
    }

    async fn reschedule_unreadable(
        &self,
        queue: &Queue,
        row: &DueRow,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let (table, index, word) = match queue {
            Queue::Refused(source) => (&self.tables().journal, names::ATTENTION, source.as_str().to_owned()),
            Queue::Lane(source, lane) => {
                (&self.tables().journal, names::ATTENTION, lane_row::refused_in_lane(source.as_str(), lane))
            }
            Queue::Lanes(source) => (&self.tables().journal, names::ATTENTION, lane_row::lanes_of(source.as_str())),
            Queue::Work(work) => (&self.tables().orders, names::WORK, order_row::word_of(*work).to_owned()),
        };
        let Some(stored) = self.row(table, row.id.clone(), context).await? else {
            return Ok(());
        };
        let times: u32 = parsed(&stored, names::PASSED_OVER);
        let until = context.received_at.plus_seconds(unreadable_backoff_s(times));
        let mut update = Row::default();
        update.set(names::DUE_AT, text(&until));
        update.set(names::PASSED_OVER, number(&times.saturating_add(1)));
        if matches!(queue, Queue::Work(_)) {
            order_row::clear_wake(&mut update);
        }
        for (name, read) in [(index, &word), (names::DUE_AT, &row.due_at)] {
            let (name, read) = (update.name(name), update.value(text(read)));
            update.conditions.push(format!("{name} = {read}"));
        }
        self.write_unless_changed(update, table, &row.id, context).await
    }

    async fn already_journaled(
        &self,
        receipts: &BTreeSet<EventKey>,
        context: &CallContext<'_>,
    ) -> Result<BTreeMap<EventKey, String>, CommitError> {
        let keys: Vec<&str> = receipts.iter().map(EventKey::as_str).collect();
        // Eventually consistent: for an event that is missed here, the commit reports that it is already booked.
        let read =
            Read { table: &self.tables().journal, attributes: &[names::ID, names::FINGERPRINT], is_strong: false };
        let rows = self.rows(&read, &keys, context).await?;
        let known = rows.iter().filter_map(|row| {
            let fingerprint = word(row, names::FINGERPRINT).unwrap_or_default();
            Some((EventKey::of_row(&word(row, names::ID)?), fingerprint))
        });
        Ok(known.collect())
    }

    async fn acquire_sweep(
        &self,
        sweep: Sweep,
        until: Timestamp,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let mut row = Row::with_form();
        row.set(names::UNTIL, text(&until));
        row.set(names::WRITTEN_BY, text(context.attempt.as_str()));
        let (held_until, by) = (row.name(names::UNTIL), row.name(names::WRITTEN_BY));
        let (now, own) = (row.value(text(&context.received_at)), row.value(text(context.attempt.as_str())));
        row.conditions.push(format!("attribute_not_exists({held_until}) OR {held_until} <= {now} OR {by} = {own}"));
        self.write_if_unchanged(row, &self.tables().accounts, &sweep_id(sweep), context).await
    }

    async fn sweep_cursor(&self, sweep: Sweep, context: &CallContext<'_>) -> Result<Option<String>, CommitError> {
        let row = self.row(&self.tables().accounts, sweep_id(sweep), context).await?;
        Ok(row.and_then(|row| row.get(names::PLACE)?.as_s().ok().cloned()))
    }

    async fn save_sweep_cursor(
        &self,
        sweep: Sweep,
        place: Option<&str>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let mut row = Row::with_form();
        row.set(names::UPDATED_AT, text(&context.received_at));
        row.set_or_remove(names::PLACE, place.map(text));
        self.write_unless_changed(row, &self.tables().accounts, &sweep_id(sweep), context).await
    }
}

fn time(row: &Image, name: &'static str) -> Result<Timestamp, Unreadable> {
    let time = row.get(name).and_then(|value| Timestamp::parse_rfc3339(value.as_s().ok()?).ok());
    time.ok_or(Unreadable(name))
}

fn word(row: &Image, name: &str) -> Option<String> {
    row.get(name)?.as_s().ok().cloned()
}

fn due_row(row: &Image) -> Option<DueRow> {
    Some(DueRow { id: word(row, names::ID)?, due_at: word(row, names::DUE_AT)? })
}

pub(crate) fn due_order(row: &Image) -> Option<DueOrder> {
    let owner = word(row, names::OWNER).unwrap_or_default();
    Some(DueOrder { row: due_row(row)?, owner, created_at: time(row, names::CREATED_AT).ok() })
}

/// Stored in the accounts table. No account id contains a `#`.
fn sweep_id(sweep: Sweep) -> String {
    format!("sweep#{}", sweep.as_str())
}

impl DynamoLedger {
    pub(crate) async fn kept_body(&self, id: &str, context: &CallContext<'_>) -> Result<Option<KeptBody>, CommitError> {
        let unreadable = |error: Unreadable| CommitError::Refused(Box::new(error));
        let table = &self.tables().bodies;
        let Some(first) = self.row(table, id.to_owned(), context).await? else {
            return Ok(None);
        };
        let mut further = Vec::new();
        for id in body::later_part_ids(id, &first).map_err(unreadable)? {
            let part = self.row(table, id, context).await?;
            further.push(part.ok_or_else(|| unreadable(Unreadable(names::BODY)))?);
        }
        body::read(&first, &further).map(Some).map_err(unreadable)
    }

    /// The due rows under this value of a sparse index, the longest due first.
    pub(crate) async fn due_in(
        &self,
        table: &str,
        index: &str,
        word: &str,
        rows_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            let query = self.due_query(table, index, word, context).limit(i32::from(rows_max));
            match query.send().await {
                Ok(found) => Ok(Answer::Final(found.items().iter().filter_map(due_row).collect())),
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    /// A query for the rows under this value of a sparse index, without its key condition.
    pub(crate) fn index_query(&self, table: &str, index: &str, word: &str) -> QueryFluentBuilder {
        let query = self.client().query().table_name(table).index_name(index);
        // Each index has the name of its key attribute.
        query.expression_attribute_names("#word", index).expression_attribute_values(":word", text(word))
    }

    /// A query for the due rows among them.
    fn due_query(&self, table: &str, index: &str, word: &str, context: &CallContext<'_>) -> QueryFluentBuilder {
        self.index_query(table, index, word)
            .key_condition_expression("#word = :word AND #due_at <= :now")
            .expression_attribute_names("#due_at", names::DUE_AT)
            .expression_attribute_values(":now", text(&context.received_at))
    }

    /// Counts page by page without transferring the rows.
    async fn count_rows(
        &self,
        query: QueryFluentBuilder,
        counted_max: u32,
        context: &CallContext<'_>,
    ) -> Result<u32, CommitError> {
        let (mut counted, mut last) = (0_u32, None);
        loop {
            let page_max = counted_max.saturating_sub(counted).min(COUNTED_AT_ONCE_MAX);
            let page = query
                .clone()
                .select(Select::Count)
                .limit(i32::try_from(page_max).unwrap_or(i32::MAX))
                .set_exclusive_start_key(last);
            let found = self.page(&page, context).await?;
            counted = counted.saturating_add(u32::try_from(found.count).unwrap_or_default());
            last = found.last_evaluated_key;
            if last.is_none() || counted >= counted_max {
                return Ok(counted);
            }
        }
    }

    pub(crate) async fn page(
        &self,
        page: &QueryFluentBuilder,
        context: &CallContext<'_>,
    ) -> Result<QueryOutput, CommitError> {
        until_answered(context.deadline, self.jitter(), || async {
            match page.clone().send().await {
                Ok(found) => Ok(Answer::Final(found)),
                Err(error) => after_failure(error),
            }
        })
        .await
    }

    /// Writes one row if its condition holds, and otherwise does nothing.
    pub(crate) async fn write_unless_changed(
        &self,
        row: Row,
        table: &str,
        id: &str,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        self.write_if_unchanged(row, table, id, context).await.map(|_| ())
    }

    /// Writes one row, and returns whether its condition held.
    pub(crate) async fn write_if_unchanged(
        &self,
        row: Row,
        table: &str,
        id: &str,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let update = row.update(table, id).map_err(|error| CommitError::Refused(Box::new(error)))?;
        until_answered(context.deadline, self.jitter(), || async {
            // A transaction even for a single row: roles may write to the tables only through transactions.
            let sent = self.client().transact_write_items().transact_items(update.clone()).send().await;
            let Err(error) = sent else {
                return Ok(Answer::Final(true));
            };
            if error.as_service_error().is_some_and(is_condition_failure) {
                Ok(Answer::Final(false))
            } else {
                retry_cancelled(error)
            }
        })
        .await
    }
}

/// Another run has changed the row, or a call of ours whose answer was lost.
fn is_condition_failure(error: &TransactWriteItemsError) -> bool {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else {
        return false;
    };
    cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some("ConditionalCheckFailed"))
}

/// A cancellation for any other reason is a conflict with another transaction, and can be retried.
pub(crate) fn retry_cancelled<T>(
    error: SdkError<TransactWriteItemsError, HttpResponse>,
) -> Result<Answer<T>, CommitError> {
    let is_cancelled = error.as_service_error().is_some_and(TransactWriteItemsError::is_transaction_canceled_exception);
    if is_cancelled { Ok(Answer::Retry(Box::new(error))) } else { after_failure(error) }
}
