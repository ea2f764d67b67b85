//! Refused usage, by what would cure it: each owner who cannot pay has a lane, and each key that names no owner. Lanes have their
//! turns one after the other, so that no owner's event waits for another owner's, and nothing is tried that its owner still cannot pay.

use std::collections::VecDeque;
use std::time::Duration;

use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use ledger::{
    Asset, Audit, AuditProgress, Backlog, Balance, CommitError, DueRow, Lane, LaneState, Owed, Owner, Queue,
    REFUSED_BODY_KEPT_DAYS, Reason, Timestamp,
};
use webhook::{Outcome, Webhook};

use crate::proof::Prove;
use crate::refused::{CALL_AFTER_SECONDS, Came, FOR_PUTTING_OFF, ONE_WITHIN};
use crate::{Reconcile, SOURCE};

/// Each is looked at by two or three reads and a write. Those that are left are first in the next run.
const LANES_MAX: u16 = 500;
const AT_ONCE: usize = 8;
/// What one lane may book before each of the others has had its turn.
const TURN_EVENTS: usize = 25;
/// Events of one lane among which those are looked for that can be booked.
const EVENTS_MAX: u32 = 10_000;
/// So many are kept of them; a lane that has more is opened again. Some hundred bytes each, and a sandbox has 128 MB.
const PICKED_MAX: usize = 200;
/// Of an owner who can pay nothing: enough to see how old the oldest are.
const EVENTS_UNPAYABLE: u32 = 25;
/// For looking at a lane, and for writing down when it is looked at next.
const LANE_WITHIN: Duration = Duration::from_secs(3);
/// Between two looks at a lane: as long as since its last refusal, within these.
const PAUSE_SECONDS_MIN: u64 = 60;
/// A top-up is noticed within this.
const OWNER_PAUSE_SECONDS_MAX: u64 = 10 * 60;
const KEY_PAUSE_SECONDS_MAX: u64 = 60 * 60;
/// An index that lags may hide what was refused a moment ago: a lane ends long after its last refusal.
const ENDS_AFTER_SECONDS: u64 = 60 * 60;
const DAY_SECONDS: u64 = 24 * 60 * 60;
/// So long before a body expires a person is called: the usage could not be booked any more.
const EXPIRES_SOON_DAYS: u64 = 10;
/// The store deletes what has expired within days: from then on there is nothing to try again.
const DELETED_WITHIN_DAYS: u64 = 7;

/// A lane in a run.
struct Turns {
    row: DueRow,
    state: LaneState,
    /// What can be booked now, the oldest first.
    picked: VecDeque<Owed>,
    /// There may be more to book than was picked.
    has_more: bool,
    /// How many it had booked when it was opened.
    cured_before: u32,
    is_empty: bool,
    /// An alarm has named it in this run, which is to be written down.
    is_alarmed: bool,
    came: Came,
}

impl<L: Backlog + Audit> Reconcile<L> {
    pub(crate) async fn sweep_lanes<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        run: &Invocation,
    ) -> Result<Came, CommitError> {
        let due = self.ledger.due_lanes(W::SOURCE.as_str(), LANES_MAX, &run.context()).await?;
        let check = if due.is_empty() { AuditProgress::default() } else { self.findings(run).await? };
        let check = &check;
        let opened =
            stream::iter(due).map(|row| async move { self.opened(W::SOURCE.as_str(), &row, check, run).await });
        let opened: Vec<Result<Opened, CommitError>> = opened.buffered(AT_ONCE).collect().await;
        let (mut came, mut turns) = (Came::default(), Vec::new());
        for opened in opened {
            match opened? {
                Opened::Turns(lane) => turns.push(*lane),
                Opened::Nothing => {}
                Opened::TooLate => {
                    came.tried.is_cut_short = true;
                    came.untried = came.untried.saturating_add(1);
                }
            }
        }
        // In rounds: a lane with thousands has had no more turns than one with a single event before that one is done.
        while !turns.is_empty() {
            let round = stream::iter(turns).map(|lane| async move { self.turn(source, keys, lane, check, run).await });
            let round: Vec<Result<Turned, CommitError>> = round.buffered(AT_ONCE).collect().await;
            turns = Vec::new();
            for turned in round {
                match turned? {
                    Turned::More(lane) => turns.push(*lane),
                    Turned::Done(done) => came = came.and(done),
                }
            }
        }
        Ok(came)
    }

    /// What the check of the books has found and nobody has mended. A check that cannot be read is renewed by its own sweep.
    async fn findings(&self, run: &Invocation) -> Result<AuditProgress, CommitError> {
        match self.ledger.check(&run.part(LANE_WITHIN).context()).await {
            Err(CommitError::Refused(_)) => Ok(AuditProgress::default()),
            check => check,
        }
    }

    async fn opened(
        &self,
        source: &'static str,
        row: &DueRow,
        check: &AuditProgress,
        run: &Invocation,
    ) -> Result<Opened, CommitError> {
        if run.is_short_of(LANE_WITHIN) {
            return Ok(Opened::TooLate);
        }
        let invocation = run.part(LANE_WITHIN);
        match self.open(source, row, check, &invocation.but_for(FOR_PUTTING_OFF)).await {
            Ok(Some(mut lane)) => {
                lane.is_alarmed = alarm_about(&mut lane.state, lane.came.oldest_s, run.now);
                Ok(Opened::Turns(Box::new(lane)))
            }
            Ok(None) => Ok(Opened::Nothing),
            Err(error) => {
                self.reschedule_unreadable(&Queue::Lanes(source), row, &error, &invocation).await?;
                Ok(Opened::Nothing)
            }
        }
    }

    /// What of a lane can be booked now. `None` of one that another run was first at.
    async fn open(
        &self,
        source: &'static str,
        row: &DueRow,
        check: &AuditProgress,
        invocation: &Invocation,
    ) -> Result<Option<Turns>, CommitError> {
        let context = &invocation.context();
        let Some(state) = self.ledger.lane(row, context).await? else {
            return Ok(None);
        };
        let payable = self.payable(&state.lane, check, invocation).await?;
        let events_max = if payable.is_nothing() { EVENTS_UNPAYABLE } else { EVENTS_MAX };
        let waiting = self.ledger.refused_in_lane(source, &state.lane, events_max, context).await?;
        let since = waiting.first().and_then(Owed::since).filter(|since| *since <= invocation.now);
        let oldest_s = since.map(|since| invocation.now.seconds_apart(since));
        let (is_empty, is_whole) =
            (waiting.is_empty(), waiting.len() < usize::try_from(events_max).unwrap_or_default());
        let mut picked = payable.picked(waiting, invocation.now);
        let has_more = !picked.is_empty() && (!is_whole || picked.len() > PICKED_MAX);
        picked.truncate(PICKED_MAX);
        let came = Came { oldest_s: oldest_s.unwrap_or_default(), ..Came::default() };
        let row = row.clone();
        Ok(Some(Turns { row, state, picked, has_more, cured_before: 0, is_empty, is_alarmed: false, came }))
    }

    async fn payable(
        &self,
        lane: &Lane,
        check: &AuditProgress,
        invocation: &Invocation,
    ) -> Result<Payable, CommitError> {
        let context = &invocation.context();
        let account = |owner: &Owner| owner.account(Asset::CREDITS).to_string();
        Ok(match lane {
            Lane::Owner(owner) if is_held_back(&account(owner), check, invocation) => Payable::UpTo(Balance::ZERO),
            Lane::Owner(owner) => {
                let held = self.ledger.stored_account(&account(owner), context).await?;
                Payable::UpTo(held.map_or(Balance::ZERO, |held| held.available))
            }
            // Once it is bound, each event goes on by what its owner can pay.
            Lane::Key(key) => match self.ledger.owner(key, context).await? {
                Some(owner) if !is_held_back(&account(&owner), check, invocation) => Payable::All,
                Some(_) | None => Payable::UpTo(Balance::ZERO),
            },
        })
    }

    /// So many events; and after the last, when the lane is looked at next.
    async fn turn<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        mut lane: Turns,
        check: &AuditProgress,
        run: &Invocation,
    ) -> Result<Turned, CommitError> {
        for _ in 0..TURN_EVENTS {
            let Some(owed) = lane.picked.pop_front() else { break };
            if run.is_short_of(ONE_WITHIN) {
                let left = u32::try_from(lane.picked.len()).unwrap_or(u32::MAX).saturating_add(1);
                lane.came.tried.is_cut_short = true;
                lane.came.untried = lane.came.untried.saturating_add(left);
                // Still due, and so first in the next run.
                if lane.is_alarmed {
                    let context = run.part(LANE_WITHIN).context();
                    self.ledger.reschedule_lane(W::SOURCE.as_str(), &lane.state, Some(run.now), &context).await?;
                }
                return Ok(Turned::Done(lane.came));
            }
            let invocation = run.part(ONE_WITHIN);
            let refused = self.try_owed(source, keys, &mut lane, &owed, &invocation).await?;
            // Its owner has spent it elsewhere by now.
            if refused && matches!(lane.state.lane, Lane::Owner(_)) {
                lane.picked.clear();
            }
        }
        // Where nothing was booked the next look finds the same.
        let has_booked = lane.came.tried.cured > lane.cured_before;
        if lane.picked.is_empty() && lane.has_more && has_booked && !run.is_short_of(LANE_WITHIN) {
            let cured_before = lane.came.tried.cured;
            if let Some(again) = self.open(W::SOURCE.as_str(), &lane.row, check, &run.part(LANE_WITHIN)).await? {
                let state = LaneState { alarmed_at: lane.state.alarmed_at, ..again.state };
                let (came, is_alarmed) = (lane.came.and(again.came), lane.is_alarmed);
                lane = Turns { state, cured_before, is_alarmed, came, ..again };
            }
        }
        if lane.picked.is_empty() {
            let until = next_retry_at(&lane, run.now);
            let context = run.part(LANE_WITHIN).context();
            self.ledger.reschedule_lane(W::SOURCE.as_str(), &lane.state, until, &context).await?;
            return Ok(Turned::Done(lane.came));
        }
        Ok(Turned::More(Box::new(lane)))
    }

    /// Whether it was refused because its owner cannot pay.
    async fn try_owed<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        lane: &mut Turns,
        owed: &Owed,
        invocation: &Invocation,
    ) -> Result<bool, CommitError> {
        let read = self.ledger.refused_event(&owed.receipt(), &invocation.but_for(FOR_PUTTING_OFF).context()).await;
        let error = match read {
            Ok(None) => return Ok(false),
            Ok(Some(waiting)) => match self.try_again(source, keys, &waiting, invocation, &mut lane.came).await {
                Ok(outcome) => return Ok(outcome == Some(Outcome::Refused(Reason::InsufficientCredits))),
                Err(error) => error,
            },
            Err(error) => {
                lane.came.tried.tried = lane.came.tried.tried.saturating_add(1);
                lane.came.tried.failed = lane.came.tried.failed.saturating_add(1);
                error
            }
        };
        let queue = Queue::Lane(W::SOURCE.as_str(), lane.state.lane.clone());
        self.reschedule_unreadable(&queue, &owed.row, &error, invocation).await?;
        Ok(false)
    }
}

enum Opened {
    Turns(Box<Turns>),
    Nothing,
    TooLate,
}

enum Turned {
    More(Box<Turns>),
    Done(Came),
}

/// What of a lane can be paid now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payable {
    UpTo(Balance),
    All,
}

impl Payable {
    fn is_nothing(self) -> bool {
        matches!(self, Self::UpTo(available) if available <= Balance::ZERO)
    }

    /// From the oldest on, whatever still fits: one that costs too much holds up none that does not. What has expired is picked too:
    /// the try closes it, with an alarm.
    fn picked(self, waiting: Vec<Owed>, now: Timestamp) -> VecDeque<Owed> {
        let mut left = self;
        let due = waiting.into_iter().filter(|owed| owed.since().is_none_or(|since| since <= now));
        due.filter(|owed| has_expired(owed, now) || left.takes(owed)).collect()
    }

    fn takes(&mut self, owed: &Owed) -> bool {
        let Self::UpTo(available) = self else {
            return true;
        };
        let left = available.units().checked_sub(Balance::from(owed.amount).units()).filter(|left| *left >= 0);
        if let Some(left) = left {
            *available = Balance::from_units(left);
        }
        left.is_some()
    }
}

/// A row of usage that is put back to `failed` is deducted a second time. The check of the books finds that, and until a person has
/// mended it nothing more of its owner is tried.
fn is_held_back(account: &str, check: &AuditProgress, invocation: &Invocation) -> bool {
    let differs = check.differs(account);
    if differs {
        edge::line(SOURCE, Some(account), "held_back", Some("account_differs"), invocation);
    }
    differs
}

fn has_expired(owed: &Owed, now: Timestamp) -> bool {
    let kept_days = u64::try_from(REFUSED_BODY_KEPT_DAYS).unwrap_or_default();
    let kept_s = kept_days.saturating_add(DELETED_WITHIN_DAYS).saturating_mul(DAY_SECONDS);
    owed.since().is_some_and(|since| now.seconds_apart(since) > kept_s)
}

/// Once a day, and by the lane: an owner with thousands of events is one to call about. Whether it was raised now.
fn alarm_about(state: &mut LaneState, oldest_s: u64, now: Timestamp) -> bool {
    let is_recent = state.alarmed_at.is_some_and(|at| now.seconds_apart(at) < DAY_SECONDS);
    if oldest_s < CALL_AFTER_SECONDS || is_recent {
        return false;
    }
    state.alarmed_at = Some(now);
    let kept_days = u64::try_from(REFUSED_BODY_KEPT_DAYS).unwrap_or_default();
    let expires_soon_s = kept_days.saturating_sub(EXPIRES_SOON_DAYS).saturating_mul(DAY_SECONDS);
    let word = if oldest_s >= expires_soon_s { "usage_expires" } else { "still_refused" };
    edge::alarm(SOURCE, word, &state.lane.to_string());
    true
}

/// `None`: it has ended.
fn next_retry_at(lane: &Turns, now: Timestamp) -> Option<Timestamp> {
    let since_s = now.seconds_apart(lane.state.refused_at);
    if lane.is_empty && since_s >= ENDS_AFTER_SECONDS {
        return None;
    }
    let pause_s_max = match lane.state.lane {
        Lane::Owner(_) => OWNER_PAUSE_SECONDS_MAX,
        Lane::Key(_) => KEY_PAUSE_SECONDS_MAX,
    };
    let pause_s = since_s.clamp(PAUSE_SECONDS_MIN, pause_s_max);
    Some(now.plus_seconds(i64::try_from(pause_s).unwrap_or(i64::MAX)))
}
