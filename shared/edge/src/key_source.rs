//! Key rotation: the verification keys of a running function and their replacements.

use std::sync::Arc;

use signing::VerifyError;

use crate::{Invocation, Keyring, KeyringError};

/// The live keys of a function: its own secrets ([`Keyring`]), or a JWKS that a provider publishes.
pub trait KeySource<K>: Send + Sync {
    /// The keys to verify with. A source that refreshes keys periodically does it here, and always returns some.
    fn live(&self, invocation: &Invocation) -> impl Future<Output = Arc<K>> + Send;

    /// The keys that may have replaced `unfit`, which failed with this error. `None`: there are no others.
    fn renewed(
        &self,
        unfit: &Arc<K>,
        error: VerifyError,
        invocation: &Invocation,
    ) -> impl Future<Output = Result<Option<Arc<K>>, KeyringError>> + Send;
}

impl<K: Send + Sync> KeySource<K> for Keyring<K> {
    async fn live(&self, _: &Invocation) -> Arc<K> {
        self.current()
    }

    /// A secret has no key id, so a signature under a rotated secret looks like a forgery.
    async fn renewed(
        &self,
        _: &Arc<K>,
        error: VerifyError,
        invocation: &Invocation,
    ) -> Result<Option<Arc<K>>, KeyringError> {
        match error {
            VerifyError::BadSignature => self.refreshed(invocation.now).await,
            VerifyError::Missing
            | VerifyError::Malformed
            | VerifyError::Stale
            | VerifyError::UnknownKey
            | VerifyError::BodyOnly => Ok(None),
        }
    }
}
