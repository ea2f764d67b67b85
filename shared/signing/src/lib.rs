//! Bytes, keys and the time in; proof of who sent them out.
//!
//! One file a scheme: [`epay`], [`fireblocks`], [`forwarder`], [`hmac_hex`], [`jws`], [`standard_webhooks`], [`stripe`], [`wechat_v3`], [`wechat_v2`]. A setting becomes the
//! `Keys` of one: one or more live [`Secret`]s, the first of which signs while all of them verify, so that a secret is rotated
//! without a gap. How good a secret must be depends on the [`Strength`] asked for; a setting that cannot be one is a [`SecretError`]
//! at start, never a signature that goes unchecked. Schemes of key pairs take theirs from [`rsa`]. What a verifier accepts it
//! returns as [`Verified`]; what it refuses is a [`VerifyError`].
//!
//! Nothing here does I/O or reads the clock or the environment; and of a body no more is read than its scheme signs by itself.

mod der;
pub mod epay;
pub mod fireblocks;
pub mod forwarder;
mod freshness;
mod hex;
pub mod hmac_hex;
pub mod jws;
pub mod rsa;
mod secret;
pub mod standard_webhooks;
pub mod stripe;
pub mod wechat_v2;
pub mod wechat_v3;

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

pub use secret::{MAX_LIVE_SECRETS, MIN_SECRET_CHARS, Secret, SecretError, Secrets, Strength, refuse_placeholder};

/// The very bytes that were signed, or what they held sealed. Only the verifiers of this crate make one:
///
/// ```compile_fail,E0451
/// let forged = signing::Verified { bytes: b"{}".into() };
/// ```
#[must_use = "these bytes were verified in order to be parsed"]
#[derive(Clone)]
pub struct Verified<'r> {
    bytes: Cow<'r, [u8]>,
    is_body_only: bool,
}

impl<'r> Verified<'r> {
    /// Bytes that a provider's own API gave when it was asked, under our key, at its own address, over TLS: nobody signed them, and
    /// nobody else can have said them. `tests/src/house.rs` knows the one file that may say this.
    pub fn when_asked(bytes: &'r [u8]) -> Self {
        Self::signed(bytes)
    }

    fn signed(bytes: &'r [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), is_body_only: false }
    }

    /// An HMAC of these bytes and of nothing else.
    fn body_only(bytes: &'r [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), is_body_only: true }
    }

    /// What was sealed for us alone.
    fn opened(bytes: Vec<u8>) -> Self {
        Self { bytes: Cow::Owned(bytes), is_body_only: false }
    }

    /// Whether the proof was an HMAC of the body alone: it has no time, so whoever has seen it can send it again for ever.
    pub fn is_body_only(&self) -> bool {
        self.is_body_only
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({} bytes)", self.bytes.len())
    }
}

/// Why bytes were not believed. Says nothing about which key or which byte: a sender who may hear that can search for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// For the caller to say, who knows the headers: an empty value that was sent is `Malformed`.
    #[error("the signature is missing")]
    Missing,
    #[error("the signature is malformed")]
    Malformed,
    #[error("the signature's time is too far from ours")]
    Stale,
    #[error("the signature was not made over these bytes with a key of ours")]
    BadSignature,
    /// It names a key that was not published when we looked last.
    #[error("the signature names a key that is not known")]
    UnknownKey,
    /// The signature is right, and this deployment takes none that has no time.
    #[error("the signature covers the body alone")]
    BodyOnly,
}

impl VerifyError {
    /// The value of a metric's dimension: dashboards and alarms know it by this text.
    pub fn label(self) -> &'static str {
        match self {
            Self::Missing => "missing_signature",
            Self::Malformed => "malformed_signature",
            Self::Stale => "stale_signature",
            Self::BadSignature => "bad_signature",
            Self::UnknownKey => "unknown_key",
            Self::BodyOnly => "body_only_signature",
        }
    }
}

#[cfg(test)]
mod tests;
