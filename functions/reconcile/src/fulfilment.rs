//! Fulfilment retry: paid orders that the stream did not fulfil within a minute, with backoff; and queries for orders
//! that wait for an external result (pending top-ups and transfers).

use std::time::Duration;

use edge::Invocation;
use fulfil::{FulfilError, Fulfilled};
use futures_util::{StreamExt as _, stream};
use ledger::{Backlog, CallContext, CommitError, DueRow, Grant, Order, OrderNumber, Queue, Timestamp, Work};
use serde::Serialize;

use crate::missing_credentials::{CUSTODIAN, KeyAlarms, OPERATOR, provider_without_key};
use crate::pass_over::{number_of, report_passed_over};
use crate::{Reconcile, SOURCE};

/// The rest comes first in the next run.
const ORDERS_MAX: u16 = 40;
/// Concurrent orders, so that a hanging operator does not block other orders.
const AT_ONCE: usize = 8;
/// Time for one query and the write of its result.
const QUERY_WITHIN: Duration = Duration::from_secs(15);
const PAUSE_SECONDS_MIN: u64 = 60;
/// The longest backoff. Alarms evaluate 15 minutes, so each waiting order is retried and logged in each of them.
const PAUSE_SECONDS_MAX: u64 = 10 * 60;
/// The normal time until the stream has fulfilled an order; younger orders do not count as waiting.
const NORMAL_SECONDS: u64 = 60;
/// Every order that has not failed yet is due within this time after its payment or its claimed call.
const SOON_SECONDS: i64 = 120;
/// The count is capped here; the alarm threshold is lower.
const COUNTED_MAX: u32 = 10_000;
/// The age of a paid order at which the alarm `not_fulfilled` is raised.
const ALARM_AFTER_SECONDS: u64 = 10 * 60;
/// The pause between two queries for the same order.
const QUERY_PAUSE_SECONDS_MIN: u64 = 5 * 60;
const QUERY_PAUSE_SECONDS_MAX: u64 = 60 * 60;

/// The result of a run, in orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Delivered {
    pub tried: u32,
    /// Advanced or completed.
    pub moved_on: u32,
    /// Nothing to do, or not yet.
    pub waiting: u32,
    /// Need a person.
    pub left: u32,
    pub failed: u32,
    /// Whether the run ran out of time.
    pub is_cut_short: bool,
}

/// The result for one order. If it is incomplete, with the buyer's waiting time in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ItemOutcome {
    Advanced,
    Waiting(u64),
    NeedsPerson,
    Failed(u64),
    OutOfTime,
}

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn sweep_unfulfilled(&self, run: &Invocation) -> Result<Delivered, CommitError> {
        let left = self.ledger.count_open_orders(Work::Fulfilment, COUNTED_MAX, &run.context()).await?;
        if left == 0 {
            return Ok(Delivered::of("fulfilment", 0, None, Vec::new()));
        }
        let due = self.ledger.orders_due(Work::Fulfilment, ORDERS_MAX, &run.context()).await?;
        let soon = self.waits_of_soon(&due, run).await?;
        let called = &KeyAlarms::default();
        let tried = stream::iter(due).map(|row| async move { self.deliver(&row, run, called).await });
        let outcomes = tried.buffer_unordered(AT_ONCE).collect().await;
        let (normal, waits): (Vec<u64>, Vec<u64>) = soon.into_iter().partition(|waited_s| *waited_s < NORMAL_SECONDS);
        let left = left.saturating_sub(u32::try_from(normal.len()).unwrap_or(u32::MAX));
        Ok(Delivered::of("fulfilment", left, waits.into_iter().max(), outcomes))
    }

    pub(crate) async fn sweep_pending_external(&self, run: &Invocation) -> Result<Delivered, CommitError> {
        let left = self.ledger.count_open_orders(Work::PendingExternal, COUNTED_MAX, &run.context()).await?;
        if left == 0 {
            return Ok(Delivered::of("pending_external", 0, None, Vec::new()));
        }
        let due = self.ledger.orders_due(Work::PendingExternal, ORDERS_MAX, &run.context()).await?;
        let called = &KeyAlarms::default();
        let tried = stream::iter(due).map(|row| async move { self.query_pending(&row, run, called).await });
        Ok(Delivered::of("pending_external", left, None, tried.buffer_unordered(AT_ONCE).collect().await))
    }

    /// The waiting times, in seconds, of the buyers whose orders come due within minutes. They need the orders: the
    /// index does not distinguish a newly paid order from a rescheduled one.
    async fn waits_of_soon(&self, due: &[DueRow], run: &Invocation) -> Result<Vec<u64>, CommitError> {
        let invocation = run.part(QUERY_WITHIN);
        let soon = CallContext { received_at: run.now.plus_seconds(SOON_SECONDS), ..invocation.context() };
        let soon = self.ledger.orders_due(Work::Fulfilment, ORDERS_MAX, &soon).await?;
        let context = &invocation.context();
        let is_due = |row: &DueRow| due.iter().any(|due| due.id == row.id);
        let soon = soon.iter().filter(|row| !is_due(row)).filter_map(|row| OrderNumber::new(&row.id).ok());
        let soon: Vec<OrderNumber> = soon.collect();
        let read = stream::iter(soon).map(|number| async move { self.ledger.order(&number, context).await });
        // An unreadable order waits, without blocking others.
        let read = read.buffer_unordered(AT_ONCE).filter_map(async |read| read.ok().flatten());
        Ok(read.map(|order| run.now.seconds_apart(since(&order))).collect().await)
    }

    async fn deliver(&self, row: &DueRow, run: &Invocation, called: &KeyAlarms) -> ItemOutcome {
        if run.is_short_of(QUERY_WITHIN) {
            return ItemOutcome::OutOfTime;
        }
        let invocation = run.part(fulfil::ONE_WITHIN);
        let number = match number_of(row) {
            Ok(number) => number,
            Err(error) => {
                return ItemOutcome::Failed(self.skip_unreadable(Work::Fulfilment, row, &error, &invocation).await);
            }
        };
        match self.fulfilled(&number, &invocation).await {
            Ok(Fulfilled::MovedOn) => ItemOutcome::Advanced,
            Ok(Fulfilled::Nothing) => {
                let until = |order: &Order| order.work(invocation.now).map(|(_, at)| at);
                ItemOutcome::Waiting(
                    self.reschedule_incomplete(Work::Fulfilment, row, &number, &invocation, until).await,
                )
            }
            // The next run finds it paused, or has more time.
            Ok(Fulfilled::Paused) | Err(FulfilError::NoTime) => ItemOutcome::OutOfTime,
            Err(error) => {
                self.report_failure(&number, &error, called, &invocation);
                let until = |order: &Order| {
                    let waited_s = invocation.now.seconds_apart(since(order));
                    if waited_s >= ALARM_AFTER_SECONDS {
                        edge::alarm(SOURCE, "not_fulfilled", number.as_str());
                    }
                    if is_stuck(&error) {
                        report_passed_over(number.as_str(), &invocation);
                    }
                    Some(later(waited_s.clamp(PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX), invocation.now))
                };
                ItemOutcome::Failed(
                    self.reschedule_incomplete(Work::Fulfilment, row, &number, &invocation, until).await,
                )
            }
        }
    }

    async fn query_pending(&self, row: &DueRow, run: &Invocation, called: &KeyAlarms) -> ItemOutcome {
        if run.is_short_of(QUERY_WITHIN) {
            return ItemOutcome::OutOfTime;
        }
        let invocation = run.part(QUERY_WITHIN);
        let number = match number_of(row) {
            Ok(number) => number,
            Err(error) => {
                return ItemOutcome::Failed(
                    self.skip_unreadable(Work::PendingExternal, row, &error, &invocation).await,
                );
            }
        };
        let queried = match self.ledger.order(&number, &invocation.context()).await {
            // Without the operator's credentials the order waits, and is not handed to a person.
            Ok(Some(order)) if self.missing_credentials.contains(OPERATOR) && order.top_up_call.is_some() => {
                Err(FulfilError::NoOperator)
            }
            Ok(Some(order)) => self.fulfil.query_pending(&order, &invocation).await,
            Ok(None) => return ItemOutcome::Waiting(0),
            Err(error) => Err(error.into()),
        };
        let again = |order: &Order| {
            let waited_s = invocation.now.seconds_apart(since(order));
            Some(later(waited_s.clamp(QUERY_PAUSE_SECONDS_MIN, QUERY_PAUSE_SECONDS_MAX), invocation.now))
        };
        match queried {
            Ok(fulfil::PendingOutcome::Settled) => ItemOutcome::Advanced,
            Ok(fulfil::PendingOutcome::Open) => ItemOutcome::Waiting(
                self.reschedule_incomplete(Work::PendingExternal, row, &number, &invocation, again).await,
            ),
            Ok(fulfil::PendingOutcome::NeedsDecision) => {
                self.reschedule_incomplete(Work::PendingExternal, row, &number, &invocation, |_| None).await;
                ItemOutcome::NeedsPerson
            }
            Err(error) => {
                self.report_failure(&number, &error, called, &invocation);
                let again = |order: &Order| {
                    if is_stuck(&error) {
                        report_passed_over(number.as_str(), &invocation);
                    }
                    again(order)
                };
                ItemOutcome::Failed(
                    self.reschedule_incomplete(Work::PendingExternal, row, &number, &invocation, again).await,
                )
            }
        }
    }

    /// Fulfils an order, unless it sends tokens and the custodian's key is missing: it would end without its transfer.
    async fn fulfilled(&self, number: &OrderNumber, invocation: &Invocation) -> Result<Fulfilled, FulfilError> {
        if self.missing_credentials.contains(CUSTODIAN) {
            let order = self.ledger.order(number, &invocation.context()).await?;
            let is_sent = |grant: &Grant| matches!(grant, Grant::Token { on_chain: Some(_), .. });
            if order.is_some_and(|order| order.terms.grants.iter().any(is_sent)) {
                return Err(FulfilError::NoCustodian);
            }
        }
        self.fulfil.fulfil(number, invocation).await
    }

    fn report_failure(&self, number: &OrderNumber, error: &FulfilError, called: &KeyAlarms, invocation: &Invocation) {
        tracing::warn!(error = %edge::chain(error), order = number.as_str(), "an order was not fulfilled");
        edge::line(SOURCE, Some(number.as_str()), "not_fulfilled", None, invocation);
        let has_no_part = matches!(error, FulfilError::NoOperator | FulfilError::NoCustodian);
        // A provider that is not configured has no key to report.
        if let Some(who) =
            provider_without_key(error).filter(|who| !has_no_part || self.missing_credentials.contains(who))
        {
            called.report_unusable_key(who);
        }
    }

    /// Reschedules the order in its current version, and returns the buyer's waiting time. An unreadable order is
    /// skipped.
    async fn reschedule_incomplete(
        &self,
        work: Work,
        row: &DueRow,
        number: &OrderNumber,
        invocation: &Invocation,
        until: impl Fn(&Order) -> Option<Timestamp>,
    ) -> u64 {
        let context = invocation.context();
        let rescheduled = async {
            let Some(order) = self.ledger.order(number, &context).await? else { return Ok(0) };
            self.ledger.reschedule_order(&order, until(&order), &context).await?;
            Ok::<_, CommitError>(invocation.now.seconds_apart(since(&order)))
        };
        match rescheduled.await {
            Ok(waited_s) => waited_s,
            Err(error) => self.skip_unreadable(work, row, &error, invocation).await,
        }
    }

    /// Reschedules an unreadable row; its buyer's waiting time is unknown. If even that fails, the next run retries the
    /// row at once, which costs some of its time.
    async fn skip_unreadable(&self, work: Work, row: &DueRow, error: &CommitError, invocation: &Invocation) -> u64 {
        if let Err(error) = self.reschedule_unreadable(&Queue::Work(work), row, error, invocation).await {
            tracing::warn!(error = %edge::chain(&error), order = row.id, "an order could not be rescheduled");
        }
        0
    }
}

/// Whether no retry succeeds until a person repairs a row, or a release fixes the code.
fn is_stuck(error: &FulfilError) -> bool {
    match error {
        FulfilError::Books(error) => matches!(error, CommitError::Refused(_)),
        FulfilError::Operator(_)
        | FulfilError::Custodian(_)
        | FulfilError::NoOperator
        | FulfilError::NoCustodian
        | FulfilError::Erased
        | FulfilError::NoTime
        | FulfilError::TooManyConflicts => false,
    }
}

impl Delivered {
    /// `left` counts the orders before the run, due or not; `oldest_s` is the longest waiting time of those not tried.
    fn of(backlog: &'static str, left: u32, oldest_s: Option<u64>, outcomes: Vec<ItemOutcome>) -> Self {
        let waits = outcomes.iter().filter_map(|outcome| match outcome {
            ItemOutcome::Waiting(waited_s) | ItemOutcome::Failed(waited_s) => Some(*waited_s),
            ItemOutcome::OutOfTime => Some(0),
            ItemOutcome::Advanced | ItemOutcome::NeedsPerson => None,
        });
        let (incomplete, oldest_s) = (waits.clone().count(), waits.chain(oldest_s).max().unwrap_or_default());
        let ended = u32::try_from(outcomes.len().saturating_sub(incomplete)).unwrap_or(u32::MAX);
        edge::backlog(backlog, u64::from(left.saturating_sub(ended)), oldest_s);
        outcomes.into_iter().fold(Self::default(), |mut all, outcome| {
            let count = match outcome {
                ItemOutcome::Advanced => &mut all.moved_on,
                ItemOutcome::Waiting(_) => &mut all.waiting,
                ItemOutcome::NeedsPerson => &mut all.left,
                ItemOutcome::Failed(_) => &mut all.failed,
                ItemOutcome::OutOfTime => {
                    all.is_cut_short = true;
                    return all;
                }
            };
            *count = count.saturating_add(1);
            all.tried = all.tried.saturating_add(1);
            all
        })
    }
}

/// The time since which the buyer waits.
fn since(order: &Order) -> Timestamp {
    let called = order.top_up_call.as_ref().map(|top_up_call| top_up_call.at);
    let paid = order.paid.as_ref().map(|paid| paid.at);
    called.or(paid).unwrap_or(order.created_at)
}

fn later(pause_s: u64, now: Timestamp) -> Timestamp {
    now.plus_seconds(i64::try_from(pause_s).unwrap_or(i64::MAX))
}
