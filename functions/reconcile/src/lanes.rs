//! Replay of refused usage, fairly by owner: each owner without funds, each unknown key and each model without a price
//! has a lane. Lanes take turns, so that no owner waits for another, and an event is retried only once its owner has the
//! funds, or the rate card a price.

use std::collections::VecDeque;
use std::time::Duration;

use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use ledger::{
    Asset, Audit, AuditProgress, Backlog, Balance, BoundKey, CommitError, DueRow, Lane, LaneState, Owed, Owner, Queue,
    REFUSED_BODY_KEPT_DAYS, Reason, Source, Timestamp,
};
use webhook::{Outcome, Webhook};

use crate::audit_sweep::CHECK;
use crate::pass_over::report_passed_over;
use crate::proof::Prove;
use crate::refused::{ALARM_AFTER_SECONDS, ONE_WITHIN, RESCHEDULE_MARGIN, SweepTally};
use crate::{Reconcile, SOURCE};

/// Lanes in a run; each costs two or three reads and a write. The rest comes first in the next run.
const LANES_MAX: u16 = 500;
const AT_ONCE: usize = 8;
/// Events of one lane before the other lanes have their turn.
const TURN_EVENTS: usize = 25;
/// Events of one lane that are searched for payable ones.
const EVENTS_MAX: u32 = 10_000;
/// Payable events kept in memory; a lane with more is opened again. Some hundred bytes each, and a sandbox has 128 MB.
const PICKED_MAX: usize = 200;
/// Events read of an owner without funds: enough for the age of the oldest.
const EVENTS_UNPAYABLE: u32 = 25;
/// Time to open a lane, and to write its next retry time.
const LANE_WITHIN: Duration = Duration::from_secs(3);
/// The backoff of a lane equals the time since its last refusal, within these limits.
const PAUSE_SECONDS_MIN: u64 = 60;
/// The longest delay after which a credit of the owner is noticed.
const OWNER_PAUSE_SECONDS_MAX: u64 = 10 * 60;
const KEY_PAUSE_SECONDS_MAX: u64 = 60 * 60;
/// A price comes with a deployment.
const MODEL_PAUSE_SECONDS_MAX: u64 = 10 * 60;
/// A lagging index may hide a recent refusal, so a lane ends long after its last one.
const ENDS_AFTER_SECONDS: u64 = 60 * 60;
const DAY_SECONDS: u64 = 24 * 60 * 60;
/// An alarm is raised so long before a body expires, because then its usage could no longer be booked.
const EXPIRES_SOON_DAYS: u64 = 10;
/// The store deletes expired bodies within days; after that an event cannot be replayed.
const DELETED_WITHIN_DAYS: u64 = 7;

/// A lane during a run.
struct Turns {
    row: DueRow,
    state: LaneState,
    /// Payable events, the oldest first.
    picked: VecDeque<Owed>,
    /// Whether there may be more payable events.
    has_more: bool,
    /// The number of booked events when the lane was opened.
    resolved_before: u32,
    is_empty: bool,
    /// Whether this run raised an alarm about it, which has to be stored.
    is_alarmed: bool,
    tally: SweepTally,
}

impl<L: Backlog + Audit> Reconcile<L> {
    pub(crate) async fn sweep_lanes<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        run: &Invocation,
    ) -> Result<SweepTally, CommitError> {
        let due = self.ledger.due_lanes(W::SOURCE, LANES_MAX, &run.context()).await?;
        if due.is_empty() {
            return Ok(SweepTally::default());
        }
        let Some(check) = self.findings(run).await? else {
            // Unknown findings hold every owner back: the lanes stay due.
            let untried = u32::try_from(due.len()).unwrap_or(u32::MAX);
            return Ok(SweepTally { untried, ..SweepTally::default() });
        };
        let check = &check;
        let opened = stream::iter(due).map(|row| async move { self.opened(W::SOURCE, &row, check, run).await });
        let opened: Vec<Result<Opened, CommitError>> = opened.buffered(AT_ONCE).collect().await;
        let (mut tally, mut turns) = (SweepTally::default(), Vec::new());
        for opened in opened {
            match opened? {
                Opened::Turns(lane) => turns.push(*lane),
                Opened::Nothing => {}
                Opened::TooLate => {
                    tally.tried.is_cut_short = true;
                    tally.untried = tally.untried.saturating_add(1);
                }
            }
        }
        // In rounds, so that a lane with thousands of events does not delay a lane with one.
        while !turns.is_empty() {
            let round = stream::iter(turns).map(|lane| async move { self.turn(source, keys, lane, check, run).await });
            let round: Vec<Result<Turned, CommitError>> = round.buffered(AT_ONCE).collect().await;
            turns = Vec::new();
            for turned in round {
                match turned? {
                    Turned::More(lane) => turns.push(*lane),
                    Turned::Done(done) => tally = tally.and(done),
                }
            }
        }
        Ok(tally)
    }

    /// The audit's open findings; `None` if they cannot be read. The audit's own sweep replaces them, unless a later
    /// release has written them.
    async fn findings(&self, run: &Invocation) -> Result<Option<AuditProgress>, CommitError> {
        match self.ledger.check(&run.part(LANE_WITHIN).context()).await {
            Err(error @ CommitError::Refused(_)) => {
                tracing::error!(error = %edge::chain(&error), "the audit's findings cannot be read, and the lanes wait");
                report_passed_over(CHECK, run);
                Ok(None)
            }
            check => check.map(Some),
        }
    }

    async fn opened(
        &self,
        source: Source,
        row: &DueRow,
        check: &AuditProgress,
        run: &Invocation,
    ) -> Result<Opened, CommitError> {
        if run.is_short_of(LANE_WITHIN) {
            return Ok(Opened::TooLate);
        }
        let invocation = run.part(LANE_WITHIN);
        match self.open(source, row, check, &invocation.but_for(RESCHEDULE_MARGIN)).await {
            Ok(Some(mut lane)) => {
                lane.is_alarmed = alarm_about(&mut lane.state, lane.tally.oldest_s, run.now);
                Ok(Opened::Turns(Box::new(lane)))
            }
            Ok(None) => Ok(Opened::Nothing),
            Err(error) => {
                self.reschedule_unreadable(&Queue::Lanes(source), row, &error, &invocation).await?;
                Ok(Opened::Nothing)
            }
        }
    }

    /// Opens a lane with its payable events. `None` if another run was faster.
    async fn open(
        &self,
        source: Source,
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
        let is_priced = |owed: &Owed| self.is_priced(&state.lane, owed) || has_expired(owed, invocation.now);
        let mut picked = payable.picked(waiting.into_iter().filter(is_priced).collect(), invocation.now);
        let has_more = !picked.is_empty() && (!is_whole || picked.len() > PICKED_MAX);
        picked.truncate(PICKED_MAX);
        let tally = SweepTally { oldest_s: oldest_s.unwrap_or_default(), ..SweepTally::default() };
        let row = row.clone();
        Ok(Some(Turns { row, state, picked, has_more, resolved_before: 0, is_empty, is_alarmed: false, tally }))
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
            // Once the key is bound, the funds of who pays decide about each event.
            Lane::Key(key) => {
                let bound = self.ledger.key(key, context).await?;
                let is_any_held_back = |bound: &BoundKey| {
                    bound.payers().into_iter().any(|payer| is_held_back(&account(payer), check, invocation))
                };
                if bound.is_some_and(|bound| !is_any_held_back(&bound)) {
                    Payable::All
                } else {
                    Payable::UpTo(Balance::ZERO)
                }
            }
            // Its events owe nothing that is known, and each has the price of its own time.
            Lane::Model(model) if self.usage.has_price(model, invocation.now) => Payable::All,
            Lane::Model(_) => Payable::UpTo(Balance::ZERO),
        })
    }

    /// Whether the card may have a price for the event: its use was no later than its receipt.
    fn is_priced(&self, lane: &Lane, owed: &Owed) -> bool {
        match lane {
            Lane::Model(model) => owed.since().is_none_or(|since| self.usage.has_price(model, since)),
            Lane::Owner(_) | Lane::Key(_) => true,
        }
    }

    /// Replays one turn's events, and after the last one sets the lane's next retry time.
    async fn turn<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        mut lane: Turns,
        check: &AuditProgress,
        run: &Invocation,
    ) -> Result<Turned, CommitError> {
        let resolved_before = lane.tally.tried.resolved;
        for _ in 0..TURN_EVENTS {
            let Some(owed) = lane.picked.pop_front() else { break };
            if run.is_short_of(ONE_WITHIN) {
                let left = u32::try_from(lane.picked.len()).unwrap_or(u32::MAX).saturating_add(1);
                lane.tally.tried.is_cut_short = true;
                lane.tally.untried = lane.tally.untried.saturating_add(left);
                // The lane stays due, and so comes first in the next run.
                if lane.is_alarmed {
                    let context = run.part(LANE_WITHIN).context();
                    self.ledger.reschedule_lane(W::SOURCE, &lane.state, Some(run.now), &context).await?;
                }
                return Ok(Turned::Done(lane.tally));
            }
            let invocation = run.part(ONE_WITHIN);
            let refused = self.try_owed(source, keys, &mut lane, &owed, &invocation).await?;
            // The owner has spent the funds meanwhile.
            if refused && matches!(lane.state.lane, Lane::Owner(_)) {
                lane.picked.clear();
            }
        }
        // The row of the card has no price for what they have used. Others may follow in the next run.
        if matches!(lane.state.lane, Lane::Model(_)) && lane.tally.tried.resolved == resolved_before {
            lane.picked.clear();
        }
        // Without a booked event, opening the lane again would find the same events.
        let has_booked = lane.tally.tried.resolved > lane.resolved_before;
        if lane.picked.is_empty() && lane.has_more && has_booked && !run.is_short_of(LANE_WITHIN) {
            let resolved_before = lane.tally.tried.resolved;
            if let Some(again) = self.open(W::SOURCE, &lane.row, check, &run.part(LANE_WITHIN)).await? {
                let state = LaneState { alarmed_at: lane.state.alarmed_at, ..again.state };
                let (tally, is_alarmed) = (lane.tally.and(again.tally), lane.is_alarmed);
                lane = Turns { state, resolved_before, is_alarmed, tally, ..again };
            }
        }
        if lane.picked.is_empty() {
            let until = next_retry_at(&lane, run.now);
            let context = run.part(LANE_WITHIN).context();
            self.ledger.reschedule_lane(W::SOURCE, &lane.state, until, &context).await?;
            return Ok(Turned::Done(lane.tally));
        }
        Ok(Turned::More(Box::new(lane)))
    }

    /// Whether the event was refused for insufficient funds.
    async fn try_owed<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        lane: &mut Turns,
        owed: &Owed,
        invocation: &Invocation,
    ) -> Result<bool, CommitError> {
        let read = self.ledger.refused_event(&owed.receipt(), &invocation.but_for(RESCHEDULE_MARGIN).context()).await;
        let error = match read {
            Ok(None) => return Ok(false),
            Ok(Some(waiting)) => match self.try_again(source, keys, &waiting, invocation, &mut lane.tally).await {
                Ok(outcome) => return Ok(outcome == Some(Outcome::Refused(Reason::InsufficientCredits))),
                Err(error) => error,
            },
            Err(error) => {
                lane.tally.tried.tried = lane.tally.tried.tried.saturating_add(1);
                lane.tally.tried.failed = lane.tally.tried.failed.saturating_add(1);
                error
            }
        };
        let queue = Queue::Lane(W::SOURCE, lane.state.lane.clone());
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
    Done(SweepTally),
}

/// The amount that a lane's owner can pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Payable {
    UpTo(Balance),
    All,
}

impl Payable {
    fn is_nothing(self) -> bool {
        matches!(self, Self::UpTo(available) if available <= Balance::ZERO)
    }

    /// Picks affordable events from the oldest on; an expensive one does not block cheaper ones. Expired events are
    /// picked, too: their replay closes them with an alarm.
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

/// Whether the audit has an open finding for the account. A usage row that was reset to `failed` would be deducted a
/// second time; the audit finds that, and until the repair no event of the owner is replayed.
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

/// Raises an alarm once a day per lane, and not per event. Returns whether it was raised now.
fn alarm_about(state: &mut LaneState, oldest_s: u64, now: Timestamp) -> bool {
    let is_recent = state.alarmed_at.is_some_and(|at| now.seconds_apart(at) < DAY_SECONDS);
    if oldest_s < ALARM_AFTER_SECONDS || is_recent {
        return false;
    }
    state.alarmed_at = Some(now);
    let kept_days = u64::try_from(REFUSED_BODY_KEPT_DAYS).unwrap_or_default();
    let expires_soon_s = kept_days.saturating_sub(EXPIRES_SOON_DAYS).saturating_mul(DAY_SECONDS);
    let word = if oldest_s >= expires_soon_s { "usage_expires" } else { "still_refused" };
    edge::alarm(SOURCE, word, &state.lane.to_string());
    true
}

/// The lane's next retry time; `None` if it has ended.
fn next_retry_at(lane: &Turns, now: Timestamp) -> Option<Timestamp> {
    let since_s = now.seconds_apart(lane.state.refused_at);
    if lane.is_empty && since_s >= ENDS_AFTER_SECONDS {
        return None;
    }
    let pause_s_max = match lane.state.lane {
        Lane::Owner(_) => OWNER_PAUSE_SECONDS_MAX,
        Lane::Key(_) => KEY_PAUSE_SECONDS_MAX,
        Lane::Model(_) => MODEL_PAUSE_SECONDS_MAX,
    };
    let pause_s = since_s.clamp(PAUSE_SECONDS_MIN, pause_s_max);
    Some(now.plus_seconds(i64::try_from(pause_s).unwrap_or(i64::MAX)))
}
