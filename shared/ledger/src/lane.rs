//! Lanes of refused usage: one for each owner without sufficient funds, one for each key without an owner, and one for
//! each model without a price. An event in one lane never waits for another lane.

use std::fmt;

use crate::{Amount, CallContext, CallerKey, CommitError, DueRow, EventKey, Ledger, Owner, Source, Timestamp};

/// By then a top-up has usually arrived.
pub const FIRST_RETRY_SECONDS: i64 = 60;
/// How long a refused event is stored and can be retried.
pub const REFUSED_BODY_KEPT_DAYS: i64 = 90;

/// Refused events that wait for the same thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Waits until the owner has sufficient funds.
    Owner(Owner),
    /// Waits until the key is bound to an owner.
    Key(CallerKey),
    /// Waits until the rate card has a price for the model.
    Model(String),
}

impl Lane {
    /// Reads the text that [`fmt::Display`] writes.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(owner) = text.strip_prefix("owner#") {
            return Owner::new(owner).ok().map(Self::Owner);
        }
        if let Some(model) = text.strip_prefix("model#").filter(|model| !model.is_empty()) {
            return Some(Self::Model(model.to_owned()));
        }
        text.strip_prefix("key#remote#").and_then(|id| CallerKey::remote(id).ok()).map(Self::Key)
    }
}

/// `owner#alice`, `key#remote#42`, `model#gpt-5`.
impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => write!(f, "owner#{owner}"),
            Self::Key(key) => write!(f, "{key}"),
            Self::Model(model) => write!(f, "model#{model}"),
        }
    }
}

/// A lane that holds events, or did until recently.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneState {
    pub lane: Lane,
    pub due_at: Timestamp,
    /// The number of refusals into the lane. It must be unchanged when the lane is closed, so that no new event is
    /// lost.
    pub refusals: u64,
    /// The time of the last refusal.
    pub refused_at: Timestamp,
    /// The time of the last alarm that named the lane.
    pub alarmed_at: Option<Timestamp>,
}

/// An event that waits in a lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owed {
    pub row: DueRow,
    pub amount: Amount,
}

impl Owed {
    pub fn receipt(&self) -> EventKey {
        EventKey::of_row(&self.row.id)
    }

    /// The time at which it was received, unless it was rescheduled since.
    pub fn since(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(&self.row.due_at).ok()
    }
}

/// The lanes of a source. All lists are read from a sparse index, which may lag.
pub trait Lanes: Ledger {
    /// The lanes that are due, the longest due first.
    fn due_lanes(
        &self,
        source: Source,
        lanes_max: u16,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send;

    /// The current state of a lane; `None` if it is no longer due.
    fn lane(
        &self,
        row: &DueRow,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<LaneState>, CommitError>> + Send;

    /// The waiting events, at most `events_max`: the oldest first, and rescheduled ones last.
    fn refused_in_lane(
        &self,
        source: Source,
        lane: &Lane,
        events_max: u32,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Vec<Owed>, CommitError>> + Send;

    /// Sets the next retry time; `None` closes an empty lane. Does nothing if another run was first, or if an event was
    /// refused into a lane that is to be closed.
    fn reschedule_lane(
        &self,
        source: Source,
        lane: &LaneState,
        until: Option<Timestamp>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}
