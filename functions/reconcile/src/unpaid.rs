//! Orders that nobody has told us are paid: their provider is asked. What it says is booked under the same keys as a webhook would
//! be, so that one that comes after all changes nothing; and what can no longer be paid is closed.

use std::sync::Arc;
use std::time::Duration;

use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use ledger::{
    Backlog, CommitError, Committed, Decision, DueOrder, DueRow, Order, OrderNumber, Payment, PaymentState, Provider,
    Queue, Reason, Reference, Timestamp, Work,
};
use serde::Serialize;
use tokio::time::Interval;

use crate::missing_credentials::{Called, Unheard};
use crate::pass_over::number_of;
use crate::turns::{Unanswered, in_turns, pace};
use crate::{Reconcile, SOURCE};

/// The name of the sweep, as a schedule and the metrics have it.
const SWEEP: &str = "unpaid";
/// For so long no other run asks. A run that died is over by then: the function's time-out is no longer.
const HELD_SECONDS: i64 = 60;
/// Of each provider, of which the first run after a long outage asks about some hundreds. 200 bytes each.
const LISTED_MAX: u32 = 20_000;
/// Of each provider. One that takes a second to answer is still asked as often as its limit allows.
const AT_ONCE: usize = 10;
/// A provider that hangs must not take the whole run.
const ONE_WITHIN: Duration = Duration::from_secs(9);
/// What is kept of that for passing it over.
const FOR_PASSING_OVER: Duration = Duration::from_secs(1);
/// What is kept of the rest for writing down what it has said, or that it has said nothing.
const FOR_THE_BOOKS: Duration = Duration::from_secs(2);
const PAUSE_SECONDS_MIN: u64 = 5 * 60;
const PAUSE_SECONDS_MAX: u64 = 24 * 60 * 60;
/// No provider's page is open for longer. A payment that comes later all the same still pays the order.
const EXPIRES_AFTER_SECONDS: u64 = 48 * 60 * 60;
/// In each round somebody else has written the order.
const ROUNDS_MAX: u32 = 4;

/// What a run has come to, in orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Asked {
    pub asked: u32,
    /// Found to be paid, and booked.
    pub paid: u32,
    /// Paid, and not as the order says: somebody has to look at them.
    pub flagged: u32,
    /// Nobody can pay them any more, or nobody has.
    pub closed: u32,
    pub unpaid: u32,
    /// The provider has not answered, or not so that it could be understood.
    pub failed: u32,
    /// Whether some were left to the next run, for want of time or because their provider does not answer.
    pub is_cut_short: bool,
    /// Another run is asking.
    pub is_held: bool,
}

impl Asked {
    const fn and(self, other: Self) -> Self {
        Self {
            asked: self.asked.saturating_add(other.asked),
            paid: self.paid.saturating_add(other.paid),
            flagged: self.flagged.saturating_add(other.flagged),
            closed: self.closed.saturating_add(other.closed),
            unpaid: self.unpaid.saturating_add(other.unpaid),
            failed: self.failed.saturating_add(other.failed),
            is_cut_short: self.is_cut_short || other.is_cut_short,
            is_held: self.is_held || other.is_held,
        }
    }
}

/// What a run has come to with the orders of one provider.
#[derive(Debug, Default)]
struct ProviderRun {
    asked: Asked,
    /// Of those that were due.
    left: u64,
    /// For how long the first of them had been due when the run began.
    oldest_s: u64,
    error: Option<CommitError>,
}

/// What a provider says of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// By this payment, as `of` says, which is what it was asked about; and where else the payment is to lead from.
    Paid { of: Reference, payment: Payment, also: Vec<Reference> },
    /// The same, where money is not real though it is here, or the other way round.
    OfOtherMode { of: Reference, payment: Payment },
    /// It is being paid, or has an end of its own.
    NotYet,
    /// It can be paid there for as long as it is not closed.
    Open,
    /// Nobody can pay it there.
    Over(PaymentState),
    /// It has never heard of it.
    Nothing,
}

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn sweep_unpaid(&self, run: &Invocation) -> Result<Asked, CommitError> {
        if !self.is_any_unpaid(run).await? {
            edge::backlog(SWEEP, 0, 0);
            return Ok(Asked::default());
        }
        if !self.ledger.acquire_sweep(SWEEP, run.now.plus_seconds(HELD_SECONDS), &run.context()).await? {
            return Ok(Asked { is_held: true, ..Asked::default() });
        }
        let called = Called::default();
        // Side by side: each has its own queue, its own pace, and no answer of one is waited for by another.
        let [stripe, wechat, epay] = Provider::ALL.map(|provider| Box::pin(self.ask_all_of(provider, run, &called)));
        let (stripe, wechat, epay) = tokio::join!(stripe, wechat, epay);
        let (mut asked, mut left, mut oldest_s, mut failure) = (Asked::default(), 0_u64, 0, None);
        for run in [stripe, wechat, epay] {
            asked = asked.and(run.asked);
            left = left.saturating_add(run.left);
            oldest_s = run.oldest_s.max(oldest_s);
            failure = run.error.or(failure);
        }
        edge::backlog(SWEEP, left, oldest_s);
        // Without this, the sweep is free once its time is over.
        if let Err(error) = self.ledger.acquire_sweep(SWEEP, run.now, &run.context()).await {
            tracing::warn!(error = %edge::chain(&error), "the sweep is not given back");
        }
        failure.map_or(Ok(asked), Err)
    }

    async fn is_any_unpaid(&self, run: &Invocation) -> Result<bool, CommitError> {
        for provider in Provider::ALL {
            if !self.ledger.orders_due(Work::Payment(provider), 1, &run.context()).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// As many as there is time for, unless the store fails.
    async fn ask_all_of(&self, provider: Provider, run: &Invocation, called: &Called) -> ProviderRun {
        let due = match self.ledger.unpaid(provider, LISTED_MAX, &run.context()).await {
            Ok(due) => due,
            Err(error) => return ProviderRun { error: Some(error), ..ProviderRun::default() },
        };
        let mut left = u64::try_from(due.len()).unwrap_or(u64::MAX);
        let oldest_s = due.first().and_then(DueOrder::due_at).map_or(0, |due_at| run.now.seconds_apart(due_at));
        let (mut asked, mut failure) = (Asked::default(), None);
        let unanswered = Arc::new(Unanswered::default());
        let next = Next {
            rows: in_turns(due).into_iter(),
            pace: pace(provider),
            run: run.clone(),
            unanswered: Arc::clone(&unanswered),
        };
        let looks = stream::unfold(next, Next::row).map(|row| self.look(provider, row, run, called, &unanswered));
        let looks = looks.buffer_unordered(AT_ONCE);
        let mut looks = Box::pin(looks);
        while let Some(look) = looks.next().await {
            left = left.saturating_sub(1);
            match look {
                Ok(look) => asked = asked.and(look),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        asked.is_cut_short = left > 0;
        ProviderRun { asked, left, oldest_s, error: failure }
    }

    async fn look(
        &self,
        provider: Provider,
        row: DueRow,
        run: &Invocation,
        called: &Called,
        unanswered: &Unanswered,
    ) -> Result<Asked, CommitError> {
        let (invocation, mut asked) = (run.part(ONE_WITHIN), Asked::default());
        let settled = self.settle(&row, &invocation.but_for(FOR_PASSING_OVER), &mut asked, called, unanswered).await;
        if let Err(error) = settled {
            asked.failed = asked.failed.saturating_add(1);
            self.reschedule_unreadable(&Queue::Work(Work::Payment(provider)), &row, &error, &invocation).await?;
        }
        Ok(asked)
    }

    pub(crate) async fn settle(
        &self,
        row: &DueRow,
        invocation: &Invocation,
        asked: &mut Asked,
        called: &Called,
        unanswered: &Unanswered,
    ) -> Result<(), CommitError> {
        let number = &number_of(row)?;
        let Some(order) = self.waiting_for_payment(number, invocation).await? else {
            return Ok(());
        };
        asked.asked = asked.asked.saturating_add(1);
        let waited_s = invocation.now.seconds_apart(order.created_at);
        let said = self.ask(&order, &invocation.but_for(FOR_THE_BOOKS)).await;
        unanswered.learn(!matches!(&said, Err(error) if error.is_of_the_provider()));
        let count = match said {
            Ok(Said::Paid { of, payment, also }) => {
                self.book(order, &of, &payment, &also, invocation).await?;
                match self.waiting_for_payment(number, invocation).await? {
                    None => &mut asked.paid,
                    Some(order) => {
                        // The page of ours is paid and stays so: what is left to do is a person's.
                        let until = order.session.is_none().then(|| later(waited_s, invocation.now));
                        self.ledger.reschedule_order(&order, until, &invocation.context()).await?;
                        &mut asked.flagged
                    }
                }
            }
            Ok(Said::OfOtherMode { of, payment }) => {
                edge::alarm(SOURCE, Reason::WrongMode.as_str(), order.number.as_str());
                self.write(&order.of_other_mode(SOURCE, &of, &payment), invocation, "paid").await?;
                self.ledger
                    .reschedule_order(&order, Some(later(waited_s, invocation.now)), &invocation.context())
                    .await?;
                &mut asked.flagged
            }
            Ok(Said::Over(state)) => {
                let page = order.session.clone();
                self.close(order, state, "over_at_provider", invocation).await?;
                // What has failed can still be paid on another page, whose opening brings it back here.
                let left = self.waiting_for_payment(number, invocation).await?;
                if let Some(failed) = left.filter(|left| left.session == page) {
                    self.ledger.reschedule_order(&failed, None, &invocation.context()).await?;
                }
                &mut asked.closed
            }
            Ok(Said::Nothing) if waited_s >= EXPIRES_AFTER_SECONDS => {
                self.close(order, PaymentState::Expired, "not_paid", invocation).await?;
                &mut asked.closed
            }
            Ok(Said::Open) if waited_s >= EXPIRES_AFTER_SECONDS && self.ended(&order, invocation).await => {
                self.close(order, PaymentState::Expired, "not_paid", invocation).await?;
                &mut asked.closed
            }
            Ok(Said::Nothing | Said::NotYet | Said::Open) => {
                self.ledger
                    .reschedule_order(&order, Some(later(waited_s, invocation.now)), &invocation.context())
                    .await?;
                &mut asked.unpaid
            }
            Err(error) => {
                failed(&order, &error, called, invocation);
                // Soon after the key is there, or the provider answers again, and not as long after as the order is old.
                let waited_s = if error.is_of_the_provider() { PAUSE_SECONDS_MIN } else { waited_s };
                self.ledger
                    .reschedule_order(&order, Some(later(waited_s, invocation.now)), &invocation.context())
                    .await?;
                &mut asked.failed
            }
        };
        *count = count.saturating_add(1);
        Ok(())
    }

    /// `None` of one that is paid or closed by now: an index may lag.
    async fn waiting_for_payment(
        &self,
        number: &OrderNumber,
        invocation: &Invocation,
    ) -> Result<Option<Order>, CommitError> {
        let order = self.ledger.order(number, &invocation.context()).await?;
        Ok(order.filter(|order| matches!(order.payment, PaymentState::Unpaid | PaymentState::Failed)))
    }

    async fn book(
        &self,
        mut order: Order,
        of: &Reference,
        payment: &Payment,
        also: &[Reference],
        invocation: &Invocation,
    ) -> Result<(), CommitError> {
        for _ in 0..ROUNDS_MAX {
            let points = self.points(&order, also, invocation).await?;
            let Some((decision, reason)) = order.queried(SOURCE, of, payment, points) else {
                return Ok(());
            };
            if let Some(reason) = reason {
                edge::alarm(SOURCE, reason.as_str(), order.number.as_str());
            }
            match self.write(&decision, invocation, "paid").await? {
                Written::Done => return Ok(()),
                Written::Stale => order = self.read_again(&order, invocation).await?,
            }
        }
        Err(CommitError::Stale)
    }

    async fn close(
        &self,
        mut order: Order,
        state: PaymentState,
        why: &'static str,
        invocation: &Invocation,
    ) -> Result<(), CommitError> {
        for _ in 0..ROUNDS_MAX {
            let Some(decision) = order.closed(SOURCE, state, why) else {
                return Ok(());
            };
            match self.write(&decision, invocation, "closed").await? {
                Written::Done => return Ok(()),
                Written::Stale => order = self.read_again(&order, invocation).await?,
            }
        }
        Err(CommitError::Stale)
    }

    /// From those of its references that lead nowhere yet.
    async fn points(
        &self,
        order: &Order,
        also: &[Reference],
        invocation: &Invocation,
    ) -> Result<Vec<ledger::Effect>, CommitError> {
        let mut points = Vec::new();
        for reference in also {
            let pointer = ledger::Pointer::Provider(reference.clone());
            if self.ledger.resolve_pointer(&pointer, &invocation.context()).await?.is_none() {
                points.push(ledger::Effect::Point { pointer, from: None, to: order.number.clone() });
            }
        }
        Ok(points)
    }

    async fn read_again(&self, order: &Order, invocation: &Invocation) -> Result<Order, CommitError> {
        let found = self.ledger.order(&order.number, &invocation.context()).await?;
        found.ok_or_else(|| CommitError::Refused("an order has vanished".into()))
    }

    async fn write(
        &self,
        decision: &Decision,
        invocation: &Invocation,
        what: &'static str,
    ) -> Result<Written, CommitError> {
        let (header, reason) = match decision {
            Decision::Record(entry) => (Some(&entry.header), None),
            Decision::Refuse(refusal) => (Some(&refusal.header), Some(refusal.reason.as_str())),
            Decision::Ignore { .. } => (None, None),
        };
        let committed = self.ledger.commit(decision, &invocation.context()).await;
        edge::record_commit(SOURCE, decision, &committed);
        match committed {
            Err(CommitError::Stale) => return Ok(Written::Stale),
            // What somebody else was first to say, and what is kept as refused, is said.
            Ok(Committed::Now(_) | Committed::Earlier(_) | Committed::Ignored { .. })
            | Err(CommitError::Rejected(_)) => {}
            Err(error) => return Err(error),
        }
        edge::line(SOURCE, header.map(|header| header.receipt.as_str()), what, reason, invocation);
        Ok(Written::Done)
    }
}

/// What is still to be asked about of one provider.
struct Next {
    rows: std::vec::IntoIter<DueRow>,
    pace: Interval,
    run: Invocation,
    unanswered: Arc<Unanswered>,
}

impl Next {
    /// At its time; none where the run is short of it, or the provider does not answer.
    async fn row(mut self) -> Option<(DueRow, Self)> {
        let row = self.rows.next()?;
        self.pace.tick().await;
        let goes_on = !self.run.is_short_of(ONE_WITHIN) && !self.unanswered.are_too_many();
        goes_on.then_some((row, self))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Done,
    Stale,
}

/// After as long as the order has been there, so that a buyer who has just paid is not kept waiting, and one who never will costs
/// little; but when the time to pay is over, so that the order then ends and gives its owner's place back.
fn later(waited_s: u64, now: Timestamp) -> Timestamp {
    let pause = waited_s.clamp(PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX);
    let until_over = EXPIRES_AFTER_SECONDS.saturating_sub(waited_s);
    let pause = if until_over == 0 { pause } else { pause.min(until_over) };
    now.plus_seconds(i64::try_from(pause).unwrap_or(i64::MAX))
}

fn failed(order: &Order, error: &Unheard, called: &Called, invocation: &Invocation) {
    let provider = order.terms.provider.as_str();
    tracing::warn!(%error, provider, "a provider was asked in vain");
    if error.is_of_the_key() {
        called.nobody_can_be_asked(provider);
    }
    edge::line(SOURCE, Some(order.number.as_str()), "not_answered", Some(provider), invocation);
}
