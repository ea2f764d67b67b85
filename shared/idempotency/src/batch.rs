//! Batch reads by id.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes};
use ledger::{CallContext, CommitError, OrderNumber, Pointer, PointerRow, Reference, RowKeys, Rows, UnreadableRow};

use crate::image::{self, Image};
use crate::names;
use crate::order_image;
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

type Wanted = HashMap<String, KeysAndAttributes>;

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
            let request = read.request(ids.iter().map(|id| key(id)).collect()).map_err(refused)?;
            self.batch([(read.table.to_owned(), request)].into(), |_, row| rows.push(row), context).await?;
        }
        Ok(rows)
    }

    /// Orders, pointers and subscriptions with all their attributes, strongly consistent.
    pub(crate) async fn rows_of(&self, keys: &RowKeys, context: &CallContext<'_>) -> Result<Rows, CommitError> {
        let tables = self.tables();
        let orders = keys.orders.iter().map(ToString::to_string);
        let orders = orders.chain(keys.pointers.iter().map(ToString::to_string)).map(|id| (&tables.orders, id));
        let subscriptions = keys.subscriptions.iter().map(|reference| (&tables.subscriptions, reference.to_string()));
        let all: Vec<(&String, String)> = orders.chain(subscriptions).collect();
        let mut images: BTreeMap<(String, String), Image> = BTreeMap::new();
        for some in all.chunks(KEYS_MAX) {
            let mut by_table: HashMap<String, Vec<HashMap<String, AttributeValue>>> = HashMap::new();
            for (table, id) in some {
                by_table.entry((*table).clone()).or_default().push(key(id));
            }
            let request = |(table, keys)| {
                let request = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build()?;
                Ok((table, request))
            };
            let wanted = by_table.into_iter().map(request).collect::<Result<Wanted, BuildError>>().map_err(refused)?;
            let take = |table: &str, row: Image| {
                if let Some(id) = row.get(names::ID).and_then(|id| id.as_s().ok()).cloned() {
                    images.insert((table.to_owned(), id), row);
                }
            };
            self.batch(wanted, take, context).await?;
        }
        let image = |table: &String, id: String| images.get(&(table.clone(), id));
        let order = |number: &OrderNumber| {
            let row = image(&tables.orders, number.to_string())?;
            Some((number.clone(), parsed(number, order_image::order(row))))
        };
        let pointer = |pointer: &Pointer| {
            let row = image(&tables.orders, pointer.to_string())?;
            Some((pointer.clone(), parsed(pointer, pointer_row(row))))
        };
        let subscription = |reference: &Reference| {
            let row = image(&tables.subscriptions, reference.to_string())?;
            Some((reference.clone(), parsed(reference, order_image::subscription(row))))
        };
        Ok(Rows {
            orders: keys.orders.iter().filter_map(order).collect(),
            pointers: keys.pointers.iter().filter_map(pointer).collect(),
            subscriptions: keys.subscriptions.iter().filter_map(subscription).collect(),
        })
    }

    /// The store may answer only a part of the keys; the next call requests the others.
    async fn batch(
        &self,
        wanted: Wanted,
        take: impl FnMut(&str, Image) + Send,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        if wanted.is_empty() {
            return Ok(());
        }
        let state = Mutex::new((wanted, take));
        until_answered(context.deadline, self.jitter(), || async {
            let wanted = state.lock().unwrap_or_else(PoisonError::into_inner).0.clone();
            match self.client().batch_get_item().set_request_items(Some(wanted)).send().await {
                Ok(found) => {
                    let (wanted, take) = &mut *state.lock().unwrap_or_else(PoisonError::into_inner);
                    for (table, rows) in found.responses.unwrap_or_default() {
                        for row in rows {
                            take(&table, row);
                        }
                    }
                    *wanted = found.unprocessed_keys.unwrap_or_default();
                    Ok(if wanted.is_empty() { Answer::Final(()) } else { Answer::Retry("the table is busy".into()) })
                }
                Err(error) => after_failure(error),
            }
        })
        .await
    }
}

fn key(id: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([(names::ID.to_owned(), text(id))])
}

fn refused(error: BuildError) -> CommitError {
    CommitError::Refused(Box::new(error))
}

fn pointer_row(row: &Image) -> image::Read<PointerRow> {
    Ok(PointerRow { order: order_image::pointer(row)?, invoice: order_image::invoice(row)? })
}

fn parsed<T>(id: &impl ToString, read: image::Read<T>) -> Result<T, UnreadableRow> {
    read.map_err(|image::Unreadable(attribute)| UnreadableRow { id: id.to_string(), attribute })
}

impl Read<'_> {
    fn request(&self, keys: Vec<HashMap<String, AttributeValue>>) -> Result<KeysAndAttributes, BuildError> {
        let (projection, placeholders) = projected(self.attributes);
        KeysAndAttributes::builder()
            .set_keys(Some(keys))
            .projection_expression(projection)
            .set_expression_attribute_names(placeholders)
            .consistent_read(self.is_strong)
            .build()
    }
}

/// The expression with these attributes, and its placeholders.
pub(crate) fn projected(attributes: &[&str]) -> (String, Option<HashMap<String, String>>) {
    let mut placeholders = HashMap::new();
    let spelled: Vec<&str> = attributes
        .iter()
        .map(|attribute| match names::placeholder(attribute) {
            Some(placeholder) => {
                placeholders.insert(placeholder.to_owned(), (*attribute).to_owned());
                placeholder
            }
            None => attribute,
        })
        .collect();
    (spelled.join(", "), (!placeholders.is_empty()).then_some(placeholders))
}
