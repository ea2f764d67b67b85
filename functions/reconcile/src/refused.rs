//! Events that were refused: a webhook that came before its order, a usage event before its top-up, a body that a later release can
//! read. Each is verified and tried again as it was kept, and goes on waiting, is booked, or is given up.

use std::time::Duration;

use edge::Invocation;
use ledger::{Audit, Backlog, CommitError, EventKey, KeptBody, Queue, Reason, RefusedEvent, Source};
use serde::Serialize;
use webhook::{Kept, OtherReceipt, Outcome, RefusedRow, Replayed, Webhook};

use crate::pass_over::report_passed_over;
use crate::proof::{Prove, Unproven};
use crate::{OTHER_RECEIPT, Reconcile, SOURCE};

/// Of each source. At some 30 ms each that is a few seconds; what is left is first in the next run.
const EVENTS_MAX: u16 = 100;
/// More than this is as alarming as this.
const COUNTED_MAX: u32 = 10_000;
/// As long as a sender would wait, and what follows.
pub(crate) const ONE_WITHIN: Duration = Duration::from_secs(5);
/// What is kept of that for putting it off, where nothing has come of it.
pub(crate) const FOR_PUTTING_OFF: Duration = Duration::from_secs(1);
/// From then on somebody is called, once a day: something is wrong that time does not cure.
pub(crate) const CALL_AFTER_SECONDS: u64 = 24 * 60 * 60;

/// What a run has come to, in events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct ReplayReport {
    pub tried: u32,
    /// Booked now, or by somebody else in the meantime.
    pub cured: u32,
    /// Refused once more.
    pub waiting: u32,
    /// Nothing can cure them any more.
    pub given_up: u32,
    /// Trouble on our side.
    pub failed: u32,
    /// Whether there was more to do than time.
    pub is_cut_short: bool,
}

/// What all of it has come to, and for how long the oldest has been waiting of what goes on waiting.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Came {
    pub(crate) tried: ReplayReport,
    /// Due, and there was no time for them or no room in the run.
    pub(crate) untried: u32,
    pub(crate) oldest_s: u64,
}

/// What becomes of the row that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// As the commit has written it.
    Written,
    /// Looked at again later.
    PutOff,
    /// Never looked at again: what there is to say is said elsewhere.
    Closed,
}

impl<L: Backlog + Audit> Reconcile<L> {
    pub(crate) async fn sweep_refused(&self, run: &Invocation) -> Result<ReplayReport, CommitError> {
        // Beside each other: a provider that hangs takes no time from usage, nor a long queue of usage from a buyer who waits.
        let (payments, usage) = futures_util::future::join(self.sweep_payments(run), self.sweep_usage(run)).await;
        let Came { tried, untried, oldest_s } = payments?.and(usage?);
        // What was refused once more has been tried. What has failed has not, and is put off all the same.
        edge::backlog("refused", u64::from(tried.failed).saturating_add(u64::from(untried)), oldest_s);
        Ok(tried)
    }

    async fn sweep_usage(&self, run: &Invocation) -> Result<Came, CommitError> {
        let mut came = Came::default();
        let keys = self.keys.of(self.keys.usage.as_ref());
        // What could not be read names no owner.
        self.sweep(&self.usage, &keys, run, &mut came).await?;
        Ok(came.and(self.sweep_lanes(&self.usage, &keys, run).await?))
    }
}

impl<L: Backlog> Reconcile<L> {
    /// A source that is not configured has nothing to replay.
    async fn sweep_payments(&self, run: &Invocation) -> Result<Came, CommitError> {
        let (keys, mut came) = (&self.keys, Came::default());
        for source in Source::ALL {
            match source {
                // Beside these, in `sweep_usage`.
                Source::Usage => {}
                Source::Stripe => self.sweep(&self.stripe, &keys.of(keys.stripe.as_ref()), run, &mut came).await?,
                Source::Wechat => {
                    if let Some(wechat) = &self.wechat {
                        self.sweep(wechat, &keys.of(keys.wechat.as_ref()), run, &mut came).await?;
                    }
                }
                Source::Epay => {
                    if let Some(epay) = &self.epay {
                        self.sweep(epay, &keys.of(keys.epay.as_ref()), run, &mut came).await?;
                    }
                }
                Source::Fireblocks => {
                    if let Some(fireblocks) = &self.fireblocks {
                        self.sweep(fireblocks, &keys.fireblocks, run, &mut came).await?;
                    }
                }
            }
        }
        Ok(came)
    }

    async fn sweep<W: Webhook>(
        &self,
        source: &W,
        keys: &impl Prove<W>,
        run: &Invocation,
        came: &mut Came,
    ) -> Result<(), CommitError> {
        let due = self.ledger.due(W::SOURCE.as_str(), EVENTS_MAX, &run.context()).await?;
        let found = u32::try_from(due.len()).unwrap_or(u32::MAX);
        // Only where there may be more than a run looks at.
        let is_full = found >= u32::from(EVENTS_MAX);
        let all = if is_full {
            self.ledger.count_refused_due(W::SOURCE.as_str(), COUNTED_MAX, &run.context()).await?
        } else {
            found
        };
        came.untried = came.untried.saturating_add(all.saturating_sub(found));
        for (n, row) in (0..).zip(due) {
            if run.is_short_of(ONE_WITHIN) {
                came.tried.is_cut_short = true;
                came.untried = came.untried.saturating_add(found.saturating_sub(n));
                return Ok(());
            }
            let invocation = run.part(ONE_WITHIN);
            // An index may lag, and another run may be at it: nothing is tried that is not due any more.
            match self
                .ledger
                .refused_event(&EventKey::of_row(&row.id), &invocation.but_for(FOR_PUTTING_OFF).context())
                .await
            {
                Ok(Some(waiting)) => {
                    self.try_again(source, keys, &waiting, &invocation, came).await?;
                }
                Ok(None) => {}
                Err(error) => {
                    came.tried.tried = came.tried.tried.saturating_add(1);
                    came.tried.failed = came.tried.failed.saturating_add(1);
                    self.reschedule_unreadable(&Queue::Refused(W::SOURCE.as_str()), &row, &error, &invocation).await?;
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
        came: &mut Came,
    ) -> Result<Option<Outcome>, CommitError> {
        let tried = &mut came.tried;
        tried.tried = tried.tried.saturating_add(1);
        let Some(kept) = &waiting.body else {
            edge::alarm(SOURCE, "cannot_be_tried_again", waiting.receipt.as_str());
            tried.given_up = tried.given_up.saturating_add(1);
            self.ledger.reschedule(waiting, None, &invocation.context()).await?;
            return Ok(None);
        };
        let within = invocation.but_for(FOR_PUTTING_OFF);
        let mut replayed = self.replayed(source, keys, waiting, kept, &within).await;
        let is_claim = matches!(replayed, Ok(Outcome::Refused(reason)) if reason.is_of_reversal());
        if is_claim && W::SOURCE == Source::Stripe && self.learn_invoice(kept, &within).await? {
            replayed = self.replayed(source, keys, waiting, kept, &within).await;
        }
        let outcome = match replayed {
            Ok(outcome) => outcome,
            Err(unproven) => {
                self.leave_unproven(unproven, waiting, invocation, came).await?;
                return Ok(None);
            }
        };
        say_given_up(&outcome, waiting, invocation);
        let count = tried.of(&outcome, waiting, invocation);
        *count = count.saturating_add(1);
        let left = count_open_orders(&outcome, waiting);
        if left == Left::PutOff || matches!(outcome, Outcome::Refused(_) | Outcome::Unparsed(_)) {
            came.oldest_s = came.oldest_s.max(invocation.now.seconds_apart(waiting.first_received_at));
        }
        match left {
            Left::Written => {}
            Left::PutOff => {
                self.ledger
                    .reschedule(waiting, Some(waiting.next_retry_at(invocation.now)), &invocation.context())
                    .await?;
            }
            Left::Closed => self.ledger.reschedule(waiting, None, &invocation.context()).await?,
        }
        Ok(Some(outcome))
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
        // Stripe has signed no event that it only lists.
        let replayed = if is_stripe && kept.path == stripe::LISTED_AT {
            self.event_asked_again(waiting, kept, invocation).await?
        } else {
            let delivered = Kept::of::<W>(kept, invocation.now, self.keys.forbids_body_only_hmac)?;
            let proven = keys.prove(source, &delivered, invocation).await?;
            if is_stripe && proven.is_by_retired_key {
                self.event_asked_again(waiting, kept, invocation).await?
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

/// A claim is closed without an alarm: the account's other payments are refunded too. It stands in the log and in the metrics.
fn say_given_up(outcome: &Outcome, waiting: &RefusedEvent, invocation: &Invocation) {
    if let Outcome::Refused(reason) = outcome
        && reason.is_of_reversal()
        && is_given_up(*reason, waiting, invocation)
    {
        edge::line(SOURCE, Some(waiting.receipt.as_str()), "given_up", Some(reason.as_str()), invocation);
    }
}

impl Came {
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
            cured: self.cured.saturating_add(other.cured),
            waiting: self.waiting.saturating_add(other.waiting),
            given_up: self.given_up.saturating_add(other.given_up),
            failed: self.failed.saturating_add(other.failed),
            is_cut_short: self.is_cut_short || other.is_cut_short,
        }
    }

    fn of(&mut self, outcome: &Outcome, waiting: &RefusedEvent, invocation: &Invocation) -> &mut u32 {
        match outcome {
            Outcome::Booked | Outcome::Repeat => &mut self.cured,
            Outcome::Refused(reason) if !is_given_up(*reason, waiting, invocation) => &mut self.waiting,
            Outcome::Unparsed(_) => &mut self.waiting,
            Outcome::Refused(_) | Outcome::Ignored(_) | Outcome::Conflict => &mut self.given_up,
            Outcome::Unavailable
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

fn count_open_orders(outcome: &Outcome, waiting: &RefusedEvent) -> Left {
    let is_of_unparsed = waiting.receipt.is_of_unparsed();
    match outcome {
        // It could not be read before and now goes by its own name: the row that has none is done with.
        Outcome::Booked | Outcome::Repeat | Outcome::Refused(_) if is_of_unparsed => Left::Closed,
        Outcome::Booked | Outcome::Repeat | Outcome::Refused(_) => Left::Written,
        // Settings have changed since, or the event is told otherwise by now: trying again would not change that.
        Outcome::Ignored(_) | Outcome::Conflict => Left::Closed,
        Outcome::Unparsed(_)
        | Outcome::Unavailable
        | Outcome::Panicked
        | Outcome::NotFound
        | Outcome::MethodNotAllowed { .. }
        | Outcome::Forbidden
        | Outcome::TooLarge
        | Outcome::Malformed
        | Outcome::Unverified(_)
        | Outcome::Unverifiable => Left::PutOff,
    }
}

fn is_given_up(reason: Reason, waiting: &RefusedEvent, invocation: &Invocation) -> bool {
    ledger::next_retry_at(reason, waiting.first_received_at, invocation.now).is_none()
}

/// A claim on a payment that is not ours waits for it and is then given up: that is nothing to call anybody for.
fn is_stuck(outcome: &Outcome, waiting: &RefusedEvent, invocation: &Invocation) -> bool {
    let is_old = invocation.now.seconds_apart(waiting.first_received_at) >= CALL_AFTER_SECONDS;
    let is_cured = matches!(outcome, Outcome::Booked | Outcome::Repeat | Outcome::Ignored(_));
    is_old && !is_cured && !matches!(outcome, Outcome::Refused(reason) if reason.is_of_reversal())
}
