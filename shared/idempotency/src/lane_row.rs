//! The rows of the lanes of refused usage: one in the journal for each lane, in the same sparse index as its events.

use ledger::{Amount, CallContext, FIRST_RETRY_SECONDS, Lane, LaneState, Timestamp};

use crate::image::{Image, Unreadable, known_form, parsed};
use crate::names;
use crate::rows::{Row, number, text};

const PREFIX: &str = "lane#";

/// No event key starts with this, since no source has that name.
pub(crate) fn id(source: &str, lane: &Lane) -> String {
    format!("{PREFIX}{}", refused_in_lane(source, lane))
}

/// The index value of the events in the lane.
pub(crate) fn refused_in_lane(source: &str, lane: &Lane) -> String {
    format!("{source}#{lane}")
}

/// The index value of the lanes themselves.
pub(crate) fn lanes_of(source: &str) -> String {
    format!("{source}#lanes")
}

/// Sorted by arrival, so that the oldest event is first however often it was retried. The lane's own row has the next
/// retry time.
pub(crate) fn enqueue(row: &mut Row, source: &str, lane: &Lane, owed: Amount, first_received_at: Timestamp) {
    row.set(names::ATTENTION, text(&refused_in_lane(source, lane)));
    row.set(names::DUE_AT, text(&first_received_at));
    row.set(names::OWED_UNITS, number(&owed.units()));
    row.remove(names::PASSED_OVER);
}

/// Unconditional: concurrent refusals into one lane all succeed.
pub(crate) fn count_refusals(source: &str, refused: u32, context: &CallContext<'_>) -> Row {
    let mut row = Row::with_form();
    let soon = context.received_at.plus_seconds(FIRST_RETRY_SECONDS);
    row.set(names::ATTENTION, text(&lanes_of(source)));
    // Keeps an earlier time: otherwise a constant stream of refusals would postpone the lane forever.
    row.set_first(names::DUE_AT, text(&soon));
    if context.is_replay() {
        row.set_first(names::REFUSED_AT, text(&context.received_at));
    } else {
        row.set(names::REFUSED_AT, text(&context.received_at));
    }
    row.add(names::REFUSALS, number(&refused));
    row
}

pub(crate) fn reschedule(source: &str, lane: &LaneState, until: Option<Timestamp>) -> Row {
    let mut row = Row::default();
    row.set_or_remove(names::ATTENTION, until.map(|_| text(&lanes_of(source))));
    row.set_or_remove(names::DUE_AT, until.map(|until| text(&until)));
    row.set_or_remove(names::ALARMED_AT, lane.alarmed_at.filter(|_| until.is_some()).map(|at| text(&at)));
    row.remove(names::PASSED_OVER);
    let (due_at, read) = (row.name(names::DUE_AT), row.value(text(&lane.due_at)));
    row.conditions.push(format!("{due_at} = {read}"));
    if until.is_none() {
        let (refusals, read) = (row.name(names::REFUSALS), row.value(number(&lane.refusals)));
        row.conditions.push(format!("{refusals} = {read}"));
    }
    row
}

/// `None` if the lane is empty.
pub(crate) fn read(id: &str, row: &Image) -> Result<Option<LaneState>, Unreadable> {
    known_form(row)?;
    if !row.contains_key(names::DUE_AT) {
        return Ok(None);
    }
    let time = |name: &str| Timestamp::parse_rfc3339(row.get(name)?.as_s().ok()?).ok();
    let lane = id.strip_prefix(PREFIX).and_then(|lane| Lane::read(lane.split_once('#')?.1));
    Ok(Some(LaneState {
        lane: lane.ok_or(Unreadable(names::ID))?,
        due_at: time(names::DUE_AT).ok_or(Unreadable(names::DUE_AT))?,
        refusals: parsed(row, names::REFUSALS),
        refused_at: time(names::REFUSED_AT).ok_or(Unreadable(names::REFUSED_AT))?,
        alarmed_at: time(names::ALARMED_AT),
    }))
}
