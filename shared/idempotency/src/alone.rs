//! Writes of one row outside a transaction, in the table that has no money.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, TransactWriteItem};
use ledger::CommitError;

use crate::image::Image;
use crate::retry::{Answer, after_failure};
use crate::rows::Row;
use crate::store::DynamoLedger;

impl DynamoLedger {
    /// Writes one row, once, and returns whether its condition held.
    pub(crate) async fn write_alone(&self, row: Row, table: &str, id: &str) -> Result<bool, CommitError> {
        Ok(self.written_alone(row, table, id, ReturnValue::None).await?.is_some())
    }

    /// Writes one row, once, and returns it as it is then; `None` if its condition did not hold.
    pub(crate) async fn written_alone(
        &self,
        row: Row,
        table: &str,
        id: &str,
        returned: ReturnValue,
    ) -> Result<Option<Image>, CommitError> {
        let item = row.update(table, id).map_err(|error| CommitError::Refused(Box::new(error)))?;
        let TransactWriteItem { update: Some(update), .. } = item else { return Ok(None) };
        let call = self
            .client()
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values)
            .return_values(returned);
        let error = match call.send().await {
            Ok(written) => return Ok(Some(written.attributes.unwrap_or_default())),
            Err(error) => error,
        };
        if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) {
            return Ok(None);
        }
        match after_failure::<(), _>(error)? {
            Answer::Retry(cause) => Err(CommitError::Unavailable(Some(cause))),
            Answer::Final(()) => Err(CommitError::Unavailable(None)),
        }
    }
}
