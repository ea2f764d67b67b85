//! Reconciliation of unpaid orders: queries their provider, books found payments under the keys of their webhooks, so
//! that a late webhook is a repeat, and closes orders that can no longer be paid.

use std::sync::Arc;
use std::time::Duration;

use edge::Invocation;
use futures_util::{StreamExt as _, stream};
use ledger::{
    Backlog, CommitError, Committed, Decision, DueOrder, DueRow, Order, OrderNumber, Pauses, Payment, PaymentState,
    Provider, Queue, Reason, Reference, Sweep, Timestamp, Work,
};
use serde::Serialize;
use tokio::time::Interval;

use crate::missing_credentials::KeyAlarms;
use crate::pass_over::number_of;
use crate::query_provider::QueryOutcome;
use crate::turns::{Unanswered, in_turns, pace};
use crate::{Reconcile, SOURCE, WRITER};

/// The name of the sweep in schedules and metrics.
const SWEEP: Sweep = Sweep::Unpaid;
/// The lease of the sweep. It is no shorter than the function's timeout, so that a run that died is over by then.
const LEASE_SECONDS: i64 = 60;
/// Orders of one provider in a run. The first run after a long outage queries some hundreds. 200 bytes each.
const LISTED_MAX: u32 = 20_000;
/// Concurrent queries per provider. They use up its rate limit even if each takes a second.
const AT_ONCE: usize = 10;
/// The time limit of one order, so that a hanging provider does not use up the run.
const ONE_WITHIN: Duration = Duration::from_secs(9);
/// The part of it that is reserved for rescheduling an unreadable row.
const RESCHEDULE_MARGIN: Duration = Duration::from_secs(1);
/// The part of the rest that is reserved for the commit after the query.
const COMMIT_MARGIN: Duration = Duration::from_secs(2);
const PAUSE_SECONDS_MIN: u64 = 5 * 60;
const PAUSE_SECONDS_MAX: u64 = 24 * 60 * 60;
/// After a reply that was refused or cannot be read, which may be a page about the provider's maintenance.
const FAILED_PAUSE_SECONDS_MAX: u64 = 60 * 60;
/// No provider's page is open for longer. A later payment still pays the order.
const EXPIRES_AFTER_SECONDS: u64 = 48 * 60 * 60;
/// Attempts after stale reads (optimistic locking).
const ROUNDS_MAX: u32 = 4;

/// The result of a run, in orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct UnpaidReport {
    pub queried: u32,
    /// Paid and booked.
    pub paid: u32,
    /// Paid, but the payment contradicts the order: a person has to decide.
    pub flagged: u32,
    /// Expired or no longer payable.
    pub closed: u32,
    pub unpaid: u32,
    /// No reply of the provider, or an unreadable one.
    pub failed: u32,
    /// Whether orders wait for the next run, because of time or an unavailable provider.
    pub is_cut_short: bool,
    /// Whether another run holds the lease.
    pub is_held: bool,
}

impl UnpaidReport {
    const fn and(self, other: Self) -> Self {
        Self {
            queried: self.queried.saturating_add(other.queried),
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

/// The result of a run for one provider.
#[derive(Debug, Default)]
struct ProviderRun {
    report: UnpaidReport,
    /// The due orders that were not queried.
    left: u64,
    /// How long the first order had been due at the start of the run.
    oldest_s: u64,
    error: Option<CommitError>,
}

impl<L: Backlog> Reconcile<L> {
    /// A provider whose source is paused is not queried: a payment that it reports would be booked.
    pub(crate) async fn sweep_unpaid(&self, run: &Invocation, pauses: &Pauses) -> Result<UnpaidReport, CommitError> {
        if !self.is_any_unpaid(run).await? {
            edge::backlog(SWEEP.as_str(), 0, 0);
            return Ok(UnpaidReport::default());
        }
        if !self.ledger.acquire_sweep(SWEEP, run.now.plus_seconds(LEASE_SECONDS), &run.context()).await? {
            return Ok(UnpaidReport { is_held: true, ..UnpaidReport::default() });
        }
        let called = KeyAlarms::default();
        // Concurrently: each provider has its own queue and rate limit, and waits for no other.
        let query_all = |provider| Box::pin(self.query_all_of(provider, run, &called, pauses));
        let [stripe, wechat, epay] = Provider::ALL.map(query_all);
        let (stripe, wechat, epay) = tokio::join!(stripe, wechat, epay);
        let (mut report, mut left, mut oldest_s, mut failure) = (UnpaidReport::default(), 0_u64, 0, None);
        for run in [stripe, wechat, epay] {
            report = report.and(run.report);
            left = left.saturating_add(run.left);
            oldest_s = run.oldest_s.max(oldest_s);
            failure = run.error.or(failure);
        }
        edge::backlog(SWEEP.as_str(), left, oldest_s);
        // Releases the lease; if this fails, the lease expires by itself.
        if let Err(error) = self.ledger.acquire_sweep(SWEEP, run.now, &run.context()).await {
            tracing::warn!(error = %edge::chain(&error), "the lease of the sweep was not released");
        }
        failure.map_or(Ok(report), Err)
    }

    async fn is_any_unpaid(&self, run: &Invocation) -> Result<bool, CommitError> {
        for provider in Provider::ALL {
            if !self.ledger.orders_due(Work::Payment(provider), 1, &run.context()).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Queries as many orders as there is time for, unless the store fails.
    async fn query_all_of(
        &self,
        provider: Provider,
        run: &Invocation,
        called: &KeyAlarms,
        pauses: &Pauses,
    ) -> ProviderRun {
        if pauses.stops_payments_of(provider) {
            return ProviderRun::default();
        }
        let due = match self.ledger.unpaid(provider, LISTED_MAX, &run.context()).await {
            Ok(due) => due,
            Err(error) => return ProviderRun { error: Some(error), ..ProviderRun::default() },
        };
        let mut left = u64::try_from(due.len()).unwrap_or(u64::MAX);
        let oldest_s = due.first().and_then(DueOrder::due_at).map_or(0, |due_at| run.now.seconds_apart(due_at));
        let (mut report, mut failure) = (UnpaidReport::default(), None);
        let unanswered = Arc::new(Unanswered::default());
        let next = Next {
            rows: in_turns(due).into_iter(),
            pace: pace(provider),
            run: run.clone(),
            unanswered: Arc::clone(&unanswered),
        };
        let queries =
            stream::unfold(next, Next::row).map(|row| self.query_row(provider, row, run, called, &unanswered));
        let queries = queries.buffer_unordered(AT_ONCE);
        let mut queries = Box::pin(queries);
        while let Some(queried) = queries.next().await {
            left = left.saturating_sub(1);
            match queried {
                Ok(counts) => report = report.and(counts),
                Err(error) => {
                    failure = Some(error);
                    break;
                }
            }
        }
        report.is_cut_short = left > 0;
        ProviderRun { report, left, oldest_s, error: failure }
    }

    async fn query_row(
        &self,
        provider: Provider,
        row: DueRow,
        run: &Invocation,
        called: &KeyAlarms,
        unanswered: &Unanswered,
    ) -> Result<UnpaidReport, CommitError> {
        let (invocation, mut report) = (run.part(ONE_WITHIN), UnpaidReport::default());
        let settled = self.settle(&row, &invocation.but_for(RESCHEDULE_MARGIN), &mut report, called, unanswered).await;
        if let Err(error) = settled {
            report.failed = report.failed.saturating_add(1);
            self.reschedule_unreadable(&Queue::Work(Work::Payment(provider)), &row, &error, &invocation).await?;
        }
        Ok(report)
    }

    pub(crate) async fn settle(
        &self,
        row: &DueRow,
        invocation: &Invocation,
        report: &mut UnpaidReport,
        called: &KeyAlarms,
        unanswered: &Unanswered,
    ) -> Result<(), CommitError> {
        let number = &number_of(row)?;
        let Some(order) = self.waiting_for_payment(number, invocation).await? else {
            return Ok(());
        };
        report.queried = report.queried.saturating_add(1);
        let waited_s = invocation.now.seconds_apart(order.created_at);
        let outcome = self.query(&order, &invocation.but_for(COMMIT_MARGIN)).await;
        unanswered.record(!matches!(&outcome, Err(error) if error.is_of_the_provider()));
        let count = match outcome {
            Ok(QueryOutcome::Paid { of, payment, also }) => {
                self.book(order, &of, &payment, &also, invocation).await?;
                match self.waiting_for_payment(number, invocation).await? {
                    None => &mut report.paid,
                    Some(order) => {
                        // Our own session is paid, and querying it again changes nothing: a person decides.
                        let until = order.session.is_none().then(|| later(waited_s, invocation.now));
                        self.ledger.reschedule_order(&order, until, &invocation.context()).await?;
                        &mut report.flagged
                    }
                }
            }
            Ok(QueryOutcome::WrongMode { of, payment }) => {
                edge::alarm(SOURCE, Reason::WrongMode.as_str(), order.number.as_str());
                self.write(&order.of_other_mode(WRITER, &of, &payment), invocation, "paid").await?;
                self.ledger
                    .reschedule_order(&order, Some(later(waited_s, invocation.now)), &invocation.context())
                    .await?;
                &mut report.flagged
            }
            Ok(QueryOutcome::Ended(state)) => {
                let page = order.session.clone();
                self.close(order, state, "over_at_provider", invocation).await?;
                // A failed order can still be paid on another page; opening it makes the order due again.
                let left = self.waiting_for_payment(number, invocation).await?;
                if let Some(failed) = left.filter(|left| left.session == page) {
                    self.ledger.reschedule_order(&failed, None, &invocation.context()).await?;
                }
                &mut report.closed
            }
            Ok(QueryOutcome::Unknown) if waited_s >= EXPIRES_AFTER_SECONDS => {
                self.close(order, PaymentState::Expired, "not_paid", invocation).await?;
                &mut report.closed
            }
            Ok(QueryOutcome::Open)
                if waited_s >= EXPIRES_AFTER_SECONDS && self.close_at_provider(&order, invocation).await =>
            {
                self.close(order, PaymentState::Expired, "not_paid", invocation).await?;
                &mut report.closed
            }
            Ok(QueryOutcome::Unknown | QueryOutcome::Pending | QueryOutcome::Open) => {
                self.ledger
                    .reschedule_order(&order, Some(later(waited_s, invocation.now)), &invocation.context())
                    .await?;
                &mut report.unpaid
            }
            Err(error) => {
                called.report_failure(&order, &error, invocation);
                // However old the order is: it may be paid. A fault of the provider or its key is over soon.
                let longest_s = if error.is_of_the_provider() { PAUSE_SECONDS_MIN } else { FAILED_PAUSE_SECONDS_MAX };
                let until = later(waited_s.min(longest_s), invocation.now);
                self.ledger.reschedule_order(&order, Some(until), &invocation.context()).await?;
                &mut report.failed
            }
        };
        *count = count.saturating_add(1);
        Ok(())
    }

    /// `None` if the order is paid or closed by now, since the index may lag.
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
            let Some((decision, reason)) = order.queried(WRITER, of, payment, points) else {
                return Ok(());
            };
            if let Some(reason) = reason {
                edge::alarm(SOURCE, reason.as_str(), order.number.as_str());
            }
            match self.write(&decision, invocation, "paid").await? {
                CommitStatus::Done => return Ok(()),
                CommitStatus::Stale => order = self.read_again(&order, invocation).await?,
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
            let Some(decision) = order.closed(WRITER, state, why) else {
                return Ok(());
            };
            match self.write(&decision, invocation, "closed").await? {
                CommitStatus::Done => return Ok(()),
                CommitStatus::Stale => order = self.read_again(&order, invocation).await?,
            }
        }
        Err(CommitError::Stale)
    }

    /// Pointers to the order from those references that have none yet.
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
        found.ok_or_else(|| CommitError::Refused("the order is missing".into()))
    }

    async fn write(
        &self,
        decision: &Decision,
        invocation: &Invocation,
        what: &'static str,
    ) -> Result<CommitStatus, CommitError> {
        let (header, reason) = match decision {
            Decision::Record(entry) => (Some(&entry.header), None),
            Decision::Refuse(refusal) => (Some(&refusal.header), Some(refusal.reason.as_str())),
            Decision::Ignore { .. } => (None, None),
        };
        let committed = self.ledger.commit(decision, &invocation.context()).await;
        edge::record_commit(SOURCE, decision, &committed);
        match committed {
            Err(CommitError::Stale) => return Ok(CommitStatus::Stale),
            // A repeat and a kept refusal are done, too.
            Ok(Committed::Now(_) | Committed::Earlier(_) | Committed::Ignored { .. })
            | Err(CommitError::Rejected(_)) => {}
            Err(error) => return Err(error),
        }
        edge::line(SOURCE, header.map(|header| header.receipt.as_str()), what, reason, invocation);
        Ok(CommitStatus::Done)
    }
}

/// The remaining orders of one provider.
struct Next {
    rows: std::vec::IntoIter<DueRow>,
    pace: Interval,
    run: Invocation,
    unanswered: Arc<Unanswered>,
}

impl Next {
    /// The next row, at the provider's rate; `None` if the run is out of time or the provider does not reply.
    async fn row(mut self) -> Option<(DueRow, Self)> {
        let row = self.rows.next()?;
        self.pace.tick().await;
        let continues = !self.run.is_short_of(ONE_WITHIN) && !self.unanswered.are_too_many();
        continues.then_some((row, self))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommitStatus {
    Done,
    Stale,
}

/// The backoff of queries: the pause equals the order's age, so that a recent payment is found soon and an abandoned
/// order costs little. A query is due at the order's expiry, so that it ends then and frees its owner's place.
fn later(waited_s: u64, now: Timestamp) -> Timestamp {
    let pause = waited_s.clamp(PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX);
    let until_over = EXPIRES_AFTER_SECONDS.saturating_sub(waited_s);
    let pause = if until_over == 0 { pause } else { pause.min(until_over) };
    now.plus_seconds(i64::try_from(pause).unwrap_or(i64::MAX))
}
