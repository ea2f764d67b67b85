//! The JWKS cache: a provider's public keys as they were last fetched, for the time in which they cannot be fetched. No
//! secret, and not part of the books.

use std::fmt;

use crate::{CallContext, CommitError, Timestamp};

/// The store of cached keys. Two implementations: DynamoDB (`idempotency`) and memory (`testkit`).
pub trait JwksCache: Send + Sync {
    /// A consistent read: a process that starts finds the keys that another one has just fetched.
    fn cached_jwks(
        &self,
        name: JwksName,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Option<CachedJwks>, CommitError>> + Send;

    /// Replaces an older copy, never a newer one.
    fn cache_jwks(
        &self,
        name: JwksName,
        copied: &CachedJwks,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<(), CommitError>> + Send;
}

/// The publisher of the keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct JwksName(pub &'static str);

/// The id of the row. An owner's name contains no `#`, so no account id equals it.
impl fmt::Display for JwksName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "jwks#{}", self.0)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedJwks {
    pub text: String,
    pub fetched_at: Timestamp,
}
