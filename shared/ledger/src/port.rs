//! The one port: where the books are kept, and what it promises.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use thiserror::Error;

use crate::{
    CallerKey, Decision, EventKey, Fingerprints, Order, OrderNumber, Owner, PaymentProof, Pointer, Reason, Reference,
    Subscription, Timestamp,
};

/// The books. Two implementations pass one contract test: DynamoDB (`idempotency`) and memory (`testkit`).
pub trait Ledger: Send + Sync {
    /// The receipt of an event that this process itself has committed, without any I/O. `None` means only "not remembered".
    fn recall(&self, receipt: &EventKey, fingerprints: &Fingerprints) -> Option<Receipt>;

    /// Whom a caller's key names.
    fn owner(
        &self,
        key: &CallerKey,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Owner>, CommitError>> + Send;

    /// Who led this owner here.
    fn referrer(
        &self,
        owner: &Owner,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Owner>, CommitError>> + Send;

    /// Where a pointer leads. This and what follows is read as it stands now, and never from an index that may lag.
    fn pointed(
        &self,
        pointer: &Pointer,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<OrderNumber>, CommitError>> + Send;

    /// The invoice that a payment paid, where its pointer says so.
    fn invoice_paid_by(
        &self,
        payment: &Reference,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Reference>, CommitError>> + Send;

    fn order(
        &self,
        number: &OrderNumber,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Order>, CommitError>> + Send;

    fn subscription(
        &self,
        reference: &Reference,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Subscription>, CommitError>> + Send;

    /// The orders in the row of this owner's places, some of which may have ended.
    fn orders_in_places(
        &self,
        owner: &Owner,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<BTreeSet<OrderNumber>, CommitError>> + Send;

    /// Strikes orders off it that hold no place any more. What is struck never holds one again, so doing it twice does nothing.
    fn free_places(
        &self,
        owner: &Owner,
        ended: &BTreeSet<OrderNumber>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;

    /// Whether the journal has the row of this payment: of this order, amount and currency.
    fn is_proven(
        &self,
        proof: &PaymentProof,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send;

    /// Makes a decision durable, exactly once, however often it is delivered and whatever fails on the way.
    ///
    /// A recorded entry comes back as [`Committed`]. A refusal comes back as [`CommitError::Rejected`], and so does an entry
    /// whose guard did not hold; either is in the journal as `failed` by then, unless the event was booked before, in which
    /// case that is the answer. The same event with other facts is a [`CommitError::Conflict`], kept beside what it contradicts.
    /// [`CommitError::Stale`] says that nothing was written, what the decision rests on having changed since it was read, or no place
    /// being left.
    fn commit(
        &self,
        decision: &Decision,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Committed, CommitError>> + Send;
}

impl<L: Ledger> Ledger for Arc<L> {
    fn recall(&self, receipt: &EventKey, fingerprints: &Fingerprints) -> Option<Receipt> {
        L::recall(self, receipt, fingerprints)
    }

    fn owner(
        &self,
        key: &CallerKey,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Owner>, CommitError>> + Send {
        L::owner(self, key, delivery)
    }

    fn referrer(
        &self,
        owner: &Owner,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Owner>, CommitError>> + Send {
        L::referrer(self, owner, delivery)
    }

    fn pointed(
        &self,
        pointer: &Pointer,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<OrderNumber>, CommitError>> + Send {
        L::pointed(self, pointer, delivery)
    }

    fn invoice_paid_by(
        &self,
        payment: &Reference,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Reference>, CommitError>> + Send {
        L::invoice_paid_by(self, payment, delivery)
    }

    fn order(
        &self,
        number: &OrderNumber,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Order>, CommitError>> + Send {
        L::order(self, number, delivery)
    }

    fn subscription(
        &self,
        reference: &Reference,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Subscription>, CommitError>> + Send {
        L::subscription(self, reference, delivery)
    }

    fn orders_in_places(
        &self,
        owner: &Owner,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<BTreeSet<OrderNumber>, CommitError>> + Send {
        L::orders_in_places(self, owner, delivery)
    }

    fn free_places(
        &self,
        owner: &Owner,
        ended: &BTreeSet<OrderNumber>,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        L::free_places(self, owner, ended, delivery)
    }

    fn is_proven(
        &self,
        proof: &PaymentProof,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<bool, CommitError>> + Send {
        L::is_proven(self, proof, delivery)
    }

    fn commit(
        &self,
        decision: &Decision,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Committed, CommitError>> + Send {
        L::commit(self, decision, delivery)
    }
}

/// That an event is booked, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    pub key: EventKey,
    pub processed_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// Booked by this delivery.
    Now(Receipt),
    /// Booked before. Replay is success, and says so.
    Earlier(Receipt),
    /// Nothing to book.
    Ignored { reason: &'static str },
}

#[derive(Debug, Error)]
pub enum CommitError {
    /// The same key with other facts.
    #[error("the event contradicts what is booked under its key")]
    Conflict,
    /// An order, a subscription or a pointer is no longer as it was read: read it again and decide anew.
    #[error("what was decided on has changed")]
    Stale,
    /// A guard failed; the event is in the journal with the reason and can be replayed.
    #[error("refused: {}", .0.as_str())]
    Rejected(Reason),
    /// Not known to be booked, and nothing is claimed. The same event may be sent again.
    #[error("the store is not available")]
    Unavailable(#[source] Option<Box<dyn StdError + Send + Sync>>),
    /// The store will not do it however often it is asked: a missing table or permission, or a fault of ours.
    #[error("the store refused the request")]
    Refused(#[source] Box<dyn StdError + Send + Sync>),
}

/// One arrival of an event.
#[derive(Debug, Clone)]
pub struct Delivery<'r> {
    pub attempt: AttemptMark,
    pub received_at: Timestamp,
    /// When `received_at` was read, by the clock that only goes forward.
    pub received: Instant,
    /// Earlier than `received_at` where this is what was kept then, tried again.
    pub first_received_at: Timestamp,
    pub deadline: Deadline,
    pub origin: Origin<'r>,
    pub body: Option<RawBody<'r>>,
}

impl Delivery<'_> {
    /// What time it is at an instant after the arrival.
    pub fn time_at(&self, instant: Instant) -> Timestamp {
        self.received_at.plus(instant.saturating_duration_since(self.received))
    }

    /// Whether the sender has nothing to do with it: what is kept is tried again.
    pub fn is_replay(&self) -> bool {
        match self.origin {
            Origin::Call => false,
            Origin::Replay { .. } => true,
        }
    }

    /// Whether it is a replay of this very row, beside which its body is kept already.
    pub fn is_replay_of(&self, receipt: &EventKey) -> bool {
        matches!(self.origin, Origin::Replay { row, .. } if row == receipt)
    }

    /// Whether only a key that its owner has replaced verifies it. An old key may be known to others by now.
    pub fn is_by_retired_key(&self) -> bool {
        matches!(self.origin, Origin::Replay { is_by_retired_key: true, .. })
    }
}

/// Where an arrival comes from. The code path says it and no row does: rows can be written by other functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'r> {
    /// A request or a run: nothing of it comes out of the books.
    Call,
    /// A kept delivery, verified again.
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

/// A delivery as it was received, unopened: all that its source needs in order to verify it again.
#[derive(Clone, Copy)]
pub struct RawBody<'r> {
    pub method: &'r str,
    pub path: &'r str,
    /// Undecoded, as it was sent.
    pub query: &'r str,
    pub headers: &'r [(&'static str, String)],
    pub bytes: &'r [u8],
    /// When these bytes came: the clock that their signature is checked with.
    pub bytes_at: Timestamp,
}

impl fmt::Debug for RawBody<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawBody({} bytes)", self.bytes.len())
    }
}
