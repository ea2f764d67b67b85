//! The in-memory journal by day.

use ledger::{CallContext, CommitError, DayShard, LinePosition, ListedPage, ListedRow, Listing, ListingQuery, Writer};

use super::KeptRow;
use crate::MemoryLedger;

impl Listing for MemoryLedger {
    async fn listed(&self, query: &ListingQuery, _: &CallContext<'_>) -> Result<ListedPage, CommitError> {
        let state = self.0.lock().unwrap();
        let from = query.from.to_string();
        let place = |row: &ListedRow| (row.at.clone(), row.key.clone());
        let mut rows: Vec<ListedRow> = state
            .journal
            .iter()
            .filter(|(key, kept)| kept.is_listed && DayShard::of(key, kept.first_received_at) == query.shard)
            .map(|(key, kept)| shown(key, kept))
            .filter(|row| row.at >= from)
            .filter(|row| query.after.as_ref().is_none_or(|after| place(row) < (after.at.clone(), after.key.clone())))
            .collect();
        rows.sort_by_key(|row| std::cmp::Reverse(place(row)));
        let has_more = rows.len() > usize::from(query.rows_max);
        rows.truncate(query.rows_max.into());
        let next = rows.last().map(|row| LinePosition { key: row.key.clone(), at: row.at.clone() });
        rows.retain(|row| query.is_failed.is_none_or(|is_failed| row.is_failed == is_failed));
        rows.retain(|row| query.writer.as_ref().is_none_or(|writer| row.writer == *writer));
        Ok(ListedPage { rows, next: next.filter(|_| has_more) })
    }
}

fn shown(key: &str, kept: &KeptRow) -> ListedRow {
    ListedRow {
        key: key.to_owned(),
        at: kept.first_received_at.to_string(),
        writer: kept.writer.map(Writer::as_str).unwrap_or_default().to_owned(),
        kind: kept.kind.to_owned(),
        is_failed: kept.row.status == "failed",
        reason: kept.row.reason.clone(),
        order: kept.row.order.clone(),
    }
}
