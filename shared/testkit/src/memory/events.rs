//! The rows of the journal in memory, as the read model sees them.

use std::collections::{BTreeMap, BTreeSet};

use insight::{EventRow, EventState, Events, Retry, RowPosting, Why};
use ledger::{Amount, Balance, CallContext, CommitError, EventKey, Fact, KeptBody, OrderNumber, Source, UnreadableRow};

use super::kept_row::{Due, KeptRow};
use super::{MemoryLedger, State};

impl Events for MemoryLedger {
    async fn events(
        &self,
        keys: &BTreeSet<EventKey>,
        _: &CallContext<'_>,
    ) -> Result<BTreeMap<EventKey, Result<EventRow, UnreadableRow>>, CommitError> {
        let state = self.0.lock().unwrap();
        let found =
            keys.iter().filter_map(|key| Some((key.clone(), Ok(event_row(key, state.journal.get(key.as_str())?)))));
        Ok(found.collect())
    }

    async fn waiting(&self, source: Source, rows_max: u16, _: &CallContext<'_>) -> Result<Vec<EventKey>, CommitError> {
        let state = self.0.lock().unwrap();
        let waiting = state.waiting_under(source.as_str()).into_iter().take(rows_max.into());
        Ok(waiting.map(|(_, id, _)| EventKey::of_row(id)).collect())
    }

    async fn delivery(&self, row: &EventRow, _: &CallContext<'_>) -> Result<Option<KeptBody>, CommitError> {
        Ok(self.0.lock().unwrap().bodies.get(&row.kept_in).cloned())
    }

    async fn retry_now(&self, row: &EventRow, context: &CallContext<'_>) -> Result<bool, CommitError> {
        let EventState::Refused { retry, .. } = &row.state else { return Ok(false) };
        let mut state = self.0.lock().unwrap();
        Ok(match retry.as_ref().and_then(|retry| retry.lane().map(|_| &retry.queue)) {
            Some(queue) => {
                let lane = state.lanes.get_mut(queue);
                lane.map(|lane| lane.due_at = context.received_at).is_some()
            }
            None => state.due_now(row, context),
        })
    }
}

impl State {
    fn due_now(&mut self, row: &EventRow, context: &CallContext<'_>) -> bool {
        let kept = self.journal.get_mut(row.key.as_str());
        let Some(kept) = kept.filter(|kept| kept.row.status == "failed" && kept.row.attempts == row.attempts) else {
            return false;
        };
        kept.due = Some(Due { word: row.source.clone(), at: context.received_at, owed: Amount::ZERO });
        kept.row.needs_attention = true;
        self.passed_over.remove(row.key.as_str());
        true
    }
}

fn event_row(key: &EventKey, kept: &KeptRow) -> EventRow {
    let why = Why::of_word(kept.row.reason.as_deref().unwrap_or_default());
    let retry = kept.due.as_ref().map(|due| Retry { at: due.at, queue: due.word.clone(), owed: due.owed });
    let mut facts: Vec<_> = kept
        .facts
        .iter()
        .map(|(name, fact)| {
            let text = match fact {
                Fact::Text(text) => text.clone(),
                Fact::Count(count) => count.to_string(),
            };
            ((*name).to_owned(), text)
        })
        .collect();
    facts.sort();
    let is_booked = kept.row.status == "processed";
    EventRow {
        key: key.clone(),
        source: kept.writer.map(|writer| writer.as_str().to_owned()).unwrap_or_default(),
        kind: kept.kind.to_owned(),
        state: if is_booked {
            EventState::Booked { at: kept.processed_at }
        } else {
            EventState::Refused { why, retry }
        },
        received_at: Some(kept.first_received_at),
        attempts: kept.row.attempts,
        order: kept.row.order.as_deref().and_then(|order| OrderNumber::new(order).ok()),
        posting: kept.row.account.clone().map(|account| {
            let change = Balance::from_units(kept.row.change);
            RowPosting { account, change }
        }),
        reverses: kept.row.reverses.clone(),
        reversed_by: kept.reversed_by.clone(),
        facts,
        kept_in: kept.kept_in.clone().unwrap_or_else(|| key.to_string()),
    }
}
