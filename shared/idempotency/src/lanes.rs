//! The lanes of refused usage, read through the sparse index of the retry queue.

use ledger::{Amount, CallContext, CommitError, DueRow, Lane, LaneState, Lanes, Owed, Source, Timestamp};

use crate::image::{Image, parsed};
use crate::retry::{Answer, after_failure, until_answered};
use crate::store::DynamoLedger;
use crate::{lane_row, names};

/// Index rows have some hundred bytes: a page takes milliseconds and a few read units.
const LISTED_AT_ONCE_MAX: u32 = 1_000;

impl Lanes for DynamoLedger {
    async fn due_lanes(
        &self,
        source: Source,
        lanes_max: u16,
        context: &CallContext<'_>,
    ) -> Result<Vec<DueRow>, CommitError> {
        let word = lane_row::lanes_of(source.as_str());
        self.due_in(&self.tables().journal, names::ATTENTION, &word, lanes_max, context).await
    }

    async fn lane(&self, row: &DueRow, context: &CallContext<'_>) -> Result<Option<LaneState>, CommitError> {
        let Some(stored) = self.row(&self.tables().journal, row.id.clone(), context).await? else {
            return Ok(None);
        };
        let lane = lane_row::read(&row.id, &stored).map_err(|error| CommitError::Refused(Box::new(error)))?;
        Ok(lane.filter(|lane| lane.due_at <= context.received_at))
    }

    async fn refused_in_lane(
        &self,
        source: Source,
        lane: &Lane,
        events_max: u32,
        context: &CallContext<'_>,
    ) -> Result<Vec<Owed>, CommitError> {
        let word = lane_row::refused_in_lane(source.as_str(), lane);
        let query = self.index_query(&self.tables().journal, names::ATTENTION, &word);
        let query = query.key_condition_expression("#word = :word");
        let (mut waiting, mut last) = (Vec::new(), None);
        loop {
            let listed = u32::try_from(waiting.len()).unwrap_or(u32::MAX);
            let page_max = events_max.saturating_sub(listed).min(LISTED_AT_ONCE_MAX);
            let page = query.clone().limit(i32::try_from(page_max).unwrap_or(i32::MAX)).set_exclusive_start_key(last);
            let found = until_answered(context.deadline, self.jitter(), || async {
                match page.clone().send().await {
                    Ok(found) => Ok(Answer::Final(found)),
                    Err(error) => after_failure(error),
                }
            })
            .await?;
            waiting.extend(found.items().iter().filter_map(owed));
            last = found.last_evaluated_key;
            if last.is_none() || waiting.len() >= usize::try_from(events_max).unwrap_or(usize::MAX) {
                return Ok(waiting);
            }
        }
    }

    async fn reschedule_lane(
        &self,
        source: Source,
        lane: &LaneState,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        let source = source.as_str();
        let (row, id) = (lane_row::reschedule(source, lane, until), lane_row::id(source, &lane.lane));
        self.write_unless_changed(row, &self.tables().journal, &id, context).await
    }
}

/// An unreadable amount counts as zero, so that the event is retried first.
fn owed(row: &Image) -> Option<Owed> {
    let word = |name| row.get(name)?.as_s().ok().cloned();
    let amount = Amount::from_wide(parsed(row, names::OWED_UNITS)).unwrap_or(Amount::ZERO);
    Some(Owed { row: DueRow { id: word(names::ID)?, due_at: word(names::DUE_AT)? }, amount })
}
