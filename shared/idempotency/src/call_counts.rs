//! The counters of calls: a row for each key with a rate and each minute in which it calls.
//!
//! They are no money, and stand in a table of their own, which alone is written outside a transaction: one update without
//! a read, which does not conflict with another call of the same key.

use std::time::Duration;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::TransactWriteItem;
use ledger::{CallContext, CallCounts, CallMinute, CallRate, CommitError, KeyId};

use crate::names;
use crate::retry::{Answer, after_failure};
use crate::rows::{Row, number};
use crate::store::DynamoLedger;

/// A call that is not counted by then is not delayed further.
const COUNT_TIMEOUT: Duration = Duration::from_millis(250);
/// DynamoDB removes a row some time after its minute.
const KEPT_SECONDS: i64 = 60 * 60;

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
}

impl DynamoLedger {
    /// Writes one row outside a transaction, once, and returns whether its condition held.
    async fn write_alone(&self, row: Row, table: &str, id: &str) -> Result<bool, CommitError> {
        let item = row.update(table, id).map_err(|error| CommitError::Refused(Box::new(error)))?;
        let TransactWriteItem { update: Some(update), .. } = item else { return Ok(false) };
        let call = self
            .client()
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values);
        let Err(error) = call.send().await else { return Ok(true) };
        if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) {
            return Ok(false);
        }
        match after_failure::<(), _>(error)? {
            Answer::Retry(cause) => Err(CommitError::Unavailable(Some(cause))),
            Answer::Final(()) => Err(CommitError::Unavailable(None)),
        }
    }
}
