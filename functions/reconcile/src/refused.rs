//! Replay of refused events: a webhook that arrived before its order, a usage event before its top-up, a body that a
//! later release can parse. Each is verified again and retried with backoff until it is booked or given up.

use std::time::Duration;

use edge::Invocation;
use ledger::{Audit, Backlog, CommitError, EventKey, KeptBody, Pausable, Pauses, Queue, Reason, RefusedEvent, Source};
use serde::Serialize;
use webhook::{Kept, OtherReceipt, Outcome, RefusedRow, Replayed, Webhook};

use crate::pass_over::report_passed_over;
use crate::proof::{Prove, Unproven};
use crate::{OTHER_RECEIPT, Reconcile, SOURCE};

/// Events of each source in a run: a few seconds, at some 30 ms each. The rest comes first in the next run.
const EVENTS_MAX: u16 = 100;
/// The count is capped here; the alarm threshold is lower.
const COUNTED_MAX: u32 = 10_000;
/// The time limit of one event: a sender's reply deadline and some rest.
pub(crate) const ONE_WITHIN: Duration = Duration::from_secs(5);
/// The part of it that is reserved for rescheduling an event that is not booked.
pub(crate) const RESCHEDULE_MARGIN: Duration = Duration::from_secs(1);
/// The age at which an alarm is raised, once a day: a retry alone does not help.
pub(crate) const ALARM_AFTER_SECONDS: u64 = 24 * 60 * 60;

/// The result of a run, in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ReplayReport {
    pub tried: u32,
    /// Booked, by this run or by another delivery.
    pub resolved: u32,
    /// Refused again.
    pub waiting: u32,
    /// Not retryable any more.
    pub given_up: u32,
    /// Faults on our side.
    pub failed: u32,
    /// Whether the run ran out of time.
    pub is_cut_short: bool,
}

/// The counts of a run, and the age of the oldest event that still waits.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct SweepTally {
    pub(crate) tried: ReplayReport,
    /// Due events beyond the run's time or limit.
    pub(crate) untried: u32,
    pub(crate) oldest_s: u64,
}

/// The disposition of a replayed row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RowDisposition {
    /// The commit has written it.
    Written,
    /// Retried later.
    Rescheduled,
    /// Never retried; the reason is recorded elsewhere.
    Closed,
}

impl<L: Backlog + Audit> Reconcile<L> {
    /// What a paused source has sent waits, and is due when it is resumed.
    pub(crate) async fn sweep_refused(&self, run: &Invocation, pauses: &Pauses) -> Result<ReplayReport, CommitError> {
        // Concurrently, so that a hanging provider takes no time from usage, or a long queue of usage from buyers.
        let usage =
            async { if pauses.stops_usage() { Ok(SweepTally::default()) } else { self.sweep_usage(run).await } };
        let (payments, usage) = futures_util::future::join(self.sweep_payments(run, pauses), usage).await;
        let SweepTally { tried, untried, oldest_s } = payments?.and(usage?);
        // An event that was refused again has been retried. A failed one has not, and is rescheduled, too.
        edge::backlog("refused", u64::from(tried.failed).saturating_add(u64::from(untried)), oldest_s);
        Ok(tried)
    }

    async fn sweep_usage(&self, run: &Invocation) -> Result<SweepTally, CommitError> {
        let mut tally = SweepTally::default();
        let keys = self.keys.of(self.keys.usage.as_ref());
        // Unparsed usage events have no owner, so they are in no lane.
        self.sweep(&self.usage, &keys, run, &mut tally).await?;
        Ok(tally.and(self.sweep_lanes(&self.usage, &keys, run).await?))
    }
}

impl<L: Backlog> Reconcile<L> {
    /// A source that is not configured has nothing to replay.
    async fn sweep_payments(&self, run: &Invocation, pauses: &Pauses) -> Result<SweepTally, CommitError> {
        let (keys, mut tally) = (&self.keys, SweepTally::default());
        for source in Source::ALL {
            match source {
                source if pauses.has(Pausable::Source(source)) => {}
                Source::Litellm => {
                    self.sweep(&self.litellm, &keys.of(keys.litellm.as_ref()), run, &mut tally).await?;
                }
                Source::Openrouter => {
                    self.sweep(&self.openrouter, &keys.of(keys.openrouter.as_ref()), run, &mut tally).await?;
                }
                // Concurrently, in `sweep_usage`.
                Source::Usage => {}
                Source::Stripe => self.sweep(&self.stripe, &keys.of(keys.stripe.as_ref()), run, &mut tally).await?,
                Source::Wechat => {
                    if let Some(wechat) = &self.wechat {
                        self.sweep(wechat, &keys.of(keys.wechat.as_ref()), run, &mut tally).await?;
                    }
                }
                Source::Epay => {
                    if let Some(epay) = &self.epay {
                        self.sweep(epay, &keys.of(keys.epay.as_ref()), run, &mut tally).await?;
                    }
                }
                Source::Fireblocks => {
                    if let Some(fireblocks) = &self.fireblocks {
                        self.sweep(fireblocks, &keys.fireblocks, run, &mut tally).await?;
                    }
                }
            }
        }
        Ok(tally)
    }

    async fn sweep<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        run: &Invocation,
        tally: &mut SweepTally,
    ) -> Result<(), CommitError> {
        let due = self.ledger.due(W::SOURCE, EVENTS_MAX, &run.context()).await?;
        let found = u32::try_from(due.len()).unwrap_or(u32::MAX);
        // Counts only if there may be more events than the run's limit.
        let is_full = found >= u32::from(EVENTS_MAX);
        let all =
            if is_full { self.ledger.count_refused_due(W::SOURCE, COUNTED_MAX, &run.context()).await? } else { found };
        tally.untried = tally.untried.saturating_add(all.saturating_sub(found));
        for (n, row) in (0..).zip(due) {
            if run.is_short_of(ONE_WITHIN) {
                tally.tried.is_cut_short = true;
                tally.untried = tally.untried.saturating_add(found.saturating_sub(n));
                return Ok(());
            }
            let invocation = run.part(ONE_WITHIN);
            // The index may lag, or another run may be faster: only events that are still due are retried.
            match self
                .ledger
                .refused_event(&EventKey::of_row(&row.id), &invocation.but_for(RESCHEDULE_MARGIN).context())
                .await
            {
                Ok(Some(waiting)) => {
                    self.try_again(source, keys, &waiting, &invocation, tally).await?;
                }
                Ok(None) => {}
                Err(error) => {
                    tally.tried.tried = tally.tried.tried.saturating_add(1);
                    tally.tried.failed = tally.tried.failed.saturating_add(1);
                    self.reschedule_unreadable(&Queue::Refused(W::SOURCE), &row, &error, &invocation).await?;
                }
            }
        }
        Ok(())
    }

    pub(crate) async fn try_again<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        waiting: &RefusedEvent,
        invocation: &Invocation,
        tally: &mut SweepTally,
    ) -> Result<Option<Outcome>, CommitError> {
        let tried = &mut tally.tried;
        tried.tried = tried.tried.saturating_add(1);
        let Some(kept) = &waiting.body else {
            edge::alarm(SOURCE, "cannot_be_tried_again", waiting.receipt.as_str());
            tried.given_up = tried.given_up.saturating_add(1);
            self.ledger.reschedule(waiting, None, &invocation.context()).await?;
            return Ok(None);
        };
        let within = invocation.but_for(RESCHEDULE_MARGIN);
        let mut replayed = self.replayed_by_sender(source, keys, waiting, kept, &within).await;
        let is_claim = matches!(replayed, Ok(Outcome::Refused(reason)) if reason.is_of_reversal());
        if is_claim && W::SOURCE == Source::Stripe && self.learn_invoice(kept, &within).await? {
            replayed = self.replayed(source, keys, waiting, kept, &within).await;
        }
        let outcome = match replayed {
            Ok(outcome) => outcome,
            Err(unproven) => {
                self.leave_unproven(unproven, waiting, invocation, tally).await?;
                return Ok(None);
            }
        };
        log_given_up(&outcome, waiting, invocation);
        let count = tried.of(&outcome, waiting, invocation);
        *count = count.saturating_add(1);
        let disposition = row_disposition(&outcome, waiting);
        if disposition == RowDisposition::Rescheduled || matches!(outcome, Outcome::Refused(_) | Outcome::Unparsed(_)) {
            tally.oldest_s = tally.oldest_s.max(invocation.now.seconds_apart(waiting.first_received_at));
        }
        match disposition {
            RowDisposition::Written => {}
            RowDisposition::Rescheduled => {
                self.ledger
                    .reschedule(waiting, Some(waiting.next_retry_at(invocation.now)), &invocation.context())
                    .await?;
            }
            RowDisposition::Closed => self.ledger.reschedule(waiting, None, &invocation.context()).await?,
        }
        Ok(Some(outcome))
    }

    /// A use is kept as one of `usage`, whichever gateway has reported it. The path of its delivery tells which.
    async fn replayed_by_sender<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        waiting: &RefusedEvent,
        kept: &KeptBody,
        invocation: &Invocation,
    ) -> Result<Outcome, Unproven> {
        if W::SOURCE == Source::Usage && kept.path == litellm::PATH {
            let keys = self.keys.of(self.keys.litellm.as_ref());
            return self.replayed(&self.litellm, &keys, waiting, kept, invocation).await;
        }
        if W::SOURCE == Source::Usage && kept.path == openrouter::PATH {
            let keys = self.keys.of(self.keys.openrouter.as_ref());
            return self.replayed(&self.openrouter, &keys, waiting, kept, invocation).await;
        }
        self.replayed(source, keys, waiting, kept, invocation).await
    }

    async fn replayed<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        waiting: &RefusedEvent,
        kept: &KeptBody,
        invocation: &Invocation,
    ) -> Result<Outcome, Unproven> {
        let is_stripe = W::SOURCE == Source::Stripe;
        // A backfilled event has no signature, so it is queried again.
        let replayed = if is_stripe && kept.path == stripe::LISTED_AT {
            self.requery_event(waiting, kept, invocation).await?
        } else {
            let delivered = Kept::of::<W>(kept, invocation.now, self.keys.forbids_body_only_hmac)?;
            let proven = keys.prove(source, &delivered, invocation).await?;
            if is_stripe && proven.is_by_retired_key {
                self.requery_event(waiting, kept, invocation).await?
            } else {
                let row = RefusedRow {
                    receipt: &waiting.receipt,
                    first_received_at: waiting.first_received_at,
                    bytes_at: kept.bytes_at,
                    is_by_retired_key: proven.is_by_retired_key,
                };
                let replayed = webhook::replay(source, &self.ledger, &proven.received, row, invocation).await;
                replayed.map_err(|OtherReceipt| Unproven::Disproved(OTHER_RECEIPT))?
            }
        };
        let Replayed { outcome, is_stuck: is_passed_over } = replayed;
        if is_passed_over {
            report_passed_over(waiting.receipt.as_str(), invocation);
        }
        webhook::log(SOURCE, &outcome, Some(waiting.receipt.as_str()), invocation);
        if is_stuck(&outcome, waiting, invocation) {
            edge::alarm(SOURCE, "still_refused", waiting.receipt.as_str());
        }
        Ok(outcome)
    }
}

/// Logs a refund or dispute that is given up, without an alarm: the account has payments of other systems, too.
fn log_given_up(outcome: &Outcome, waiting: &RefusedEvent, invocation: &Invocation) {
    if let Outcome::Refused(reason) = outcome
        && reason.is_of_reversal()
        && is_given_up(*reason, waiting, invocation)
    {
        edge::line(SOURCE, Some(waiting.receipt.as_str()), "given_up", Some(reason.as_str()), invocation);
    }
}

impl SweepTally {
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            tried: self.tried.and(other.tried),
            untried: self.untried.saturating_add(other.untried),
            oldest_s: self.oldest_s.max(other.oldest_s),
        }
    }
}

impl ReplayReport {
    fn and(self, other: Self) -> Self {
        Self {
            tried: self.tried.saturating_add(other.tried),
            resolved: self.resolved.saturating_add(other.resolved),
            waiting: self.waiting.saturating_add(other.waiting),
            given_up: self.given_up.saturating_add(other.given_up),
            failed: self.failed.saturating_add(other.failed),
            is_cut_short: self.is_cut_short || other.is_cut_short,
        }
    }

    fn of(&mut self, outcome: &Outcome, waiting: &RefusedEvent, invocation: &Invocation) -> &mut u32 {
        match outcome {
            Outcome::Booked | Outcome::Repeat => &mut self.resolved,
            Outcome::Refused(reason) if !is_given_up(*reason, waiting, invocation) => &mut self.waiting,
            Outcome::Unparsed(_) => &mut self.waiting,
            Outcome::Refused(_) | Outcome::Ignored(_) | Outcome::Conflict => &mut self.given_up,
            Outcome::Paused
            | Outcome::Unavailable
            | Outcome::Panicked
            | Outcome::NotFound
            | Outcome::MethodNotAllowed { .. }
            | Outcome::Forbidden
            | Outcome::TooLarge
            | Outcome::Malformed
            | Outcome::Unverified(_)
            | Outcome::Unverifiable => &mut self.failed,
        }
    }
}

fn row_disposition(outcome: &Outcome, waiting: &RefusedEvent) -> RowDisposition {
    let is_of_unparsed = waiting.receipt.is_of_unparsed();
    match outcome {
        // An unparsed delivery now has a row under its own event key, so its old row is closed.
        Outcome::Booked | Outcome::Repeat | Outcome::Refused(_) if is_of_unparsed => RowDisposition::Closed,
        Outcome::Booked | Outcome::Repeat | Outcome::Refused(_) => RowDisposition::Written,
        // The settings or the event have changed since, and a retry does not help.
        Outcome::Ignored(_) | Outcome::Conflict => RowDisposition::Closed,
        Outcome::Unparsed(_)
        | Outcome::Paused
        | Outcome::Unavailable
        | Outcome::Panicked
        | Outcome::NotFound
        | Outcome::MethodNotAllowed { .. }
        | Outcome::Forbidden
        | Outcome::TooLarge
        | Outcome::Malformed
        | Outcome::Unverified(_)
        | Outcome::Unverifiable => RowDisposition::Rescheduled,
    }
}

fn is_given_up(reason: Reason, waiting: &RefusedEvent, invocation: &Invocation) -> bool {
    ledger::next_retry_at(reason, waiting.first_received_at, invocation.now).is_none()
}

/// Whether an old event needs a person. A refund or dispute of a payment that is not ours is given up without an alarm.
fn is_stuck(outcome: &Outcome, waiting: &RefusedEvent, invocation: &Invocation) -> bool {
    let is_old = invocation.now.seconds_apart(waiting.first_received_at) >= ALARM_AFTER_SECONDS;
    let is_resolved = matches!(outcome, Outcome::Booked | Outcome::Repeat | Outcome::Ignored(_));
    is_old && !is_resolved && !matches!(outcome, Outcome::Refused(reason) if reason.is_of_reversal())
}
