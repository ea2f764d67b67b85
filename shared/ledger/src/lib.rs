//! The nouns of the books and the one port to where they are kept.
//!
//! An event is named by an [`EventKey`], the money it moves by a [`MoneyKey`]; both are names of journal rows and unique for
//! ever. What it decides is a [`Decision`]: an [`Entry`] to record or a [`Refusal`] to keep. An entry's [`Effect`]s are two-sided
//! [`Posting`]s of an exact [`Amount`] of an [`Asset`], and they happen together with the journal row or not at all: that is
//! what [`Ledger::commit`] promises.
//!
//! An [`Order`] is what a [`Payment`] pays for. Its [`Terms`] are fixed when it is made; refunds and disputes are registers on it,
//! and the credits that stand follow from them. A [`Pointer`] leads to it from its provider's own [`Reference`]s.
//!
//! Nothing here does I/O, reads the clock or the environment, or rolls dice.

mod accept;
mod account;
mod amount;
mod anomaly;
mod asset;
mod audit;
mod backlog;
mod copies;
mod entry;
mod fingerprint;
mod fulfilment;
mod grant;
mod key;
mod lane;
mod metered;
mod money;
mod order;
mod payment;
mod period;
mod place;
mod policy;
mod port;
mod proof;
mod query;
mod reason;
mod recharge;
mod refund;
mod step;
mod subscription;
mod time;
mod transfer;

pub use accept::{AcceptError, Accepted, Clearing};
pub use account::{AccountId, AccountIdError, CallerKey, CallerKeyError, House, Owner};
pub use amount::{Amount, AmountError, Balance};
pub use anomaly::{Anomalies, Anomaly, Flag, LISTED_MAX, PaysFor, RefusedPayment, Resolution, UNLISTED_MAX};
pub use asset::{Asset, Word, WordError};
pub use audit::{
    AccountPage, Audit, Census, Check, Counted, Counting, Difference, Gone, Held, Kept, LinePage, Look, Matter, Moving,
    NamedLine, Open, Opened, OrderOver, Place, Posted, Repair, RepairError, Row, Seen, Side, StatementLine, Subject,
    Suspect, Whole,
};
pub use backlog::{Backlog, DueOrder, DueRow, KeptBody, Queue, Waiting, next_look, pass_over_pause_s};
pub use copies::{Copied, Copies, CopyName};
pub use entry::{Decision, Effect, Entry, Fact, Facts, Guard, Heading, Movement, Net, Posting, Refusal, merged};
pub use fingerprint::{Fingerprint, Fingerprints};
pub use fulfilment::{ASK_AFTER_SECONDS, Commission, Fulfilment, Line, Share, Work};
pub use grant::{Grant, OnChain, Operator, TopUp, TopUpKind};
pub use key::{EventKey, KeyError, MoneyKey};
pub use lane::{FIRST_LOOK_SECONDS, Lane, LaneState, Lanes, Owed, REFUSED_BODY_KEPT_DAYS};
pub use money::{Currency, CurrencyError, Money};
pub use order::{
    Exchange, Order, OrderNumber, OrderNumberError, Paid, PaymentState, Pointer, Provider, Reference, ReferenceError,
    Session, Terms,
};
pub use payment::{DisputeReport, Payment, Transition};
pub use period::Period;
pub use policy::{Policy, SpendingTerms};
pub use port::{AttemptMark, CommitError, Committed, Deadline, Delivery, Ledger, Origin, RawBody, Receipt};
pub use proof::{PaymentProof, ProofUse};
pub use reason::Reason;
pub use recharge::{Heard, Recharge, RechargeState, Verdict};
pub use refund::{Claims, Dispute, DisputeStage, Disputes, Refund, RefundState, Refunds, Reported};
pub use subscription::{Plan, Standing, Subscription, SubscriptionStatus};
pub use time::{Timestamp, TimestampError};
pub use transfer::{Allocation, Transfer, TransferDetails, TransferStatus, is_same_wallet};

#[cfg(test)]
mod tests;
