//! The worker that fulfils paid orders beside their credits: tokens and their transfers, access to reports, commissions
//! and credits of referrers, and phone top-ups.
//!
//! DynamoDB's stream names the changed orders; the worker reads each order and decides from its current state. So a
//! redelivered record, two concurrent workers or a stream replayed from its beginning change nothing: each write is
//! conditional on the version that was read, each posting has its own money key, and only the operator's call, which
//! has no idempotency key, is claimed before it is made.
//!
//! ```
//! use std::time::Duration;
//!
//! use edge::{Invocation, Worker as _};
//! use fulfil::Fulfil;
//! use testkit::{MemoryLedger, deadline, instant, mark, now};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//! let fulfil = Fulfil { ledger: MemoryLedger::default(), operator: None, custodian: None };
//! let deadline = deadline(Duration::from_secs(55));
//! let invocation = Invocation { now: now(), started: instant(), deadline, attempt: mark(1) };
//!
//! // The stream reports an order that does not exist any more: there is nothing to do, and nothing to retry.
//! let batch = r#"{"Records":[{"dynamodb":{"SequenceNumber":"1","Keys":{"id":{"S":"HL1"}}}}]}"#;
//! let failures = fulfil.work(batch, &invocation).await?;
//! assert!(failures.batch_item_failures.is_empty());
//! # Ok(())
//! # }
//! ```

mod assemble;
mod custodian;
mod operator;
mod pending_external;
mod stream;

use std::time::Duration;

use edge::{Invocation, WorkError, Worker};
use futures_util::{StreamExt as _, future};
use ledger::{
    CallContext, CommitError, Committed, Decision, Fact, Fulfilment, Ledger, Order, OrderNumber, Pausable, Pointer,
    Writer,
};
use providers::CallError;
use thiserror::Error;

pub use assemble::assemble;
pub use custodian::{Custodian, keys as custodian_keys};
pub use operator::{Operator, keys as operator_keys};
pub use pending_external::PendingOutcome;
pub use stream::Failures;

use stream::Batch;

const WRITER: Writer = Writer::Fulfil;
/// The function's name in the journal, the log and the metrics.
pub const SOURCE: &str = WRITER.as_str();

/// The time for one order: a token, the longest call to an operator, and the commit of its result.
pub const ONE_WITHIN: Duration = Duration::from_secs(45);
/// The part of that time that is reserved for the commit after a provider's call.
const COMMIT_WITHIN: Duration = Duration::from_secs(5);
/// The alarm of an order that is marked paid and has no payment row in the journal: another role wrote it, or the row
/// is lost.
const PAYMENT_UNPROVEN: &str = "payment_unproven";
/// Concurrent orders: as many as the smallest sandbox has sockets and memory for; batches are little larger.
const AT_ONCE: usize = 8;
/// The steps of one order (post, send, claim, call), each with retries after concurrent commits.
const ROUNDS_MAX: u32 = 12;

/// The worker over the ledger, the operator and the custodian.
#[derive(Debug)]
pub struct Fulfil<L> {
    pub ledger: L,
    /// Tops up phones.
    pub operator: Option<Operator>,
    /// Sends tokens on chain.
    pub custodian: Option<Custodian>,
}

/// The result of one order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fulfilled {
    /// Something was committed.
    MovedOn,
    /// Nothing was due.
    Nothing,
    /// A person has paused fulfilment. The order stays in the index `work`, and the sweep fulfils it later.
    Paused,
}

#[derive(Debug, Error)]
pub enum FulfilError {
    #[error(transparent)]
    Books(#[from] CommitError),
    #[error("the operator rejected the login")]
    Operator(#[source] CallError),
    #[error("the custodian did not accept the transfer")]
    Custodian(#[source] CallError),
    #[error("no operator is configured: set UNITEL_API_URL to top up phones")]
    NoOperator,
    #[error("no custodian is configured: set FIREBLOCKS_VAULT to send tokens")]
    NoCustodian,
    #[error("its wallet is erased")]
    Erased,
    #[error("too little time is left for the operator's call")]
    NoTime,
    #[error("the order kept changing")]
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
                Ok(Fulfilled::Paused) => {
                    edge::line(SOURCE, Some(number.as_str()), "paused", None, invocation);
                    Vec::new()
                }
                Ok(Fulfilled::MovedOn | Fulfilled::Nothing) => Vec::new(),
                Err(error) => {
                    failed(&number, &error, invocation);
                    if is_left_to_sweep(&error) { Vec::new() } else { records }
                }
            }
        });
        let failed = tried.buffer_unordered(AT_ONCE).concat().await;
        Ok(Failures::of(failed.into_iter().chain(unreadable)))
    }
}

impl<L: Ledger> Fulfil<L> {
    /// Takes the steps that are due on an order, until none is left.
    pub async fn fulfil(&self, number: &OrderNumber, invocation: &Invocation) -> Result<Fulfilled, FulfilError> {
        let mut fulfilled = Fulfilled::Nothing;
        let mut proven = None;
        for _ in 0..ROUNDS_MAX {
            // Beside each other, so that what is paused is as recent as the order, and costs no time.
            let context = &invocation.context();
            let (order, is_paused) = future::join(self.ledger.order(number, context), self.is_paused(context)).await;
            // A deleted order needs no fulfilment.
            let Some(order) = order? else {
                return Ok(fulfilled);
            };
            if is_paused {
                return Ok(Fulfilled::Paused);
            }
            if self.has_step(&order, invocation) && (proven.is_none() || proven != order.proof()) {
                if !self.is_proven(&order, invocation).await? {
                    return Ok(fulfilled);
                }
                proven = order.proof();
            }
            if !self.step(&order, invocation).await? {
                if fulfilled == Fulfilled::MovedOn {
                    log_delay(&order, invocation);
                }
                return Ok(fulfilled);
            }
            fulfilled = Fulfilled::MovedOn;
        }
        Err(FulfilError::TooManyConflicts)
    }

    /// Without an answer, and never one before: fulfilment goes on.
    async fn is_paused(&self, context: &CallContext<'_>) -> bool {
        self.ledger.pauses(context).await.is_ok_and(|pauses| pauses.has(Pausable::Fulfil))
    }

    fn has_step(&self, order: &Order, invocation: &Invocation) -> bool {
        order.is_to_be_fulfilled()
            || !order.fulfil(self.custodian.is_some(), invocation.now).is_empty()
            || order.top_up_call.as_ref().is_some_and(|top_up_call| top_up_call.is_abandoned(invocation.now))
    }

    /// Whether the journal has the row of the order's payment. If not, the order is flagged for a person.
    async fn is_proven(&self, order: &Order, invocation: &Invocation) -> Result<bool, FulfilError> {
        if let Some(proof) = order.proof()
            && self.ledger.is_proven(&proof, &invocation.context()).await?
        {
            return Ok(true);
        }
        let Some(decision) = order.step(WRITER, "unproven", facts(order), order.flag_unproven()) else {
            return Ok(false);
        };
        if self.write(&decision, invocation).await? == CommitStatus::Now {
            edge::alarm(SOURCE, PAYMENT_UNPROVEN, order.number.as_str());
        }
        Ok(false)
    }

    /// Takes the next step of the order as it was read; `false` if none is due.
    async fn step(&self, order: &Order, invocation: &Invocation) -> Result<bool, FulfilError> {
        let postings = order.fulfil(self.custodian.is_some(), invocation.now);
        if let Some(decision) = order.step(WRITER, "fulfilled", facts(order), postings) {
            self.write(&decision, invocation).await?;
        } else if order.is_referral_open() {
            self.decide_referral(order, invocation).await?;
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

    /// Decides whether this is the buyer's first purchase. If another order of theirs is faster, the write is stale, and
    /// the next round finds it.
    async fn decide_referral(&self, order: &Order, invocation: &Invocation) -> Result<(), CommitError> {
        let pointer = Pointer::FirstPurchase { owner: order.owner.clone() };
        let first = self.ledger.resolve_pointer(&pointer, &invocation.context()).await?;
        if let Some(decision) = order.step(WRITER, "referred", facts(order), order.decide_referral(first.as_ref())) {
            self.write(&decision, invocation).await?;
        }
        Ok(())
    }

    async fn write(&self, decision: &Decision, invocation: &Invocation) -> Result<CommitStatus, CommitError> {
        self.write_because(decision, None, invocation).await
    }

    /// `reason`: the cause of the result, for the log and the metrics.
    async fn write_because(
        &self,
        decision: &Decision,
        reason: Option<&'static str>,
        invocation: &Invocation,
    ) -> Result<CommitStatus, CommitError> {
        let committed = self.ledger.commit(decision, &invocation.context()).await;
        edge::record_commit(SOURCE, decision, &committed);
        match committed {
            Ok(Committed::Now(receipt)) => {
                if let Decision::Record(entry) = decision {
                    edge::line(SOURCE, Some(receipt.key.as_str()), entry.header.kind, reason, invocation);
                }
                Ok(CommitStatus::Now)
            }
            Ok(Committed::Earlier(_) | Committed::Ignored { .. }) | Err(CommitError::Stale) => {
                Ok(CommitStatus::ByOthers)
            }
            Err(error) => Err(error),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CommitStatus {
    Now,
    /// Another worker has committed this, or a row has changed: the caller reads again.
    ByOthers,
}

fn facts(order: &Order) -> ledger::Facts {
    vec![("product", order.terms.product.as_str().into()), ("quantity", Fact::Count(order.terms.quantity))]
}

/// Logs the buyer's waiting time. Clawbacks are left out: no buyer waits for them.
fn log_delay(order: &Order, invocation: &Invocation) {
    let paid = order.paid.as_ref().filter(|_| order.fulfilment == Fulfilment::Done && order.claims.is_empty());
    if let Some(paid) = paid {
        let until_run_ms =
            u64::try_from(invocation.now.unix_ms().saturating_sub(paid.at.unix_ms())).unwrap_or_default();
        let run_ms = u64::try_from(invocation.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        edge::delivered(SOURCE, order.number.as_str(), until_run_ms.saturating_add(run_ms));
    }
}

/// Whether the sweep retries the order instead of the stream. A provider that is down has been called for the whole run
/// and is likely still down when the stream retries: each order would be tried nine times and end as a dead letter. The
/// order is in the index `work`, and the sweep retries it within a minute.
fn is_left_to_sweep(error: &FulfilError) -> bool {
    match error {
        FulfilError::Operator(_) | FulfilError::Custodian(_) | FulfilError::NoOperator | FulfilError::NoCustodian => {
            true
        }
        FulfilError::Books(_) | FulfilError::Erased | FulfilError::NoTime | FulfilError::TooManyConflicts => false,
    }
}

/// Logs the error. Nothing is lost: the stream retries, and the sweep finds the orders that the stream gives up.
fn failed(number: &OrderNumber, error: &FulfilError, invocation: &Invocation) {
    tracing::warn!(error = %edge::chain(error), order = number.as_str(), "an order was not fulfilled");
    edge::line(SOURCE, Some(number.as_str()), "failed", None, invocation);
}

#[cfg(test)]
mod tests;
