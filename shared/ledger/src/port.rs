//! The storage port: [`Ledger`] is the trait through which everything reads the books and commits to them.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use thiserror::Error;

use crate::{
    BoundKey, CallerKey, CurrencyPair, Decision, Effect, EventKey, Fingerprints, Order, OrderNumber, Owner, Pausable,
    Pauses, PaymentProof, Pointer, Rates, Reason, RowKeys, Rows, Timestamp,
};

/// The ledger. Two implementations pass one contract test: DynamoDB (`idempotency`) and memory (`testkit`). Each is a
/// handle: its clones share one store and its caches.
pub trait Ledger: Send + Sync {
    /// Makes the connection to the store before the first event needs it. A failure changes nothing: the first event
    /// makes it then.
    fn warm(&self) -> impl Future<Output = ()> + Send;

    /// The receipt of an event that this process has committed, from memory and without I/O. `None` means only "not
    /// remembered".
    fn recall(&self, receipt: &EventKey, fingerprints: &Fingerprints) -> Option<Receipt>;

    /// Whether this is paused, as this process last knew it, from memory. Once that is some seconds old it is read again,
    /// beside the caller's event and not before it: the next event finds it. Only what was paused waits for that read, since
    /// a sender may not send again what is turned away.
    fn is_paused(&self, what: Pausable, context: &CallContext<'_>) -> impl Future<Output = bool> + Send;

    /// What is paused, at most some seconds old. If it cannot be read, as this process last knew it; an error, if it
    /// never did.
    fn pauses(&self, context: &CallContext<'_>) -> impl Future<Output = Result<Pauses, CommitError>> + Send;

    /// The owner and the budget of a caller's key, at most a minute old.
    fn key(
        &self,
        key: &CallerKey,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<BoundKey>, CommitError>> + Send;

    /// The owner's referrer.
    fn referrer(
        &self,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<Owner>, CommitError>> + Send;

    /// The exchange rates of a pair, at most a minute old.
    fn rates(
        &self,
        pair: CurrencyPair,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Rates, CommitError>> + Send;

    /// The order that a pointer leads to. This method and those below read consistently, never from an index that may
    /// lag.
    fn resolve_pointer(
        &self,
        pointer: &Pointer,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<OrderNumber>, CommitError>> + Send;

    /// Several rows in one round trip.
    fn read_rows(
        &self,
        keys: &RowKeys,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Rows, CommitError>> + Send;

    fn order(
        &self,
        number: &OrderNumber,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<Order>, CommitError>> + Send;

    /// The orders that hold one of this owner's places for unpaid orders. Some of them may have ended.
    fn orders_in_places(
        &self,
        owner: &Owner,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<BTreeSet<OrderNumber>, CommitError>> + Send;

    /// Removes orders that no longer hold a place. An order never regains its place, so a second removal does nothing.
    fn free_places(
        &self,
        owner: &Owner,
        ended: &BTreeSet<OrderNumber>,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Whether the journal has the payment's row, with this order, amount and currency.
    fn is_proven(
        &self,
        proof: &PaymentProof,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// Commits a decision exactly once, however often it is delivered and whatever fails on the way.
    ///
    /// A recorded entry returns [`Committed`]. A refusal returns [`CommitError::Rejected`], and so does an entry whose
    /// guard fails; either is in the journal as `failed` by then. If the event was booked before, the earlier booking
    /// is the result instead. The same event with different facts is an idempotency conflict,
    /// [`CommitError::Conflict`], and is stored beside the event that it contradicts. [`CommitError::Stale`] means that
    /// nothing was written, because a row that the decision depends on has changed since it was read, or because no
    /// place for an unpaid order is left.
    fn commit(
        &self,
        decision: &Decision,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Committed, CommitError>> + Send;

    /// Commits the events of one request, of which no two have the same receipt, in as few transactions as they fit in.
    /// The results are in their order, and each is what [`Ledger::commit`] returns for that event. Where an account
    /// cannot pay for all, those that it can pay in their order are booked.
    fn commit_together(
        &self,
        decisions: &[Decision],
        context: &CallContext<'_>,
    ) -> impl Future<Output = Vec<Result<Committed, CommitError>>> + Send;

    /// Writes orders and pointers over what was read, without a receipt: for a change that no sender reports and that
    /// moves no money. [`CommitError::Stale`] means that a row differs from what was read; after a lost answer it may
    /// be this change that is there. Another effect is refused.
    fn amend(
        &self,
        effects: &[Effect],
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// Proof that an event is booked, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub key: EventKey,
    pub processed_at: Timestamp,
    /// Whether this booking exceeded a budget. An earlier one says no.
    pub is_over_budget: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Booked by this delivery.
    Now(Receipt),
    /// Booked earlier: a replay succeeds and returns the first receipt.
    Earlier(Receipt),
    /// Nothing to book.
    Ignored { reason: &'static str },
}

#[derive(Debug, Error)]
pub enum CommitError {
    /// An idempotency conflict: the same key with different facts.
    #[error("the event contradicts the one that is booked under its key")]
    Conflict,
    /// Optimistic locking failed: an order, a subscription or a pointer has changed. Read it again and decide again.
    #[error("a row has changed since it was read")]
    Stale,
    /// A guard failed. The event is in the journal with the reason and can be replayed.
    #[error("refused: {}", .0.as_str())]
    Rejected(Reason),
    /// The event may or may not be booked, so it is not acknowledged. The sender may retry it.
    #[error("the store is not available")]
    Unavailable(#[source] Option<Box<dyn StdError + Send + Sync>>),
    /// The store rejects the request on every attempt: a missing table or permission, or a bug of ours.
    #[error("the store refused the request")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
}

/// One delivery of an event.
#[derive(Debug, Clone)]
pub struct CallContext<'r> {
    pub attempt: AttemptMark,
    pub received_at: Timestamp,
    /// The monotonic clock at `received_at`.
    pub received: Instant,
    /// Earlier than `received_at` if this is a replay of a stored delivery.
    pub first_received_at: Timestamp,
    pub deadline: Deadline,
    pub origin: Origin<'r>,
    pub body: Option<RawBody<'r>>,
}

impl CallContext<'_> {
    /// The wall-clock time at an instant after the arrival.
    pub fn time_at(&self, instant: Instant) -> Timestamp {
        self.received_at.plus(instant.saturating_duration_since(self.received))
    }

    /// Whether a sweep replays a stored delivery, without the sender.
    pub fn is_replay(&self) -> bool {
        match self.origin {
            Origin::Call => false,
            Origin::Replay { .. } => true,
        }
    }

    /// Whether it replays this very row, which already stores the body.
    pub fn is_replay_of(&self, receipt: &EventKey) -> bool {
        matches!(self.origin, Origin::Replay { row, .. } if row == receipt)
    }

    /// Whether only a retired key verifies it. A retired key may have leaked.
    pub fn is_by_retired_key(&self) -> bool {
        matches!(self.origin, Origin::Replay { is_by_retired_key: true, .. })
    }
}

/// The origin of a delivery. The code path decides it and never a row, because other functions can write rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'r> {
    /// A request or a scheduled run: nothing in it comes from the database.
    Call,
    /// A stored delivery, verified again.
    Replay { row: &'r EventKey, is_by_retired_key: bool },
}

/// Written on every row, so that after a time-out a delivery can tell its own write from another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptMark(String);

impl AttemptMark {
    pub fn from_random(bits: u64) -> Self {
        Self(format!("{bits:016x}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// When the caller stops waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(pub Instant);

/// A delivery as it was received, unparsed: everything that its source needs to verify it again.
#[derive(Clone, Copy)]
pub struct RawBody<'r> {
    pub method: &'r str,
    pub path: &'r str,
    /// Not decoded, as it was sent.
    pub query: &'r str,
    pub headers: &'r [(&'static str, String)],
    pub bytes: &'r [u8],
    /// When these bytes arrived: the time for the signature's age check.
    pub bytes_at: Timestamp,
    /// Where the body of several events is kept once. That of a single event is kept under its receipt.
    pub batch: Option<BatchBody<'r>>,
}

/// The body of a request with several events.
#[derive(Debug, Clone, Copy)]
pub struct BatchBody<'r> {
    /// The id under which it is kept, which the rows of its events name.
    pub id: &'r str,
    /// Whether an event of the request has kept it, so that no other writes it again.
    pub is_kept: &'r AtomicBool,
}

impl BatchBody<'_> {
    pub fn is_kept(&self) -> bool {
        self.is_kept.load(Ordering::Relaxed)
    }

    /// Once it is durable.
    pub fn kept(&self) {
        self.is_kept.store(true, Ordering::Relaxed);
    }
}

impl fmt::Debug for RawBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawBody({} bytes)", self.bytes.len())
    }
}
