//! The keys of an owner, or the service keys, as they are stored: one by its id, and all by page.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use ledger::{CallContext, CommitError, EventKey, KeyId, KeyPage, KeyQuery, Keys, LinePosition, StoredKey};

use crate::audit::word;
use crate::batch::Read;
use crate::image::{self, Image, Unreadable, inner, known_form};
use crate::names;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::{DynamoLedger, unreadable};
use crate::{owner_key_row, service_key_row};

/// Of the rows of both kinds.
const ATTRIBUTES: [&str; 15] = [
    names::ID,
    names::FORMAT,
    names::OWNER,
    names::KEY_OWNER,
    names::KEY_NAME,
    names::SCOPES,
    names::RECEIPT,
    names::RECEIVED_AT,
    names::REVOKED_AT,
    names::CALLS_A_MINUTE,
    names::DRAWS,
    names::ZONE,
    names::DAY_LIMIT_UNITS,
    names::MONTH_LIMIT_UNITS,
    names::TOTAL_LIMIT_UNITS,
];

impl Keys for DynamoLedger {
    async fn key_as_stored(&self, id: &KeyId, context: &CallContext<'_>) -> Result<Option<StoredKey>, CommitError> {
        let row = self.row(&self.tables().accounts, id.row(), context).await?;
        row.as_ref().map(read).transpose().map_err(unreadable)
    }

    async fn key_page(&self, query: &KeyQuery, context: &CallContext<'_>) -> Result<KeyPage, CommitError> {
        let (ids, next) = self.page_of_keys(query, context).await?;
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let wanted = Read { table: &self.tables().accounts, attributes: &ATTRIBUTES, is_strong: true };
        let rows = self.rows(&wanted, &ids, context).await?;
        let mut keys: Vec<StoredKey> = rows.iter().map(read).collect::<Result<_, _>>().map_err(unreadable)?;
        keys.sort_by_key(|key| (key.since(), key.id().row()));
        Ok(KeyPage { keys, next })
    }

    async fn facts_of(
        &self,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> Result<Vec<(String, String)>, CommitError> {
        let row = self.row(&self.tables().journal, receipt.to_string(), context).await?;
        row.as_ref().map_or_else(|| Ok(Vec::new()), facts).map_err(unreadable)
    }
}

impl DynamoLedger {
    /// The ids of a page in the index, which is eventually consistent, and where the next one begins.
    async fn page_of_keys(
        &self,
        query: &KeyQuery,
        context: &CallContext<'_>,
    ) -> Result<(Vec<String>, Option<LinePosition>), CommitError> {
        let of = query.owner.as_ref().map_or_else(|| service_key_row::ALL.to_owned(), ToString::to_string);
        until_answered(context.deadline, self.jitter(), || async {
            let call = self
                .client()
                .query()
                .table_name(&self.tables().accounts)
                .index_name(names::KEYS)
                .key_condition_expression("#of = :of")
                .expression_attribute_names("#of", names::KEY_OWNER)
                .expression_attribute_values(":of", text(&of))
                .set_exclusive_start_key(query.after.as_ref().map(|after| index_key(&of, after)))
                .limit(i32::from(query.keys_max));
            match call.send().await {
                Ok(found) => {
                    let ids = found.items().iter().filter_map(|row| word(row, names::ID)).collect();
                    Ok(Answer::Final((ids, found.last_evaluated_key().and_then(place))))
                }
                Err(error) => after_failure(error),
            }
        })
        .await
    }
}

fn place(row: &Image) -> Option<LinePosition> {
    Some(LinePosition { key: word(row, names::ID)?, at: word(row, names::RECEIVED_AT)? })
}

fn index_key(of: &str, place: &LinePosition) -> Image {
    let parts = [(names::KEY_OWNER, of), (names::RECEIVED_AT, &place.at), (names::ID, &place.key)];
    parts.map(|(name, part)| (name.to_owned(), text(part))).into()
}

fn read(row: &Image) -> image::Read<StoredKey> {
    match image::word(row, names::ID, KeyId::of_row)? {
        KeyId::Owner(_) => owner_key_row::read(row).map(StoredKey::Owner),
        KeyId::Service(_) => service_key_row::read(row).map(StoredKey::Service),
    }
}

/// Those that are texts. A refused change has made nothing.
fn facts(row: &Image) -> image::Read<Vec<(String, String)>> {
    known_form(row)?;
    if !row.contains_key(names::PROCESSED_AT) {
        return Ok(Vec::new());
    }
    let facts: &HashMap<String, AttributeValue> = inner(row, names::FACTS)?.ok_or(Unreadable(names::FACTS))?;
    let text = |(name, value): (&String, &AttributeValue)| Some((name.clone(), value.as_s().ok()?.clone()));
    Ok(facts.iter().filter_map(text).collect())
}
