//! The id of a request that changes something, which follows from its idempotency key: a repeat has the same.

use sha2::{Digest as _, Sha256};

use crate::{Owner, fingerprint};

/// 128 bits: no two keys of a shop are alike.
const DIGEST_BYTES: usize = 16;

/// All service keys of a stage share their idempotency keys: a request that is repeated with a rotated key is a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    pub fn from_key(key: &str) -> Self {
        Self::of(&format!("service#{key}"))
    }

    /// Of an owner's own request: its idempotency keys are apart from those of all others.
    pub fn of_owner(owner: &Owner, key: &str) -> Self {
        Self::of(&format!("owner#{owner}#{key}"))
    }

    fn of(key: &str) -> Self {
        let digest = Sha256::digest(key.as_bytes());
        Self(fingerprint::hex(digest.get(..DIGEST_BYTES).unwrap_or(&digest)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
