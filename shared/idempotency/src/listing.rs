//! The journal by day, from its sparse index.

use ledger::{CallContext, CommitError, LinePosition, ListedPage, ListedRow, Listing, ListingQuery};

use crate::audit::word;
use crate::image::Image;
use crate::names;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::DynamoLedger;

impl Listing for DynamoLedger {
    async fn listed(&self, query: &ListingQuery, context: &CallContext<'_>) -> Result<ListedPage, CommitError> {
        let shard = query.shard.word();
        let status = query.is_failed.map(|is_failed| if is_failed { names::FAILED } else { names::PROCESSED });
        let filters = [("#status = :status", status), ("#source = :source", query.writer.as_deref())];
        let filters: Vec<&str> =
            filters.iter().filter(|(_, value)| value.is_some()).map(|(filter, _)| *filter).collect();
        until_answered(context.deadline, self.jitter(), || async {
            let mut call = self
                .client()
                .query()
                .table_name(&self.tables().journal)
                .index_name(names::BY_DAY)
                .key_condition_expression("listed = :shard AND received_at >= :from")
                .expression_attribute_values(":shard", text(&shard))
                .expression_attribute_values(":from", text(&query.from))
                .set_exclusive_start_key(query.after.as_ref().map(|after| start(&shard, after)))
                .set_filter_expression((!filters.is_empty()).then(|| filters.join(" AND ")))
                .scan_index_forward(false)
                .limit(i32::from(query.rows_max));
            if let Some(status) = status {
                call = call
                    .expression_attribute_names("#status", names::STATUS)
                    .expression_attribute_values(":status", text(status));
            }
            if let Some(writer) = &query.writer {
                call = call
                    .expression_attribute_names("#source", names::SOURCE)
                    .expression_attribute_values(":source", text(writer));
            }
            match call.send().await {
                Ok(found) => Ok(Answer::Final(ListedPage {
                    rows: found.items().iter().filter_map(row).collect(),
                    next: found.last_evaluated_key().and_then(place),
                })),
                Err(error) => after_failure(error),
            }
        })
        .await
    }
}

fn start(shard: &str, after: &LinePosition) -> Image {
    let parts = [(names::LISTED, shard), (names::RECEIVED_AT, &after.at), (names::ID, &after.key)];
    parts.map(|(name, part)| (name.to_owned(), text(part))).into()
}

fn place(row: &Image) -> Option<LinePosition> {
    Some(LinePosition { key: word(row, names::ID)?, at: word(row, names::RECEIVED_AT)? })
}

fn row(row: &Image) -> Option<ListedRow> {
    let LinePosition { key, at } = place(row)?;
    Some(ListedRow {
        key,
        at,
        writer: word(row, names::SOURCE)?,
        kind: word(row, names::KIND).unwrap_or_default(),
        is_failed: word(row, names::STATUS)? == names::FAILED,
        reason: word(row, names::REASON),
        order: word(row, names::ORDER),
    })
}
