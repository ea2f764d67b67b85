//! What a paid order becomes, beside the credits that its payment has posted: tokens and where they are sent, access to reports, what
//! those earn who led the buyer here, and a telephone's top-up.
//!
//! A stream names the orders that have changed; what is to be done with one is decided on from how it stands when it is read. So the
//! same record again, two workers at once and a stream from its beginning change nothing: each write is over the version that was
//! read, each posting has a name that is used once, and only the operator's call, which has none, is claimed before it is made.

mod assemble;
mod custodian;
mod operator;
mod pending_external;
mod stream;

use std::time::Duration;

use edge::{Invocation, WorkError, Worker};
use futures_util::StreamExt as _;
use ledger::{CommitError, Committed, Decision, Fact, Fulfilment, Ledger, Order, OrderNumber};
use providers::CallError;
use thiserror::Error;

pub use assemble::assemble;
pub use custodian::{Custodian, keys as custodian_keys};
pub use operator::{Operator, keys as operator_keys};
pub use pending_external::Asked;
pub use stream::Failures;

use stream::Batch;

/// The name that it goes by in the journal, the log and the metrics.
pub const SOURCE: &str = "fulfil";

/// A token, the longest call to an operator, and writing down what came of it.
pub const ONE_WITHIN: Duration = Duration::from_secs(45);
/// What is kept of that for the books, after whoever was asked.
const FOR_THE_BOOKS: Duration = Duration::from_secs(5);
/// An order says that it is paid and its payment has no row: somebody else than a payment's role has written it, or the row is lost.
const PAYMENT_UNPROVEN: &str = "payment_unproven";
/// As many as a sandbox of the smallest size has sockets and memory for; a batch has not many more.
const AT_ONCE: usize = 8;
/// Posted, sent, claimed, called; and in each round somebody else may have written.
const ROUNDS_MAX: u32 = 12;

/// The books, and whoever delivers what is not ours to give.
#[derive(Debug)]
pub struct Fulfil<L> {
    pub ledger: L,
    /// Where telephones are topped up.
    pub operator: Option<Operator>,
    /// Where tokens leave the books.
    pub custodian: Option<Custodian>,
}

/// What has come of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fulfilled {
    /// Something was written.
    MovedOn,
    /// There was nothing to do, or nothing yet.
    Nothing,
}

#[derive(Debug, Error)]
pub enum FulfilError {
    #[error(transparent)]
    Books(#[from] CommitError),
    #[error("the operator does not let us in")]
    Operator(#[source] CallError),
    #[error("the custodian does not take it")]
    Custodian(#[source] CallError),
    #[error("nobody tops up telephones here")]
    NoOperator,
    #[error("nobody sends tokens here")]
    NoCustodian,
    #[error("there is too little time left to begin")]
    NoTime,
    #[error("it goes on changing")]
    TooManyConflicts,
}

impl<L: Ledger> Worker for Fulfil<L> {
    /// A sandbox has a minute.
    const DONE_WITHIN: Duration = Duration::from_secs(55);
    type Report = Failures;

    async fn work(&self, event: &str, invocation: &Invocation) -> Result<Failures, WorkError> {
        let Batch { orders, unreadable } = stream::read(event)?;
        let tried = futures_util::stream::iter(orders).map(|(number, records)| async move {
            match self.fulfil(&number, &invocation.part(ONE_WITHIN)).await {
                Ok(_) => Vec::new(),
                Err(error) => {
                    failed(&number, &error, invocation);
                    if is_left_to_clock(&error) { Vec::new() } else { records }
                }
            }
        });
        let failed = tried.buffer_unordered(AT_ONCE).concat().await;
        Ok(Failures::of(failed.into_iter().chain(unreadable)))
    }
}

impl<L: Ledger> Fulfil<L> {
    /// Does what is to be done with an order, until nothing is.
    pub async fn fulfil(&self, number: &OrderNumber, invocation: &Invocation) -> Result<Fulfilled, FulfilError> {
        let mut fulfilled = Fulfilled::Nothing;
        let mut proven = None;
        for _ in 0..ROUNDS_MAX {
            // One that has gone is nobody's to fulfil.
            let Some(order) = self.ledger.order(number, &invocation.context()).await? else {
                return Ok(fulfilled);
            };
            if self.has_step(&order, invocation) && (proven.is_none() || proven != order.proof()) {
                if !self.is_proven(&order, invocation).await? {
                    return Ok(fulfilled);
                }
                proven = order.proof();
            }
            if !self.step(&order, invocation).await? {
                if fulfilled == Fulfilled::MovedOn {
                    say_delay(&order, invocation);
                }
                return Ok(fulfilled);
            }
            fulfilled = Fulfilled::MovedOn;
        }
        Err(FulfilError::TooManyConflicts)
    }

    fn has_step(&self, order: &Order, invocation: &Invocation) -> bool {
        order.is_to_be_fulfilled()
            || !order.fulfil(self.custodian.is_some(), invocation.now).is_empty()
            || order.top_up_call.as_ref().is_some_and(|top_up_call| top_up_call.is_abandoned(invocation.now))
    }

    /// Whether the journal has the row of its payment. Where it has not, the order is flagged, and waits for a person.
    async fn is_proven(&self, order: &Order, invocation: &Invocation) -> Result<bool, FulfilError> {
        if let Some(proof) = order.proof()
            && self.ledger.is_proven(&proof, &invocation.context()).await?
        {
            return Ok(true);
        }
        let Some(decision) = order.step(SOURCE, "unproven", facts(order), order.flag_unproven()) else {
            return Ok(false);
        };
        if self.write(&decision, invocation).await? == Written::Now {
            edge::alarm(SOURCE, PAYMENT_UNPROVEN, order.number.as_str());
        }
        Ok(false)
    }

    /// The next thing that is to be done with an order as it was read. False where there is none.
    async fn step(&self, order: &Order, invocation: &Invocation) -> Result<bool, FulfilError> {
        let postings = order.fulfil(self.custodian.is_some(), invocation.now);
        if let Some(decision) = order.step(SOURCE, "fulfilled", facts(order), postings) {
            self.write(&decision, invocation).await?;
        } else if order.is_to_be_sent() {
            self.send(order, invocation).await?;
        } else if let Some(top_up) = order.top_up().filter(|_| order.is_top_up_due()) {
            self.top_up(order, top_up, invocation).await?;
        } else if order.top_up_call.as_ref().is_some_and(|top_up_call| top_up_call.is_abandoned(invocation.now)) {
            self.apply_top_up_report(&order.number, &operator::abandoned(), invocation).await?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    async fn write(&self, decision: &Decision, invocation: &Invocation) -> Result<Written, CommitError> {
        self.write_because(decision, None, invocation).await
    }

    /// `reason`: why it came out so, for the log and the metrics.
    async fn write_because(
        &self,
        decision: &Decision,
        reason: Option<&'static str>,
        invocation: &Invocation,
    ) -> Result<Written, CommitError> {
        let committed = self.ledger.commit(decision, &invocation.context()).await;
        edge::record_commit(SOURCE, decision, &committed);
        match committed {
            Ok(Committed::Now(receipt)) => {
                if let Decision::Record(entry) = decision {
                    edge::line(SOURCE, Some(receipt.key.as_str()), entry.header.kind, reason, invocation);
                }
                Ok(Written::Now)
            }
            Ok(Committed::Earlier(_) | Committed::Ignored { .. }) | Err(CommitError::Stale) => Ok(Written::ByOthers),
            Err(error) => Err(error),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Written {
    Now,
    /// Somebody else has written this, or what it rests on: it is to be read again.
    ByOthers,
}

fn facts(order: &Order) -> ledger::Facts {
    vec![("product", order.terms.product.as_str().into()), ("quantity", Fact::Count(order.terms.quantity))]
}

/// How long its buyer has waited for all of it. What was claimed back is brought to what stands whenever that is: nobody waits for it.
fn say_delay(order: &Order, invocation: &Invocation) {
    let paid = order.paid.as_ref().filter(|_| order.fulfilment == Fulfilment::Done && order.claims.is_empty());
    if let Some(paid) = paid {
        let until_run_ms =
            u64::try_from(invocation.now.unix_ms().saturating_sub(paid.at.unix_ms())).unwrap_or_default();
        let run_ms = u64::try_from(invocation.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        edge::delivered(SOURCE, order.number.as_str(), until_run_ms.saturating_add(run_ms));
    }
}

/// A provider that is down was called for as long as the run allows, and is mostly still down when the stream brings the record again:
/// each order would be tried nine times and end as a dead letter. It is in the index `work`, and the clock goes on with it in a minute.
fn is_left_to_clock(error: &FulfilError) -> bool {
    match error {
        FulfilError::Operator(_) | FulfilError::Custodian(_) | FulfilError::NoOperator | FulfilError::NoCustodian => {
            true
        }
        FulfilError::Books(_) | FulfilError::NoTime | FulfilError::TooManyConflicts => false,
    }
}

/// Nothing is lost by it: the stream brings it again, and what it gives up is found by the clock.
fn failed(number: &OrderNumber, error: &FulfilError, invocation: &Invocation) {
    tracing::warn!(error = %edge::chain(error), order = number.as_str(), "an order was not fulfilled");
    edge::line(SOURCE, Some(number.as_str()), "failed", None, invocation);
}

#[cfg(test)]
mod tests;
