//! What is left undone, of books in memory.

use std::collections::BTreeSet;

use ledger::{
    Backlog, CommitError, Delivery, DueRow, EventKey, Order, OrderNumber, Queue, Timestamp, Waiting, Work,
    pass_over_pause_s,
};

use super::{Kept, MemoryLedger};

impl Backlog for MemoryLedger {
    async fn due(
        &self,
        source: &'static str,
        events_max: u16,
        delivery: &Delivery<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        let state = self.0.lock().unwrap();
        let due = |kept: &Kept| kept.due.filter(|(of, at)| *of == source && *at <= delivery.received_at);
        let mut found: Vec<_> = state.journal.iter().filter_map(|(id, kept)| Some((due(kept)?.1, id))).collect();
        found.sort();
        Ok(found.into_iter().take(events_max.into()).map(|(at, id)| due_row(id, at)).collect())
    }

    async fn all_due(
        &self,
        source: &'static str,
        counted_max: u32,
        delivery: &Delivery<'_>,
    ) -> Result<u32, CommitError> {
        let state = self.0.lock().unwrap();
        let is_due = |kept: &&Kept| kept.due.is_some_and(|(of, at)| of == source && at <= delivery.received_at);
        Ok(u32::try_from(state.journal.values().filter(is_due).count()).unwrap().min(counted_max))
    }

    async fn waiting(&self, receipt: &EventKey, delivery: &Delivery<'_>) -> Result<Option<Waiting>, CommitError> {
        let state = self.0.lock().unwrap();
        let due = state.journal.get(receipt.as_str()).and_then(|kept| Some((kept, kept.due?.1)));
        Ok(due.filter(|(_, due_at)| *due_at <= delivery.received_at).map(|(kept, due_at)| Waiting {
            receipt: receipt.clone(),
            first_received_at: kept.first_received_at,
            due_at,
            body: state.bodies.get(receipt.as_str()).cloned(),
        }))
    }

    async fn put_off(&self, waiting: &Waiting, until: Option<Timestamp>, _: &Delivery<'_>) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap();
        let kept = state.journal.get_mut(waiting.receipt.as_str()).unwrap();
        if let Some((source, _)) = kept.due.filter(|(_, due_at)| *due_at == waiting.due_at) {
            kept.due = until.map(|until| (source, until));
            kept.row.needs_attention = until.is_some();
            state.passed_over.remove(waiting.receipt.as_str());
        }
        Ok(())
    }

    async fn undone(&self, work: Work, orders_max: u16, delivery: &Delivery<'_>) -> Result<Vec<DueRow>, CommitError> {
        let state = self.0.lock().unwrap();
        let due = state.work.iter().filter(|(_, (known, at))| *known == work && *at <= delivery.received_at);
        let mut due: Vec<_> = due.map(|(order, (_, at))| (*at, order)).collect();
        due.sort();
        Ok(due.into_iter().take(orders_max.into()).map(|(at, order)| due_row(order, at)).collect())
    }

    async fn left(&self, work: Work, counted_max: u32, _: &Delivery<'_>) -> Result<u32, CommitError> {
        let state = self.0.lock().unwrap();
        let left = state.work.values().filter(|(known, _)| *known == work).count();
        Ok(u32::try_from(left).unwrap().min(counted_max))
    }

    async fn look_later(&self, order: &Order, until: Option<Timestamp>, _: &Delivery<'_>) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap();
        if state.orders.get(&order.number).map(|known| known.version) != Some(order.version) {
            return Ok(());
        }
        state.passed_over.remove(order.number.as_str());
        match (until, state.work.get_mut(&order.number)) {
            (Some(until), Some((_, at))) => *at = until,
            (None, Some(_)) => drop(state.work.remove(&order.number)),
            (_, None) => {}
        }
        Ok(())
    }

    async fn pass_over(&self, queue: Queue, row: &DueRow, delivery: &Delivery<'_>) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap();
        let times = state.passed_over.get(&row.id).copied().unwrap_or_default();
        let until = delivery.received_at.plus_seconds(pass_over_pause_s(times));
        let due_at = match queue {
            Queue::Refused(source) => {
                let due = state.journal.get_mut(&row.id).and_then(|kept| kept.due.as_mut());
                due.filter(|(of, _)| *of == source).map(|(_, due_at)| due_at)
            }
            Queue::Work(work) => {
                let due = OrderNumber::new(&row.id).ok().and_then(|order| state.work.get_mut(&order));
                due.filter(|(of, _)| *of == work).map(|(_, due_at)| due_at)
            }
        };
        if let Some(due_at) = due_at.filter(|due_at| due_at.to_string() == row.due_at) {
            *due_at = until;
            state.passed_over.insert(row.id.clone(), times.checked_add(1).unwrap());
        }
        Ok(())
    }

    async fn known(&self, receipts: &BTreeSet<EventKey>, _: &Delivery<'_>) -> Result<BTreeSet<EventKey>, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(receipts.iter().filter(|receipt| state.journal.contains_key(receipt.as_str())).cloned().collect())
    }

    async fn place(&self, sweep: &'static str, _: &Delivery<'_>) -> Result<Option<String>, CommitError> {
        Ok(self.0.lock().unwrap().places.get(sweep).cloned())
    }

    async fn keep_place(&self, sweep: &'static str, place: Option<&str>, _: &Delivery<'_>) -> Result<(), CommitError> {
        let places = &mut self.0.lock().unwrap().places;
        match place {
            Some(place) => places.insert(sweep, place.to_owned()),
            None => places.remove(sweep),
        };
        Ok(())
    }
}

fn due_row(id: &(impl ToString + ?Sized), due_at: Timestamp) -> DueRow {
    DueRow { id: id.to_string(), due_at: due_at.to_string() }
}
