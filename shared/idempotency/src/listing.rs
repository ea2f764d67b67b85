//! The journal by day, and orders that wait or are flagged, from their sparse indexes.

use ledger::{
    CallContext, CommitError, DueOrder, FlaggedQuery, LinePosition, ListedPage, ListedRow, Listing, ListingQuery,
    Timestamp, Work,
};

use crate::audit::word;
use crate::backlog::due_order;
use crate::image::Image;
use crate::names;
use crate::retry::{Answer, after_failure, until_answered};
use crate::rows::text;
use crate::store::DynamoLedger;
use crate::{anomaly_row, order_row};

impl Listing for DynamoLedger {
    async fn listed(&self, query: &ListingQuery, context: &CallContext<'_>) -> Result<ListedPage, CommitError> {
        let shard = query.shard.word();
        let status = query.is_failed.map(|is_failed| if is_failed { names::FAILED } else { names::PROCESSED });
        let filters = [
            ("#status = :status", status),
            ("#source = :source", query.writer.as_deref()),
            ("kind = :kind", query.kind.as_deref()),
        ];
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
            if let Some(kind) = &query.kind {
                call = call.expression_attribute_values(":kind", text(kind));
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

    async fn orders_with_work(
        &self,
        work: Work,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueOrder>, CommitError> {
        let query = self
            .index_query(&self.tables().orders, names::WORK, order_row::word_of(work))
            .key_condition_expression("#word = :word")
            .limit(i32::from(orders_max));
        Ok(self.page(&query, context).await?.items().iter().filter_map(due_order).collect())
    }

    async fn flagged_orders(
        &self,
        query: &FlaggedQuery,
        context: &CallContext<'_>,
    ) -> Result<Vec<LinePosition>, CommitError> {
        let FlaggedQuery { reason, from, until, orders_max } = *query;
        let query = self
            .client()
            .query()
            .table_name(&self.tables().orders)
            .index_name(names::ANOMALIES)
            .key_condition_expression("anomaly_reason = :reason AND anomaly_at BETWEEN :from AND :until")
            .expression_attribute_values(":reason", text(&anomaly_row::word_of(reason)))
            .expression_attribute_values(":from", text(&from))
            .expression_attribute_values(":until", text(&until.unwrap_or(Timestamp::EPOCH.plus_seconds(i64::MAX))))
            .scan_index_forward(false)
            .limit(i32::from(orders_max));
        let found = self.page(&query, context).await?;
        let place = |row: &Image| Some(LinePosition { key: word(row, names::ID)?, at: word(row, names::ANOMALY_AT)? });
        Ok(found.items().iter().filter_map(place).collect())
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
