//! Where a function's keys come from while it runs.

use std::sync::Arc;

use signing::VerifyError;

use crate::{Invocation, Keyring, KeyringError};

/// The live keys of a function: secrets of its own ([`Keyring`]), or what somebody else publishes.
pub trait KeySource<K>: Send + Sync {
    /// Those to verify with. Whoever has to look for them now and then does it here, and has some in any case.
    fn live(&self, invocation: &Invocation) -> impl Future<Output = Arc<K>> + Send;

    /// Those that may have replaced `unfit`, with which it came to this error. `None`: there are no others.
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

    /// A secret has no name: one that was replaced looks like a forgery.
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
