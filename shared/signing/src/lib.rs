//! Webhook signatures: verification and signing for each provider's scheme, and API request signatures.
//!
//! One module per scheme: [`bearer`], [`epay`], [`fireblocks`], [`forwarder`], [`hmac_hex`], [`jws`],
//! [`standard_webhooks`],
//! [`stripe`], [`wechat_v3`], [`wechat_v2`]. A setting is parsed into the `Keys` of a scheme: one or more live
//! [`Secret`]s, of which the first signs and all verify, so that a secret can be rotated without downtime. [`Strength`]
//! sets how strong a secret has to be. An unusable setting is a [`SecretError`] at start, so no signature goes
//! unchecked. The schemes with key pairs use [`rsa`]. A verifier returns the accepted bytes as [`Verified`], or a
//! [`VerifyError`].
//!
//! ```
//! use signing::{Strength, VerifyError, stripe};
//!
//! let keys = stripe::Keys::parse("whsec_7c1e5b0a94d2f386b1e07a5d3c98f246", Strength::Deployed)?;
//! let (body, now_unix_s) = (br#"{"id":"evt_1"}"#, 1_767_225_600);
//! let header = stripe::sign(&keys, body, now_unix_s);
//!
//! let verified = stripe::verify(&keys, &header, body, now_unix_s, stripe::TOLERANCE_S)?;
//! assert_eq!(verified.bytes(), body);
//!
//! let replay = stripe::verify(&keys, &header, body, now_unix_s + 301, stripe::TOLERANCE_S);
//! assert_eq!(replay.err(), Some(VerifyError::Stale));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate does no I/O and reads neither the clock nor the environment. It parses no more of a body than the
//! signature scheme requires.

pub mod bearer;
mod code_pepper;
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
use std::ops::Range;

use thiserror::Error;

pub use code_pepper::CodePepper;
pub use secret::{MAX_LIVE_SECRETS, MIN_SECRET_CHARS, Secret, SecretError, Secrets, Strength, refuse_placeholder};

/// Bytes whose signature is verified, or the plain text that they decrypt to. Only the verifiers of this crate create
/// one:
///
/// ```compile_fail,E0451
/// let forged = signing::Verified { bytes: b"{}".into() };
/// ```
#[must_use = "parse the verified bytes, not the request's"]
#[derive(Clone)]
pub struct Verified<'r> {
    bytes: Cow<'r, [u8]>,
    is_body_only: bool,
    /// Of a delivery whose key must not be kept with it.
    sealer: Option<bearer::Sealer>,
}

impl<'r> Verified<'r> {
    /// Bytes from a provider's own API, which answered our query under our key, at its own address, over TLS. They
    /// carry no signature; the authenticated connection is the proof. `tests/src/house.rs` allows a single file to call
    /// this.
    pub fn from_provider_api(bytes: &'r [u8]) -> Self {
        Self::signed(bytes)
    }

    fn signed(bytes: &'r [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), is_body_only: false, sealer: None }
    }

    /// The proof is an HMAC of these bytes alone.
    fn body_only(bytes: &'r [u8]) -> Self {
        Self { bytes: Cow::Borrowed(bytes), is_body_only: true, sealer: None }
    }

    /// The plain text of a message that was encrypted for us.
    fn opened(bytes: Vec<u8>) -> Self {
        Self { bytes: Cow::Owned(bytes), is_body_only: false, sealer: None }
    }

    /// Whether the proof is an HMAC of the body alone. Such a signature has no time, so a recorded delivery can be
    /// replayed at any time.
    pub fn is_body_only(&self) -> bool {
        self.is_body_only
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A part of the bytes, which one proof covers with all others. `None` if they have no such part.
    pub fn part(&self, place: Range<usize>) -> Option<Verified<'_>> {
        let bytes = Cow::Borrowed(self.bytes.get(place)?);
        Some(Verified { bytes, is_body_only: self.is_body_only, sealer: None })
    }

    /// The seal with which bytes of this delivery are kept, in the place of its key. `None` if it is signed, or sealed.
    pub fn seal(&self, bytes: &[u8]) -> Option<String> {
        self.sealer.as_ref().map(|sealer| sealer.seal(bytes))
    }
}

impl fmt::Debug for Verified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verified({} bytes)", self.bytes.len())
    }
}

/// Why a signature was refused. It does not say which key or byte differs: a sender could use that to search for a
/// valid signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum VerifyError {
    /// For the caller, which reads the headers. A header with an empty value is `Malformed`.
    #[error("the signature is missing")]
    Missing,
    #[error("the signature is malformed")]
    Malformed,
    #[error("the signature's time is too far from ours")]
    Stale,
    #[error("the signature was not made over these bytes with a key of ours")]
    BadSignature,
    /// The key id is not among the published keys that were last fetched.
    #[error("the signature names a key that is not known")]
    UnknownKey,
    /// The signature is valid, but this deployment refuses signatures without a time.
    #[error("the signature covers the body alone")]
    BodyOnly,
}

impl VerifyError {
    /// The value of the metric's dimension, on which dashboards and alarms depend.
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
