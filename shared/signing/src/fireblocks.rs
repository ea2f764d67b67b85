//! Fireblocks: webhook signatures of version 1, under one permanent key, and the tokens of our own API requests.
//! Webhooks of version 2 are signed with a [`crate::jws`].

mod token;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rsa::{Hash, PrivateKey, PublicKey};
use crate::{SecretError, Verified, VerifyError};

pub use token::{TOKEN_LIFE_S, token, verify_token};

/// Version 2: a detached JWS.
pub const SIGNATURE: &str = "fireblocks-webhook-signature";
/// Version 1, which Fireblocks is retiring: base64 of RSA-SHA512 over the raw body.
pub const SIGNATURE_V1: &str = "fireblocks-signature";

/// The base64 length of a signature by an 8192-bit key.
const SIGNATURE_CHARS_MAX: usize = 1368;

/// The Fireblocks environment of a workspace. Each signs with its own key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Environment {
    Us,
    Eu,
    Sandbox,
}

impl Environment {
    pub const ALL: [Self; 3] = [Self::Us, Self::Eu, Self::Sandbox];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Us => "us",
            Self::Eu => "eu",
            Self::Sandbox => "sandbox",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|environment| environment.as_str() == name)
    }

    /// The version 1 webhook key of this environment, from Fireblocks' documentation.
    pub fn key_v1(self) -> Result<PublicKey, SecretError> {
        PublicKey::parse(match self {
            Self::Us => include_str!("fireblocks/us.pem"),
            Self::Eu => include_str!("fireblocks/eu.pem"),
            Self::Sandbox => include_str!("fireblocks/sandbox.pem"),
        })
    }
}

/// Verifies a version 1 webhook. The signature covers no time, so replays verify.
pub fn verify_v1<'r>(key: &PublicKey, signature: &str, body: &'r [u8]) -> Result<Verified<'r>, VerifyError> {
    let is_too_long = signature.len() > SIGNATURE_CHARS_MAX;
    let signature = STANDARD.decode(signature).ok().filter(|_| !is_too_long).ok_or(VerifyError::Malformed)?;
    let is_valid = key.verifies(Hash::Sha512, body, &signature);
    if is_valid { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// Signs as Fireblocks does for a version 1 webhook.
pub fn sign_v1(key: &PrivateKey, body: &[u8]) -> String {
    STANDARD.encode(key.sign(Hash::Sha512, body))
}
