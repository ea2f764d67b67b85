//! Where refused usage waits: a lane for each owner who cannot pay, and one for each key that names no owner. An event in one lane
//! never waits for one in another.

use std::fmt;

use crate::{Amount, CallerKey, CommitError, Delivery, DueRow, EventKey, Ledger, Owner, Timestamp};

/// A top-up has mostly arrived by then.
pub const FIRST_LOOK_SECONDS: i64 = 60;
/// For so long what was refused is kept, and can be tried again.
pub const REFUSED_BODY_KEPT_DAYS: i64 = 90;

/// The refused events that one thing cures.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Until the owner can pay.
    Owner(Owner),
    /// Until the key is bound to an owner.
    Key(CallerKey),
}

impl Lane {
    /// As [`fmt::Display`] writes it.
    pub fn read(text: &str) -> Option<Self> {
        if let Some(owner) = text.strip_prefix("owner#") {
            return Owner::new(owner).ok().map(Self::Owner);
        }
        text.strip_prefix("key#remote#").and_then(|id| CallerKey::remote(id).ok()).map(Self::Key)
    }
}

/// `owner#alice`, `key#remote#42`.
impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(owner) => write!(f, "owner#{owner}"),
            Self::Key(key) => write!(f, "{key}"),
        }
    }
}

/// A lane that holds events, or held some a while ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaneState {
    pub lane: Lane,
    pub due_at: Timestamp,
    /// How often an event was refused into it: what its end is conditioned on.
    pub refusals: u64,
    /// When an event last was.
    pub refused_at: Timestamp,
    /// When an alarm last named it.
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

    /// When it was received, unless it was put off since.
    pub fn since(&self) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(&self.row.due_at).ok()
    }
}

/// The lanes of a source. All lists are read from a sparse index, which may lag.
pub trait Lanes: Ledger {
    /// The lanes that are due, the longest due first.
    fn due_lanes(
        &self,
        source: &'static str,
        lanes_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send;

    /// A lane as it stands now; `None` where it is not due any more.
    fn lane(
        &self,
        row: &DueRow,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<LaneState>, CommitError>> + Send;

    /// What waits in it, the oldest first, and last what was put off until later. No more than so many events are listed.
    fn waiting_in(
        &self,
        source: &'static str,
        lane: &Lane,
        events_max: u32,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<Owed>, CommitError>> + Send;

    /// The next look; `None` ends a lane that is empty. Nothing is done where another run was first, and a lane into which an event was
    /// refused since it was read does not end.
    fn reschedule_lane(
        &self,
        source: &'static str,
        lane: &LaneState,
        until: Option<Timestamp>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}

impl<L: Lanes> Lanes for std::sync::Arc<L> {
    fn due_lanes(
        &self,
        source: &'static str,
        lanes_max: u16,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<DueRow>, CommitError>> + Send {
        L::due_lanes(self, source, lanes_max, delivery)
    }

    fn lane(
        &self,
        row: &DueRow,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<LaneState>, CommitError>> + Send {
        L::lane(self, row, delivery)
    }

    fn waiting_in(
        &self,
        source: &'static str,
        lane: &Lane,
        events_max: u32,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Vec<Owed>, CommitError>> + Send {
        L::waiting_in(self, source, lane, events_max, delivery)
    }

    fn reschedule_lane(
        &self,
        source: &'static str,
        lane: &LaneState,
        until: Option<Timestamp>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        L::reschedule_lane(self, source, lane, until, delivery)
    }
}
