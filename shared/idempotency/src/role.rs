//! The role of each row in a transaction, which decides the result if its condition fails.

use aws_sdk_dynamodb::error::BuildError;
use ledger::{AccountId, AccountLots, Amount, BudgetCount, Fingerprint, MoneyKey, Owner, SpendingTerms, Timestamp};
use thiserror::Error;

use crate::open_calls::OpenCall;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    Receipt,
    Money(MoneyKey, Fingerprint),
    /// The proof of payment that the transaction requires.
    Proof,
    Account(AccountId, AccountGuards),
    /// The row of an account's lots.
    Lots,
    /// The entry of what comes back from breakage. Its key is a version of the lots, which any change of them may own.
    Breakage,
    Key,
    /// A key that is revoked, ended or set as it was read, and its owner.
    OwnersKey(Owner),
    /// A key that joins a team or leaves it, or the row of an owner's members.
    Member,
    /// A key whose budget is set, with the owner that it must have.
    SetBudget(Owner),
    /// What a key has spent.
    Budget(Box<BudgetCount>),
    Referrer,
    /// An order or a subscription, with the version that was read; `None` if it did not exist.
    Versioned(Option<u64>),
    Pointer,
    /// The lane of a refused event.
    Lane,
    /// One of the owner's places for unpaid orders.
    Place,
    /// A redeem code.
    Code,
    ServiceKey,
    /// A hold that is opened or closed.
    Hold,
    /// A manually repaired row.
    Repaired,
    Body,
}

/// The conditions on an account, which the row that a failed one returns is compared with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AccountGuards {
    /// The spending terms that were read, if the transaction changes them.
    pub(crate) terms: Option<SpendingTerms>,
    pub(crate) lots: LotsGuard,
    /// The time of a debit, which waits for an expiry that is due.
    pub(crate) debit_at: Option<Timestamp>,
    /// What a hold that is closed frees, which the account must hold.
    pub(crate) freed: Amount,
    /// The call that a hold opens, if its key may have one more.
    pub(crate) call: Option<Box<OpenCall>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum LotsGuard {
    /// A spend reads no lot.
    #[default]
    Any,
    /// The account never had a lot that expires.
    Absent,
    /// The version of its lots that was read.
    Version(u64),
    /// Its balance, its held amount and the version of its lots, all as they were read.
    AsRead(AccountLots),
}

#[derive(Debug, Error)]
pub(crate) enum PlanError {
    #[error("the effects add up to more than an account can hold")]
    Overflow,
    #[error("a row is incomplete")]
    Build(#[from] BuildError),
    #[error("the body cannot be compressed")]
    Body(#[from] std::io::Error),
}
