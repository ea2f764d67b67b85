//! The lanes of refused usage in the in-memory ledger.

use ledger::{CallContext, CommitError, DueRow, FIRST_RETRY_SECONDS, Lane, LaneState, Lanes, Owed, Source, Timestamp};

use super::backlog::due_row;
use super::{MemoryLedger, State};

impl State {
    pub(super) fn refused_into(&mut self, source: &str, lane: &Lane, context: &CallContext<'_>) {
        let soon = context.received_at.plus_seconds(FIRST_RETRY_SECONDS);
        let first = LaneState {
            lane: lane.clone(),
            due_at: soon,
            refusals: 0,
            refused_at: context.received_at,
            alarmed_at: None,
        };
        let state = self.lanes.entry(format!("{source}#{lane}")).or_insert(first);
        state.refusals = state.refusals.checked_add(1).unwrap();
        if !context.is_replay() {
            state.refused_at = context.received_at;
        }
    }
}

impl Lanes for MemoryLedger {
    async fn due_lanes(
        &self,
        source: Source,
        lanes_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        let state = self.0.lock().unwrap();
        let of_source = |word: &str| word.starts_with(&format!("{}#", source.as_str()));
        let due = state.lanes.iter().filter(|(word, lane)| of_source(word) && lane.due_at <= context.received_at);
        let mut due: Vec<_> = due.map(|(word, lane)| (lane.due_at, format!("lane#{word}"))).collect();
        due.sort();
        Ok(due.into_iter().take(lanes_max.into()).map(|(at, id)| due_row(&id, at)).collect())
    }

    async fn lane(&self, row: &DueRow, context: &CallContext<'_>) -> Result<Option<LaneState>, CommitError> {
        let state = self.0.lock().unwrap();
        let lane = state.lanes.get(row.id.strip_prefix("lane#").unwrap_or_default());
        Ok(lane.filter(|lane| lane.due_at <= context.received_at).cloned())
    }

    async fn refused_in_lane(
        &self,
        source: Source,
        lane: &Lane,
        events_max: u32,
        _: &CallContext<'_>,
    ) -> Result<Vec<Owed>, CommitError> {
        let state = self.0.lock().unwrap();
        let waiting = state.waiting_under(&format!("{}#{lane}", source.as_str())).into_iter();
        let waiting = waiting.map(|(at, id, amount)| Owed { row: due_row(id, at), amount });
        Ok(waiting.take(usize::try_from(events_max).unwrap()).collect())
    }

    async fn reschedule_lane(
        &self,
        source: Source,
        lane: &LaneState,
        until: Option<Timestamp>,
        _: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let lanes = &mut self.0.lock().unwrap().lanes;
        let word = format!("{}#{}", source.as_str(), lane.lane);
        let Some(known) = lanes.get_mut(&word).filter(|known| known.due_at == lane.due_at) else {
            return Ok(());
        };
        match until {
            Some(until) => {
                known.due_at = until;
                known.alarmed_at = lane.alarmed_at;
            }
            None if known.refusals == lane.refusals => drop(lanes.remove(&word)),
            None => {}
        }
        Ok(())
    }
}
