//! What somebody else publishes, as it was when it could last be fetched: for the time in which it cannot. No secret, and no part of the
//! books.

use std::fmt;
use std::sync::Arc;

use crate::{CommitError, Delivery, Timestamp};

/// Where copies are kept. Two implementations: DynamoDB (`idempotency`) and memory (`testkit`).
pub trait Copies: Send + Sync {
    /// Read as it stands now: whoever starts takes what another has fetched a moment ago.
    fn copy(
        &self,
        name: CopyName,
        delivery: &Delivery<'_>,
    ) -> impl Future<Output = Result<Option<Copied>, CommitError>> + Send;

    /// In place of an older copy, and never of a newer.
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

/// Whose keys they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CopyName(pub &'static str);

/// The id of the row. An owner's name holds no `#`, so no account can be taken for it.
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
