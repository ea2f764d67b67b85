//! An outbox in a DynamoDB table, for senders without a disk of their own. Several processes may share it.
//!
//! The table has the key `id`, and the sparse index `waiting` with the keys `queue` and `due_at`, with all attributes. A
//! event that was refused has left the index, and keeps the reason in `refused`.

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use ledger::Timestamp;

use crate::Event;
use crate::outbox::{Outbox, OutboxError, Waiting};

const INDEX: &str = "waiting";
/// One partition of an index takes 1,000 writes a second.
const QUEUES: u32 = 4;

const ID: &str = "id";
const BODY: &str = "body";
const QUEUE: &str = "queue";
const DUE_AT: &str = "due_at";
const ROUNDS: &str = "rounds";

#[derive(Debug, Clone)]
pub struct DynamoOutbox {
    client: Client,
    table: String,
}

impl DynamoOutbox {
    pub fn new(client: Client, table: &str) -> Self {
        Self { client, table: table.to_owned() }
    }

    /// What is due in one queue.
    async fn due(&self, queue: u32, now: Timestamp, limit: usize) -> Result<Vec<Row>, OutboxError> {
        let found = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(INDEX)
            .key_condition_expression("queue = :queue AND due_at <= :now")
            .expression_attribute_values(":queue", text(&queue))
            .expression_attribute_values(":now", text(&now))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(found.items.unwrap_or_default().iter().filter_map(Row::read).collect())
    }

    /// Whether this process has it now, and no other.
    async fn claim(&self, row: &Row, until: Timestamp) -> Result<bool, OutboxError> {
        let claimed = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, text(&row.waiting.event.id))
            .update_expression("SET due_at = :until")
            // As it was read: no other process has it, and it has been neither accepted nor refused.
            .condition_expression("due_at = :read AND attribute_exists(queue)")
            .expression_attribute_values(":until", text(&until))
            .expression_attribute_values(":read", text(&row.due_at))
            .send()
            .await;
        match claimed {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) =>
            {
                Ok(false)
            }
            Err(error) => Err(unavailable(&error)),
        }
    }
}

impl Outbox for DynamoOutbox {
    async fn put(&self, event: &Event, due_at: Timestamp) -> Result<(), OutboxError> {
        let queue = fastrand::u32(0..QUEUES);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .item(ID, text(&event.id))
            .item(BODY, text(&event.body))
            .item(QUEUE, text(&queue))
            .item(DUE_AT, text(&due_at))
            .item(ROUNDS, AttributeValue::N("0".to_owned()))
            .condition_expression("attribute_not_exists(id)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let Err(error) = put else { return Ok(()) };
        let Some(PutItemError::ConditionalCheckFailedException(failed)) = error.as_service_error() else {
            return Err(unavailable(&error));
        };
        // An answer that was lost is no conflict.
        let is_same =
            failed.item().and_then(|item| item.get(BODY)?.as_s().ok()).is_some_and(|body| *body == event.body);
        if is_same { Ok(()) } else { Err(OutboxError::Conflict(event.id.clone())) }
    }

    async fn take(&self, now: Timestamp, until: Timestamp, limit: usize) -> Result<Vec<Waiting>, OutboxError> {
        let mut taken = Vec::new();
        for queue in 0..QUEUES {
            let left = limit.saturating_sub(taken.len());
            if left == 0 {
                break;
            }
            for row in self.due(queue, now, left).await? {
                if self.claim(&row, until).await? {
                    taken.push(row.waiting);
                }
            }
        }
        Ok(taken)
    }

    async fn postpone(&self, id: &str, due_at: Timestamp, rounds: u32) -> Result<(), OutboxError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, text(id))
            .update_expression("SET due_at = :due, rounds = :rounds")
            // Another process may have sent it meanwhile: an update must not make an empty row.
            .condition_expression("attribute_exists(queue)")
            .expression_attribute_values(":due", text(&due_at))
            .expression_attribute_values(":rounds", AttributeValue::N(rounds.to_string()));
        unless_gone(update.send().await)
    }

    async fn remove(&self, id: &str) -> Result<(), OutboxError> {
        let delete = self.client.delete_item().table_name(&self.table).key(ID, text(id));
        delete.send().await.map(drop).map_err(|error| unavailable(&error))
    }

    async fn set_aside(&self, id: &str, why: &str) -> Result<(), OutboxError> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(ID, text(id))
            .update_expression("SET refused = :why REMOVE queue, due_at")
            .condition_expression("attribute_exists(queue)")
            .expression_attribute_values(":why", text(why));
        unless_gone(update.send().await)
    }
}

/// A row of the index.
struct Row {
    due_at: String,
    waiting: Waiting,
}

impl Row {
    fn read(item: &HashMap<String, AttributeValue>) -> Option<Self> {
        let text = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let rounds = item.get(ROUNDS).and_then(|rounds| rounds.as_n().ok()?.parse().ok());
        let event = Event { id: text(ID)?, body: text(BODY)? };
        Some(Self { due_at: text(DUE_AT)?, waiting: Waiting { event, rounds: rounds.unwrap_or_default() } })
    }
}

fn unless_gone<T>(updated: Result<T, SdkError<UpdateItemError>>) -> Result<(), OutboxError> {
    match updated {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
            Ok(())
        }
        Err(error) => Err(unavailable(&error)),
    }
}

fn text(value: &(impl Display + ?Sized)) -> AttributeValue {
    AttributeValue::S(value.to_string())
}

/// The code alone: what else the service says may quote the item.
fn unavailable<E: ProvideErrorMetadata>(error: &SdkError<E>) -> OutboxError {
    let code = error.as_service_error().and_then(|error| error.code().map(str::to_owned));
    OutboxError::Unavailable(code.unwrap_or_else(|| "no answer of DynamoDB".to_owned()))
}
