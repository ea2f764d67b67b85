//! The in-memory journal by day, and the orders that wait.

use ledger::{
    CallContext, CommitError, DayShard, DueOrder, DueRow, FlaggedQuery, LinePosition, ListedPage, ListedRow, Listing,
    ListingQuery, Order, OrderNumber, Timestamp, Work, Writer,
};

use super::{KeptRow, State};
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
        rows.retain(|row| query.kind.as_ref().is_none_or(|kind| row.kind == *kind));
        Ok(ListedPage { rows, next: next.filter(|_| has_more) })
    }

    async fn orders_with_work(
        &self,
        work: Work,
        orders_max: u16,
        _: &CallContext<'_>,
    ) -> Result<Vec<DueOrder>, CommitError> {
        let state = self.0.lock().unwrap();
        let of_work = state.work.iter().filter(|(_, (known, _))| *known == work);
        let mut due: Vec<_> = of_work.map(|(number, (_, at))| (*at, number)).collect();
        due.sort();
        due.truncate(orders_max.into());
        let order = |(at, number): (Timestamp, &OrderNumber)| {
            let order: &Order = state.orders.get(number).unwrap();
            let row = DueRow { id: number.to_string(), due_at: at.to_string() };
            DueOrder { row, owner: order.owner.to_string(), created_at: Some(order.created_at) }
        };
        Ok(due.into_iter().map(order).collect())
    }

    async fn flagged_orders(
        &self,
        query: &FlaggedQuery,
        _: &CallContext<'_>,
    ) -> Result<Vec<LinePosition>, CommitError> {
        let state = self.0.lock().unwrap();
        let flagged = state.orders.values().filter(|order| order.flagged_for() == Some(query.reason));
        let since = |order: &Order| state.flagged.get(&order.number).copied().unwrap_or(order.created_at);
        let flagged = flagged.map(|order| (since(order), &order.number)).filter(|(since, _)| *since >= query.from);
        let flagged = flagged.filter(|(since, _)| query.until.is_none_or(|until| *since <= until));
        let mut places: Vec<LinePosition> = flagged.map(|(since, number)| place(number, since)).collect();
        places.sort_by(|one, other| (&other.at, &other.key).cmp(&(&one.at, &one.key)));
        places.truncate(query.orders_max.into());
        Ok(places)
    }
}

impl State {
    /// Keeps what the sparse indexes have of an order.
    pub(super) fn index_order(&mut self, order: &Order, at: Timestamp) {
        if order.flagged_for().is_some() {
            self.flagged.entry(order.number.clone()).or_insert(at);
        } else {
            self.flagged.remove(&order.number);
        }
        self.work.remove(&order.number);
        self.passed_over.remove(order.number.as_str());
        if let Some(work) = order.work(at) {
            self.work.insert(order.number.clone(), work);
        }
    }
}

fn place(number: &OrderNumber, at: Timestamp) -> LinePosition {
    LinePosition { key: number.to_string(), at: at.to_string() }
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
