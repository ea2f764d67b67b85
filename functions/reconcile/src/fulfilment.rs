//! Paid orders whose delivery has stopped: what the stream has not begun within a minute, or has not brought to an end, is done as it
//! would have done it; and what is in somebody else's hands is asked about.

use std::time::Duration;

use edge::Invocation;
use fulfil::{FulfilError, Fulfilled};
use futures_util::{StreamExt as _, stream};
use ledger::{Backlog, CallContext, CommitError, DueRow, Grant, Order, OrderNumber, Queue, Timestamp, Work};
use serde::Serialize;

use crate::missing_credentials::{CUSTODIAN, Called, OPERATOR, unheard_of};
use crate::pass_over::{number_of, report_passed_over};
use crate::{Reconcile, SOURCE};

/// What is left is first in the next run.
const ORDERS_MAX: u16 = 40;
/// An operator that hangs must not hold up those that do not.
const AT_ONCE: usize = 8;
/// For asking what has become of something, and writing it down.
const ASKED_WITHIN: Duration = Duration::from_secs(15);
const PAUSE_SECONDS_MIN: u64 = 60;
/// Alarms look at a quarter of an hour: in each of them whoever waits is tried, and said to wait.
const PAUSE_SECONDS_MAX: u64 = 10 * 60;
/// The stream has begun by then, and an operator that was called has answered: until then nobody waits in vain.
const NORMAL_SECONDS: u64 = 60;
/// For what may have been paid so recently, or called: no order comes due later than that which was never tried in vain.
const SOON_SECONDS: i64 = 120;
/// More than this is as alarming as this.
const COUNTED_MAX: u32 = 10_000;
/// From then on somebody is called: a buyer who has paid has waited for long enough.
const CALL_AFTER_SECONDS: u64 = 10 * 60;
/// Between two questions about the same.
const ASK_PAUSE_SECONDS_MIN: u64 = 5 * 60;
const ASK_PAUSE_SECONDS_MAX: u64 = 60 * 60;

/// What a run has come to, in orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Delivered {
    pub tried: u32,
    /// Brought further, or to an end.
    pub moved_on: u32,
    /// Nothing could be done, or nothing yet.
    pub waiting: u32,
    /// Left to a person.
    pub left: u32,
    pub failed: u32,
    /// Whether there was more to do than time.
    pub is_cut_short: bool,
}

/// Where it was not brought to an end, with how long its buyer has been waiting, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Came {
    MovedOn,
    RefusedEvent(u64),
    Left,
    Failed(u64),
    TooLate,
}

impl<L: Backlog> Reconcile<L> {
    pub(crate) async fn sweep_unfulfilled(&self, run: &Invocation) -> Result<Delivered, CommitError> {
        let left = self.ledger.count_open_orders(Work::Fulfilment, COUNTED_MAX, &run.context()).await?;
        if left == 0 {
            return Ok(Delivered::of("fulfilment", 0, None, Vec::new()));
        }
        let due = self.ledger.orders_due(Work::Fulfilment, ORDERS_MAX, &run.context()).await?;
        let soon = self.waits_of_soon(&due, run).await?;
        let called = &Called::default();
        let tried = stream::iter(due).map(|row| async move { self.deliver(&row, run, called).await });
        let came = tried.buffer_unordered(AT_ONCE).collect().await;
        let (normal, waits): (Vec<u64>, Vec<u64>) = soon.into_iter().partition(|waited_s| *waited_s < NORMAL_SECONDS);
        let left = left.saturating_sub(u32::try_from(normal.len()).unwrap_or(u32::MAX));
        Ok(Delivered::of("fulfilment", left, waits.into_iter().max(), came))
    }

    pub(crate) async fn sweep_pending_external(&self, run: &Invocation) -> Result<Delivered, CommitError> {
        let left = self.ledger.count_open_orders(Work::PendingExternal, COUNTED_MAX, &run.context()).await?;
        if left == 0 {
            return Ok(Delivered::of("pending_external", 0, None, Vec::new()));
        }
        let due = self.ledger.orders_due(Work::PendingExternal, ORDERS_MAX, &run.context()).await?;
        let called = &Called::default();
        let tried = stream::iter(due).map(|row| async move { self.ask_outside(&row, run, called).await });
        Ok(Delivered::of("pending_external", left, None, tried.buffer_unordered(AT_ONCE).collect().await))
    }

    /// For how long the buyers of those have been waiting that come due within minutes, in seconds. Only the orders themselves say it: in
    /// the index one that has just been paid and one that was put off a while ago look the same.
    async fn waits_of_soon(&self, due: &[DueRow], run: &Invocation) -> Result<Vec<u64>, CommitError> {
        let invocation = run.part(ASKED_WITHIN);
        let soon = CallContext { received_at: run.now.plus_seconds(SOON_SECONDS), ..invocation.context() };
        let soon = self.ledger.orders_due(Work::Fulfilment, ORDERS_MAX, &soon).await?;
        let context = &invocation.context();
        let is_due = |row: &DueRow| due.iter().any(|due| due.id == row.id);
        let soon = soon.iter().filter(|row| !is_due(row)).filter_map(|row| OrderNumber::new(&row.id).ok());
        let soon: Vec<OrderNumber> = soon.collect();
        let read = stream::iter(soon).map(|number| async move { self.ledger.order(&number, context).await });
        // One that cannot be read waits, and holds up no other.
        let read = read.buffer_unordered(AT_ONCE).filter_map(async |read| read.ok().flatten());
        Ok(read.map(|order| run.now.seconds_apart(since(&order))).collect().await)
    }

    async fn deliver(&self, row: &DueRow, run: &Invocation, called: &Called) -> Came {
        if run.is_short_of(ASKED_WITHIN) {
            return Came::TooLate;
        }
        let invocation = run.part(fulfil::ONE_WITHIN);
        let number = match number_of(row) {
            Ok(number) => number,
            Err(error) => return Came::Failed(self.passed_over(Work::Fulfilment, row, &error, &invocation).await),
        };
        match self.fulfilled(&number, &invocation).await {
            Ok(Fulfilled::MovedOn) => Came::MovedOn,
            Ok(Fulfilled::Nothing) => {
                let until = |order: &Order| order.work(invocation.now).map(|(_, at)| at);
                Came::RefusedEvent(self.put_off_order(Work::Fulfilment, row, &number, &invocation, until).await)
            }
            // The next run has more.
            Err(FulfilError::NoTime) => Came::TooLate,
            Err(error) => {
                self.failed(&number, &error, called, &invocation);
                let until = |order: &Order| {
                    let waited_s = invocation.now.seconds_apart(since(order));
                    if waited_s >= CALL_AFTER_SECONDS {
                        edge::alarm(SOURCE, "not_fulfilled", number.as_str());
                    }
                    if is_stuck(&error) {
                        report_passed_over(number.as_str(), &invocation);
                    }
                    Some(later(waited_s.clamp(PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX), invocation.now))
                };
                Came::Failed(self.put_off_order(Work::Fulfilment, row, &number, &invocation, until).await)
            }
        }
    }

    async fn ask_outside(&self, row: &DueRow, run: &Invocation, called: &Called) -> Came {
        if run.is_short_of(ASKED_WITHIN) {
            return Came::TooLate;
        }
        let invocation = run.part(ASKED_WITHIN);
        let number = match number_of(row) {
            Ok(number) => number,
            Err(error) => return Came::Failed(self.passed_over(Work::PendingExternal, row, &error, &invocation).await),
        };
        let asked = match self.ledger.order(&number, &invocation.context()).await {
            // Who cannot be asked today is not left to a person for ever.
            Ok(Some(order)) if self.missing_credentials.contains(OPERATOR) && order.top_up_call.is_some() => {
                Err(FulfilError::NoOperator)
            }
            Ok(Some(order)) => self.fulfil.ask(&order, &invocation).await,
            Ok(None) => return Came::RefusedEvent(0),
            Err(error) => Err(error.into()),
        };
        let again = |order: &Order| {
            let waited_s = invocation.now.seconds_apart(since(order));
            Some(later(waited_s.clamp(ASK_PAUSE_SECONDS_MIN, ASK_PAUSE_SECONDS_MAX), invocation.now))
        };
        match asked {
            Ok(fulfil::Asked::Settled) => Came::MovedOn,
            Ok(fulfil::Asked::Open) => {
                Came::RefusedEvent(self.put_off_order(Work::PendingExternal, row, &number, &invocation, again).await)
            }
            Ok(fulfil::Asked::Left) => {
                self.put_off_order(Work::PendingExternal, row, &number, &invocation, |_| None).await;
                Came::Left
            }
            Err(error) => {
                self.failed(&number, &error, called, &invocation);
                let again = |order: &Order| {
                    if is_stuck(&error) {
                        report_passed_over(number.as_str(), &invocation);
                    }
                    again(order)
                };
                Came::Failed(self.put_off_order(Work::PendingExternal, row, &number, &invocation, again).await)
            }
        }
    }

    /// Without the custodian's key it would come to an end whose tokens are never sent: then nothing is done.
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

    fn failed(&self, number: &OrderNumber, error: &FulfilError, called: &Called, invocation: &Invocation) {
        tracing::warn!(error = %edge::chain(error), order = number.as_str(), "an order was not fulfilled");
        edge::line(SOURCE, Some(number.as_str()), "not_fulfilled", None, invocation);
        let has_no_part = matches!(error, FulfilError::NoOperator | FulfilError::NoCustodian);
        // Who was never configured has no key that could be mended.
        if let Some(who) = unheard_of(error).filter(|who| !has_no_part || self.missing_credentials.contains(who)) {
            called.nobody_can_be_asked(who);
        }
    }

    /// As it stands now, and for how long its buyer has been waiting. One that cannot be read is passed over.
    async fn put_off_order(
        &self,
        work: Work,
        row: &DueRow,
        number: &OrderNumber,
        invocation: &Invocation,
        until: impl Fn(&Order) -> Option<Timestamp>,
    ) -> u64 {
        let context = invocation.context();
        let put_off = async {
            let Some(order) = self.ledger.order(number, &context).await? else { return Ok(0) };
            self.ledger.reschedule_order(&order, until(&order), &context).await?;
            Ok::<_, CommitError>(invocation.now.seconds_apart(since(&order)))
        };
        match put_off.await {
            Ok(waited_s) => waited_s,
            Err(error) => self.passed_over(work, row, &error, invocation).await,
        }
    }

    /// The wait of its buyer is unknown. One that could not be put off is looked at again in the next run, which
    /// costs that run some time.
    async fn passed_over(&self, work: Work, row: &DueRow, error: &CommitError, invocation: &Invocation) -> u64 {
        if let Err(error) = self.reschedule_unreadable(&Queue::Work(work), row, error, invocation).await {
            tracing::warn!(error = %edge::chain(&error), order = row.id, "an order was not put off");
        }
        0
    }
}

/// Whether it stays as it is until a person has mended a row, or a release the code.
fn is_stuck(error: &FulfilError) -> bool {
    match error {
        FulfilError::Books(error) => matches!(error, CommitError::Refused(_)),
        FulfilError::Operator(_)
        | FulfilError::Custodian(_)
        | FulfilError::NoOperator
        | FulfilError::NoCustodian
        | FulfilError::NoTime
        | FulfilError::TooManyConflicts => false,
    }
}

impl Delivered {
    /// `left`: so many there were before the run, due or not; `oldest_s`: for how long the oldest has been waiting of those not tried.
    fn of(backlog: &'static str, left: u32, oldest_s: Option<u64>, came: Vec<Came>) -> Self {
        let waits = came.iter().filter_map(|came| match came {
            Came::RefusedEvent(waited_s) | Came::Failed(waited_s) => Some(*waited_s),
            Came::TooLate => Some(0),
            Came::MovedOn | Came::Left => None,
        });
        let (tried_in_vain, oldest_s) = (waits.clone().count(), waits.chain(oldest_s).max().unwrap_or_default());
        let ended = u32::try_from(came.len().saturating_sub(tried_in_vain)).unwrap_or(u32::MAX);
        edge::backlog(backlog, u64::from(left.saturating_sub(ended)), oldest_s);
        came.into_iter().fold(Self::default(), |mut all, came| {
            let count = match came {
                Came::MovedOn => &mut all.moved_on,
                Came::RefusedEvent(_) => &mut all.waiting,
                Came::Left => &mut all.left,
                Came::Failed(_) => &mut all.failed,
                Came::TooLate => {
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

/// From when on its buyer waits for what is not there.
fn since(order: &Order) -> Timestamp {
    let called = order.top_up_call.as_ref().map(|top_up_call| top_up_call.at);
    let paid = order.paid.as_ref().map(|paid| paid.at);
    called.or(paid).unwrap_or(order.created_at)
}

fn later(pause_s: u64, now: Timestamp) -> Timestamp {
    now.plus_seconds(i64::try_from(pause_s).unwrap_or(i64::MAX))
}
