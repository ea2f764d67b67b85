//! The JWKS cache: a provider's public keys as they were last fetched, for the time in which they cannot be fetched. No
//! secret, and not part of the books.

use std::fmt;
use std::sync::Arc;

use crate::{CommitError, Delivery, Timestamp};

/// The store of cached keys. Two implementations: DynamoDB (`idempotency`) and memory (`testkit`).
pub trait Copies: Send + Sync {
    /// A consistent read: a process that starts finds the keys that another one has just fetched.
    fn copy(
        &self,
        name: CopyName,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Copied>, CommitError>> + Send;

    /// Replaces an older copy, never a newer one.
    fn keep_copy(
        &self,
        name: CopyName,
        copied: &Copied,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}

impl<C: Copies> Copies for Arc<C> {
    fn copy(
        &self,
        name: CopyName,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Copied>, CommitError>> + Send {
        C::copy(self, name, delivery)
    }

    fn keep_copy(
        &self,
        name: CopyName,
        copied: &Copied,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send {
        C::keep_copy(self, name, copied, delivery)
    }
}

/// The publisher of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CopyName(pub &'static str);

/// The id of the row. An owner's name contains no `#`, so no account id equals it.
impl fmt::Display for CopyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jwks#{}", self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    pub text: String,
    pub fetched_at: Timestamp,
}
