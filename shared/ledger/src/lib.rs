//! The ledger: orders, payments and double-entry postings as pure values, and the port to the store that keeps them.
//!
//! An [`EventKey`] identifies a webhook event and a [`MoneyKey`] the money that it moves: these idempotency keys name
//! the journal rows and are never reused. A source turns each event into a [`Decision`]: an [`Entry`] to record or a
//! [`Refusal`] to store. The [`Effect`]s of an entry, such as a two-sided [`Posting`] of an exact [`Amount`] of an
//! [`Asset`], happen together with the journal row or not at all: [`Ledger::commit`] guarantees it.
//!
//! A [`Payment`] pays an [`Order`]. The order's [`Terms`] are fixed when it is created; refunds and disputes are
//! registers on it, and the clawback of credits follows from them. A [`Pointer`] leads to the order from its provider's
//! own [`Reference`]s.
//!
//! ```
//! use ledger::{Amount, Asset, Currency, Effect, Grant, Money};
//! use ledger::{Order, OrderNumber, Owner, Payment, Provider, Reference, Terms, Timestamp};
//!
//! let terms = Terms {
//!     provider: Provider::Stripe,
//!     product: "credits-1000".to_owned(),
//!     quantity: 1,
//!     price: Money::parse("9.99", Currency::parse("usd")?)?,
//!     exchange: None,
//!     grants: vec![Grant::Credits(Asset::CREDITS.parse("1000")?)],
//!     commissions: Vec::new(),
//!     referral: None,
//!     site: None,
//! };
//! let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z")?;
//! let order = Order::new(OrderNumber::new("HL1")?, Owner::new("alice")?, terms, now);
//! let paid = |price| -> Result<Payment, Box<dyn std::error::Error>> {
//!     let money = Money { amount: Amount::from_units(price), ..order.terms.price };
//!     Ok(Payment { by: Reference::new(Provider::Stripe, "pi_1")?, money, at: now })
//! };
//!
//! // The right amount pays the order and posts the credits; the effects are committed in one transaction.
//! let effects = order.pay(&paid(999)?).map_err(|anomaly| anomaly.details)?;
//! let [Effect::Order { order: after, .. }, Effect::Move(movement)] = effects.as_slice() else { panic!() };
//! assert_eq!(movement.posting.credit(), "alice/credits");
//! assert_eq!(Asset::CREDITS.format(movement.posting.amount()), "1000");
//!
//! // The same payment again changes nothing, and a wrong amount is an anomaly.
//! assert_eq!(after.pay(&paid(999)?), Ok(Vec::new()));
//! assert_eq!(order.pay(&paid(1)?).unwrap_err().reason.as_str(), "amount_mismatch");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate is pure: it performs no I/O, reads neither clock nor environment, and uses no randomness.

mod accept;
mod account;
mod account_transfer;
mod amount;
mod anomaly;
mod asset;
mod audit;
mod backlog;
mod breaker;
mod budget;
mod call_count;
mod code;
mod entry;
mod erase;
mod fingerprint;
mod fulfilment;
mod grant;
mod hold;
mod jwks_cache;
mod key;
mod lane;
mod listing;
mod lots;
mod member;
mod metered;
mod money;
mod order;
mod owner_key;
mod pause;
mod payment;
mod period;
mod place;
mod policy;
mod port;
mod proof;
mod query;
mod rate;
mod reason;
mod referral;
mod refund;
mod registry;
mod request_id;
mod row_keys;
mod service_key;
mod statement;
mod step;
mod subscription;
mod time;
mod top_up_call;
mod transfer;
mod usage_reversal;

pub use accept::{AcceptError, Accepted, Clearing};
pub use account::{AccountId, AccountIdError, CallerKey, CallerKeyError, House, KeyName, Owner};
pub use account_transfer::{AccountTransfer, AccountTransferError, with_terms_of_senders};
pub use amount::{Amount, AmountError, Balance};
pub use anomaly::{Anomalies, Anomaly, Flag, LISTED_MAX, PaysFor, RefusedPayment, Resolution, UNLISTED_MAX};
pub use asset::{Asset, Word, WordError};
pub use audit::{
    AccountPage, AccountSides, AccountsOpened, AssetBalance, Audit, AuditProgress, Census, CodesToRead, CountProgress,
    Difference, DifferenceKind, JournalLine, LineDetails, LinePage, LinePosition, LineTotals, LinesSeen, MemberKey,
    MembersAudit, MissingAccounts, Observation, Open, Repair, RepairError, RepairedBudget, RepairedOrder, Row, Side,
    StatementLine, StoredAccount, StoredLots, StoredOrder, StoredSpent, Subject, Suspect, TrialBalance,
    UnsettledAccount, WholeAudit,
};
pub use backlog::{Backlog, DueOrder, DueRow, KeptBody, Queue, RefusedEvent, next_retry_at, unreadable_backoff_s};
pub use breaker::{Breaker, BreakerName, BreakerNameError, BreakerState, Breakers};
pub use budget::{
    Budget, BudgetChange, BudgetCheck, BudgetCount, BudgetUnreadable, Budgets, Counted, HoldBudget, KeyBudget, Limits,
    Series, Slot, Spent, StoredBudget, Window, Windows, Zone, ZoneError,
};
pub use call_count::{CallCounts, CallMinute, KeyUse};
pub use code::{
    CODE_USES_MAX, CODES_MAX, Campaign, CampaignPage, Code, CodeChange, CodeHash, CodeHashError, CodePage, CodeText,
    CodeUses, Codes, OncePer, WrongCodes,
};
pub use entry::{
    Decision, Effect, Entry, Fact, Facts, Guard, JournalHeader, Movement, Net, Posting, Refusal, charged_by, merged,
};
pub use erase::KeptBecause;
pub use fingerprint::{Fingerprint, Fingerprints};
pub use fulfilment::{Commission, FIRST_QUERY_AFTER_SECONDS, Fulfilment, Line, Share, Work};
pub use grant::{Grant, GrantedCredits, OnChain, Operator, TopUp, TopUpKind};
pub use hold::{
    AtExpiry, FoundHolds, Hold, HoldChange, HoldClosing, HoldError, HoldId, HoldIdError, HoldRefusal, HoldState,
    HoldStep, HoldTerms, HoldTermsError, Holds, REPORTED_KEY, ReportedUse, UseRow, litellm_event_id,
    openrouter_event_id,
};
pub use jwks_cache::{CachedJwks, JwksCache, JwksName};
pub use key::{EventKey, KeyError, MoneyKey};
pub use lane::{FIRST_RETRY_SECONDS, Lane, LaneState, Lanes, Owed, REFUSED_BODY_KEPT_DAYS};
pub use listing::{DayShard, FlaggedQuery, ListedPage, ListedRow, Listing, ListingQuery, is_listed};
pub use lots::{
    AccountLots, ChangedLots, ExpiredLots, ExpiredShare, Expiring, GRANT_DAYS_MAX, GrantTerms, GrantTermsError, Lot,
    LotChange, LotKind, LotMove, LotShare, LotTerms, LotsRow, LotsSnapshot, PRIORITY_DEFAULT, PRIORITY_MAX,
    SettledLots, TakenShares,
};
pub use member::{
    BoundKey, Draw, Draws, MEMBERS_MAX, Member, MemberChange, MemberError, Members, Membership, UsedKey, membership,
};
pub use money::{Currency, CurrencyError, Money};
pub use order::{
    Exchange, Order, OrderNumber, OrderNumberError, Paid, PaymentState, Pointer, Provider, Reference, ReferenceError,
    Session, Terms,
};
pub use owner_key::{
    CallRate, CallRateError, KeyChange, KeyId, KeyPage, KeyQuery, KeySettings, Keys, OwnerKey, StoredKey,
};
pub use pause::{Pausable, Pause, PauseError, Pauses};
pub use payment::{DisputeReport, Payment, Transition};
pub use period::Period;
pub use policy::{Policy, SpendingTerms};
pub use port::{
    AttemptMark, BatchBody, CallContext, CommitError, Committed, Deadline, Ledger, Origin, RawBody, Receipt,
};
pub use proof::{PaymentProof, ProofUse};
pub use rate::{CurrencyPair, CurrencyPairError, DatedRate, Rate, RateError, RateTextError, Rates};
pub use reason::{Reason, ReasonClass};
pub use referral::{Referral, ReferralCredits, ReferralState};
pub use refund::{Dispute, DisputeStage, Disputes, PaymentReversals, Refund, RefundState, Refunds, Reported};
pub use registry::{Source, Sweep, Writer};
pub use request_id::RequestId;
pub use row_keys::{PointerRow, RowKeys, Rows, UnreadableRow};
pub use service_key::{
    Scope, Scopes, ScopesError, ServiceKey, ServiceKeyChange, ServiceKeyHash, ServiceKeySettings, ServiceKeys,
};
pub use statement::{AccountRow, OrdersPage, ShownLine, StatementPage, StatementQuery, Statements};
pub use subscription::{Plan, Standing, Subscription, SubscriptionStatus};
pub use time::{Timestamp, TimestampError};
pub use top_up_call::{TopUpCall, TopUpReport, TopUpState, Verdict};
pub use transfer::{Allocation, Transfer, TransferDetails, TransferStatus, is_same_wallet};
pub use usage_reversal::{UsageReversal, UsageReversalError};

#[cfg(test)]
mod tests;
