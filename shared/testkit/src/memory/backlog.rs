//! The backlog of the in-memory ledger: due events and orders, retries, leases and cursors of sweeps.

use std::collections::{BTreeMap, BTreeSet};

use ledger::{
    Amount, Backlog, CallContext, CommitError, DueOrder, DueRow, EventKey, Order, OrderNumber, Provider, Queue,
    RefusedEvent, Source, Sweep, Timestamp, Work, unreadable_backoff_s,
};

use super::{Due, MemoryLedger, State};

impl Backlog for MemoryLedger {
    async fn due(
        &self,
        source: Source,
        events_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        let state = self.0.lock().unwrap();
        let found = state.due_under(source.as_str(), context).into_iter().take(events_max.into());
        Ok(found.map(|(at, id, _)| due_row(id, at)).collect())
    }

    async fn count_refused_due(
        &self,
        source: Source,
        counted_max: u32,
        context: &CallContext<'_>,
    ) -> Result<u32, CommitError> {
        let state = self.0.lock().unwrap();
        Ok(u32::try_from(state.due_under(source.as_str(), context).len()).unwrap().min(counted_max))
    }

    async fn refused_event(
        &self,
        receipt: &EventKey,
        context: &CallContext<'_>,
    ) -> Result<Option<RefusedEvent>, CommitError> {
        let state = self.0.lock().unwrap();
        let due = state.journal.get(receipt.as_str()).and_then(|kept| Some((kept, kept.due.as_ref()?.at)));
        Ok(due.filter(|(_, due_at)| *due_at <= context.received_at).map(|(kept, due_at)| RefusedEvent {
            receipt: receipt.clone(),
            first_received_at: kept.first_received_at,
            due_at,
            order: kept.row.order.as_deref().and_then(|order| OrderNumber::new(order).ok()),
            body: state.body_of(receipt),
        }))
    }

    async fn reschedule(
        &self,
        waiting: &RefusedEvent,
        until: Option<Timestamp>,
        _: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap();
        let kept = state.journal.get_mut(waiting.receipt.as_str()).unwrap();
        if let Some(due) = kept.due.clone().filter(|due| due.at == waiting.due_at) {
            kept.due = until.map(|at| Due { at, ..due });
            kept.row.needs_attention = until.is_some();
            state.passed_over.remove(waiting.receipt.as_str());
        }
        Ok(())
    }

    async fn orders_due(
        &self,
        work: Work,
        orders_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        let state = self.0.lock().unwrap();
        let due = state.work.iter().filter(|(_, (known, at))| *known == work && *at <= context.received_at);
        let mut due: Vec<_> = due.map(|(order, (_, at))| (*at, order)).collect();
        due.sort();
        Ok(due.into_iter().take(orders_max.into()).map(|(at, order)| due_row(order, at)).collect())
    }

    async fn unpaid(
        &self,
        provider: Provider,
        orders_max: u32,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueOrder>, CommitError> {
        let state = self.0.lock().unwrap();
        let is_due = |(work, at): &(Work, Timestamp)| *work == Work::Payment(provider) && *at <= context.received_at;
        let due = state.work.iter().filter(|(_, due)| is_due(due));
        let mut due: Vec<_> = due.map(|(number, (_, at))| (*at, number)).collect();
        due.sort();
        due.truncate(usize::try_from(orders_max).unwrap());
        let order = |(at, number)| {
            let order: &Order = state.orders.get(number).unwrap();
            DueOrder { row: due_row(number, at), owner: order.owner.to_string(), created_at: Some(order.created_at) }
        };
        Ok(due.into_iter().map(order).collect())
    }

    async fn count_open_orders(&self, work: Work, counted_max: u32, _: &CallContext<'_>) -> Result<u32, CommitError> {
        let state = self.0.lock().unwrap();
        let left = state.work.values().filter(|(known, _)| *known == work).count();
        Ok(u32::try_from(left).unwrap().min(counted_max))
    }

    async fn reschedule_order(
        &self,
        order: &Order,
        until: Option<Timestamp>,
        _: &CallContext<'_>,
    ) -> Result<(), CommitError> {
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

    async fn reschedule_unreadable(
        &self,
        queue: &Queue,
        row: &DueRow,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let mut state = self.0.lock().unwrap();
        let times = state.passed_over.get(&row.id).copied().unwrap_or_default();
        let until = context.received_at.plus_seconds(unreadable_backoff_s(times));
        let due_at = match queue {
            Queue::Refused(source) => state.due_at_of(&row.id, source.as_str()),
            Queue::Lane(source, lane) => state.due_at_of(&row.id, &format!("{}#{lane}", source.as_str())),
            Queue::Lanes(_) => {
                let word = row.id.strip_prefix("lane#").unwrap_or_default();
                state.lanes.get_mut(word).map(|lane| &mut lane.due_at)
            }
            Queue::Work(work) => {
                let due = OrderNumber::new(&row.id).ok().and_then(|order| state.work.get_mut(&order));
                due.filter(|(of, _)| of == work).map(|(_, due_at)| due_at)
            }
        };
        if let Some(due_at) = due_at.filter(|due_at| due_at.to_string() == row.due_at) {
            *due_at = until;
            state.passed_over.insert(row.id.clone(), times.checked_add(1).unwrap());
        }
        Ok(())
    }

    async fn already_journaled(
        &self,
        receipts: &BTreeSet<EventKey>,
        _: &CallContext<'_>,
    ) -> Result<BTreeMap<EventKey, String>, CommitError> {
        let state = self.0.lock().unwrap();
        let known = |receipt: &EventKey| {
            let kept = state.journal.get(receipt.as_str())?;
            Some((receipt.clone(), kept.fingerprint.clone()))
        };
        Ok(receipts.iter().filter_map(known).collect())
    }

    async fn acquire_sweep(
        &self,
        sweep: Sweep,
        until: Timestamp,
        context: &CallContext<'_>,
    ) -> Result<bool, CommitError> {
        let held = &mut self.0.lock().unwrap().held_sweeps;
        let is_free =
            held.get(&sweep).is_none_or(|(by, until)| *until <= context.received_at || *by == context.attempt);
        if is_free {
            held.insert(sweep, (context.attempt.clone(), until));
        }
        Ok(is_free)
    }

    async fn sweep_cursor(&self, sweep: Sweep, _: &CallContext<'_>) -> Result<Option<String>, CommitError> {
        Ok(self.0.lock().unwrap().sweep_cursors.get(&sweep).cloned())
    }

    async fn save_sweep_cursor(
        &self,
        sweep: Sweep,
        place: Option<&str>,
        _: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let places = &mut self.0.lock().unwrap().sweep_cursors;
        match place {
            Some(place) => places.insert(sweep, place.to_owned()),
            None => places.remove(&sweep),
        };
        Ok(())
    }
}

impl State {
    /// The waiting rows by due time, with the amount owed for each.
    pub(super) fn waiting_under(&self, word: &str) -> Vec<(Timestamp, &String, Amount)> {
        let due = self.journal.iter().filter_map(|(id, kept)| Some((id, kept.due.as_ref()?)));
        let due = due.filter(|(_, due)| due.word == word).map(|(id, due)| (due.at, id, due.owed));
        let mut found: Vec<_> = due.collect();
        found.sort_by_key(|(at, id, _)| (*at, *id));
        found
    }

    fn due_under(&self, word: &str, context: &CallContext<'_>) -> Vec<(Timestamp, &String, Amount)> {
        let mut found = self.waiting_under(word);
        found.retain(|(at, _, _)| *at <= context.received_at);
        found
    }

    fn due_at_of(&mut self, id: &str, word: &str) -> Option<&mut Timestamp> {
        let due = self.journal.get_mut(id).and_then(|kept| kept.due.as_mut());
        due.filter(|due| due.word == word).map(|due| &mut due.at)
    }
}

pub(super) fn due_row(id: &(impl ToString + ?Sized), due_at: Timestamp) -> DueRow {
    DueRow { id: id.to_string(), due_at: due_at.to_string() }
}
