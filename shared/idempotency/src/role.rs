//! What each row of a transaction is there for, which decides what it means when it may not be written.

use aws_sdk_dynamodb::error::BuildError;
use ledger::{Fingerprint, MoneyKey, SpendingTerms};
use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Role {
    Receipt,
    Money(MoneyKey, Fingerprint),
    /// The row of the payment that the transaction rests on.
    Proof,
    /// With the terms that the account was read with, if they are to be changed.
    Account(Option<SpendingTerms>),
    Key,
    /// A key that is to be revoked.
    Revoked,
    Referrer,
    /// An order or a subscription, with the version that it was read in, none having been there.
    Versioned(Option<u64>),
    Pointer,
    /// The lane in which a refused event waits.
    Lane,
    /// One of its owner's places, which an order takes.
    LinePosition,
    /// Put right by a person, over what was read.
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
