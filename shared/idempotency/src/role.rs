//! The role of each row in a transaction, which decides the result if its condition fails.

use aws_sdk_dynamodb::error::BuildError;
use ledger::{Fingerprint, MoneyKey, SpendingTerms};
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    Receipt,
    Money(MoneyKey, Fingerprint),
    /// The proof of payment that the transaction requires.
    Proof,
    /// With the spending terms that were read, if the transaction changes them.
    Account(Option<SpendingTerms>),
    Key,
    /// A key that is being revoked.
    Revoked,
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
    /// A manually repaired row.
    Repaired,
    Body,
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
