//! The ledger of one sandbox. In memory its calls take time and fail at the port; on the engine they fail below the SDK.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use idempotency::DynamoLedger;
use ledger::{
    BoundKey, CallContext, CallerKey, CommitError, Committed, CurrencyPair, Decision, Effect, EventKey, Fingerprints,
    Ledger, Order, OrderNumber, Owner, Pausable, Pauses, PaymentProof, Pointer, Rates, Receipt, RowKeys, Rows,
};
use testkit::MemoryLedger;
use tokio::time::{Instant, sleep, sleep_until};

use crate::faults::{Calls, FaultKind, Side};
use crate::retries::Retries;
use crate::stream::OrderStream;

/// A call in memory takes up to this long, so that calls of different sandboxes interleave.
const LATENCY_MS_MAX: u64 = 12;

#[derive(Debug, Clone)]
pub(crate) struct PortLedger {
    pub(crate) books: Books,
    calls: Calls,
    /// The events that this process has committed, which is all that a process may remember.
    committed: Arc<Mutex<BTreeSet<String>>>,
    pub(crate) retries: Arc<Retries>,
}

#[derive(Debug, Clone)]
pub(crate) enum Books {
    Memory(Arc<MemoryLedger>, OrderStream),
    Engine(Arc<DynamoLedger>),
}

/// Calls the method on either store.
macro_rules! call {
    ($self:ident, $context:ident, $port:ident::$method:ident($($argument:expr),*)) => {
        match &$self.books {
            Books::Memory(memory, _) => {
                let call = $port::$method(&**memory, $($argument,)* $context);
                $self.of_memory(stringify!($method), $context, call).await
            }
            Books::Engine(engine) => $port::$method(&**engine, $($argument,)* $context).await,
        }
    };
}

pub(crate) use call;

impl PortLedger {
    pub(crate) fn new(books: Books, calls: Calls, retries: Arc<Retries>) -> Self {
        Self { books, calls, committed: Arc::default(), retries }
    }

    pub(crate) async fn of_memory<T, E: From<CommitError>>(
        &self,
        operation: &'static str,
        context: &CallContext<'_>,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let (mark, fault) = self.calls.next(Side::Store, operation);
        let deadline = Instant::from_std(context.deadline.0);
        let mut rng = mark.child(0).rng();
        sleep(Duration::from_millis(rng.u64(0..=LATENCY_MS_MAX))).await;
        let unavailable = || Err(CommitError::Unavailable(None).into());
        match fault {
            None | Some(FaultKind::KilledLater) => call.await,
            Some(FaultKind::Dropped | FaultKind::Down) => {
                sleep_until(deadline).await;
                unavailable()
            }
            // In memory a late call is one that is applied before its caller gives up, at a random time.
            Some(FaultKind::Unanswered | FaultKind::AppliedLate) => {
                sleep(Duration::from_millis(rng.u64(0..2_000))).await;
                let _ = call.await;
                sleep_until(deadline).await;
                unavailable()
            }
            Some(FaultKind::Delayed) => {
                sleep(Duration::from_millis(rng.u64(50..1_500))).await;
                let answer = call.await;
                sleep(Duration::from_millis(rng.u64(50..1_500))).await;
                answer
            }
            Some(FaultKind::Conflicted) if matches!(operation, "commit" | "amend") => Err(CommitError::Stale.into()),
            Some(
                FaultKind::Conflicted
                | FaultKind::Disconnected
                | FaultKind::Throttled
                | FaultKind::Hot
                | FaultKind::InProgress
                | FaultKind::ServerError,
            ) => unavailable(),
            Some(FaultKind::Reset | FaultKind::ServerErrorApplied | FaultKind::Garbage) => {
                let _ = call.await;
                unavailable()
            }
            Some(FaultKind::Killed) => {
                self.calls.kill();
                std::future::pending().await
            }
            Some(FaultKind::KilledApplied) => {
                let _ = call.await;
                self.calls.kill();
                std::future::pending().await
            }
        }
    }
}

impl Ledger for PortLedger {
    async fn warm(&self) {}

    fn recall(&self, receipt: &EventKey, fingerprints: &Fingerprints) -> Option<Receipt> {
        match &self.books {
            Books::Memory(memory, _) => {
                let is_own = self.committed.lock().expect("one thread").contains(receipt.as_str());
                is_own.then(|| memory.recall(receipt, fingerprints)).flatten()
            }
            Books::Engine(engine) => engine.recall(receipt, fingerprints),
        }
    }

    async fn is_paused(&self, what: Pausable, context: &CallContext<'_>) -> bool {
        match &self.books {
            Books::Memory(memory, _) => memory.is_paused(what, context).await,
            Books::Engine(engine) => engine.is_paused(what, context).await,
        }
    }

    /// In memory without a fault: what cannot be read is as it was last known, which is for the ledger's own tests.
    async fn pauses(&self, context: &CallContext<'_>) -> Result<Pauses, CommitError> {
        match &self.books {
            Books::Memory(memory, _) => memory.pauses(context).await,
            Books::Engine(engine) => engine.pauses(context).await,
        }
    }

    async fn key(&self, key: &CallerKey, context: &CallContext<'_>) -> Result<Option<BoundKey>, CommitError> {
        call!(self, context, Ledger::key(key))
    }

    async fn referrer(&self, owner: &Owner, context: &CallContext<'_>) -> Result<Option<Owner>, CommitError> {
        call!(self, context, Ledger::referrer(owner))
    }

    async fn rates(&self, pair: CurrencyPair, context: &CallContext<'_>) -> Result<Rates, CommitError> {
        call!(self, context, Ledger::rates(pair))
    }

    async fn resolve_pointer(
        &self,
        pointer: &Pointer,
        context: &CallContext<'_>,
    ) -> Result<Option<OrderNumber>, CommitError> {
        call!(self, context, Ledger::resolve_pointer(pointer))
    }

    async fn read_rows(&self, keys: &RowKeys, context: &CallContext<'_>) -> Result<Rows, CommitError> {
        call!(self, context, Ledger::read_rows(keys))
    }

    async fn order(&self, number: &OrderNumber, context: &CallContext<'_>) -> Result<Option<Order>, CommitError> {
        call!(self, context, Ledger::order(number))
    }

    async fn orders_in_places(
        &self,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> Result<BTreeSet<OrderNumber>, CommitError> {
        call!(self, context, Ledger::orders_in_places(owner))
    }

    async fn free_places(
        &self,
        owner: &Owner,
        ended: &BTreeSet<OrderNumber>,
        context: &CallContext<'_>,
    ) -> Result<(), CommitError> {
        call!(self, context, Ledger::free_places(owner, ended))
    }

    async fn is_proven(&self, proof: &PaymentProof, context: &CallContext<'_>) -> Result<bool, CommitError> {
        call!(self, context, Ledger::is_proven(proof))
    }

    async fn commit(&self, decision: &Decision, context: &CallContext<'_>) -> Result<Committed, CommitError> {
        if matches!(decision, Decision::Refuse(_)) {
            self.retries.add_refused(context);
        }
        let committed = match &self.books {
            Books::Memory(memory, stream) => {
                let call = async {
                    let committed = memory.commit(decision, context).await;
                    changed_orders(effects_of(decision)).for_each(|order| stream.add(order.as_str()));
                    committed
                };
                self.of_memory("commit", context, call).await
            }
            Books::Engine(engine) => engine.commit(decision, context).await,
        };
        if let Ok(Committed::Now(receipt) | Committed::Earlier(receipt)) = &committed {
            self.committed.lock().expect("one thread").insert(receipt.key.to_string());
        }
        committed
    }

    /// In memory as two transactions, of which either can fail.
    async fn commit_together(
        &self,
        decisions: &[Decision],
        context: &CallContext<'_>,
    ) -> Vec<Result<Committed, CommitError>> {
        let results = match &self.books {
            Books::Memory(memory, _) => {
                let mut results = Vec::new();
                for part in decisions.chunks(decisions.len().div_ceil(2).max(1)) {
                    let call = async { Ok(memory.commit_together(part, context).await) };
                    match self.of_memory("commit", context, call).await {
                        Ok(committed) => results.extend(committed),
                        Err(CommitError::Stale) => results.extend(part.iter().map(|_| Err(CommitError::Stale))),
                        Err(_) => results.extend(part.iter().map(|_| Err(CommitError::Unavailable(None)))),
                    }
                }
                results
            }
            Books::Engine(engine) => engine.commit_together(decisions, context).await,
        };
        let mut committed = self.committed.lock().expect("one thread");
        for result in &results {
            if let Ok(Committed::Now(receipt) | Committed::Earlier(receipt)) = result {
                committed.insert(receipt.key.to_string());
            }
        }
        drop(committed);
        results
    }

    async fn amend(&self, effects: &[Effect], context: &CallContext<'_>) -> Result<(), CommitError> {
        match &self.books {
            Books::Memory(memory, stream) => {
                let call = async {
                    let amended = memory.amend(effects, context).await;
                    changed_orders(effects).for_each(|order| stream.add(order.as_str()));
                    amended
                };
                self.of_memory("amend", context, call).await
            }
            Books::Engine(engine) => engine.amend(effects, context).await,
        }
    }
}

/// The orders that this decision may have changed. A record too many does no harm: a stream repeats records anyway.
fn effects_of(decision: &Decision) -> &[Effect] {
    match decision {
        Decision::Record(entry) => &entry.effects,
        Decision::Refuse(refusal) => &refusal.effects,
        Decision::Ignore { .. } => &[],
    }
}

fn changed_orders(effects: &[Effect]) -> impl Iterator<Item = &OrderNumber> {
    effects
        .iter()
        .filter_map(|effect| if let Effect::Order { order, .. } = effect { Some(&order.number) } else { None })
}
