//! Batch reads of one table by id.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use ledger::{CallContext, CommitError};

use crate::image::Image;
use crate::names;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::DynamoLedger;

/// DynamoDB's limit for one call.
const KEYS_MAX: usize = 100;

/// The table and the attributes to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read<'t> {
    pub(crate) table: &'t str,
    pub(crate) attributes: &'t [&'t str],
    /// Strongly consistent, at twice the price.
    pub(crate) is_strong: bool,
}

impl DynamoLedger {
    /// The existing rows among these ids, in any order. An id must not be repeated.
    pub(crate) async fn rows(
        &self,
        read: &Read<'_>,
        ids: &[&str],
        context: &CallContext<'_>,
    ) -> Result<Vec<Image>, CommitError> {
        let mut rows = Vec::new();
        for ids in ids.chunks(KEYS_MAX) {
            let keys = ids.iter().map(|id| HashMap::from([(names::ID.to_owned(), text(*id))])).collect();
            self.batch(read, keys, &mut rows, context).await?;
        }
        Ok(rows)
    }

    /// The store may answer only a part of the keys; the next call requests the others.
    async fn batch(
        &self,
        read: &Read<'_>,
        keys: Vec<HashMap<String, AttributeValue>>,
        rows: &mut Vec<Image>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let state = Mutex::new((keys, rows));
        until_answered(context.deadline, self.jitter(), || async {
            let remaining = state.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
            let request = read.request(remaining).map_err(|error| CommitError::Refused(Box::new(error)))?;
            match self.client().batch_get_item().request_items(read.table, request).send().await {
                Ok(found) => {
                    let (keys, rows) = &mut *state.lock().unwrap_or_else(PoisonError::into_inner);
                    rows.extend(found.responses.unwrap_or_default().into_values().flatten());
                    let remaining = found.unprocessed_keys.unwrap_or_default().remove(read.table);
                    *keys = remaining.map(|remaining| remaining.keys).unwrap_or_default();
                    Ok(if keys.is_empty() { Answer::Final(()) } else { Answer::Retry("the table is busy".into()) })
                }
                Err(error) => after_failure(error),
            }
        })
        .await
    }
}

impl Read<'_> {
    /// Each attribute has a placeholder, since `order` and others are reserved words.
    fn request(
        &self,
        keys: Vec<HashMap<String, AttributeValue>>,
    ) -> Result<KeysAndAttributes, aws_sdk_dynamodb::error::BuildError> {
        let placeholders: Vec<String> = self.attributes.iter().map(|name| format!("#{name}")).collect();
        let names = placeholders.iter().cloned().zip(self.attributes.iter().map(|name| (*name).to_owned()));
        KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .projection_expression(placeholders.join(", "))
            .set_expression_attribute_names(Some(names.collect()))
            .consistent_read(self.is_strong)
            .build()
    }
}
