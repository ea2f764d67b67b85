//! Fireblocks: its webhooks of the first version, under one key for ever, and our own requests, each with a token of its own. Webhooks
//! of the second version are a [`crate::jws`].

mod token;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::rsa::{Hash, PrivateKey, PublicKey};
use crate::{SecretError, Verified, VerifyError};

pub use token::{TOKEN_LIFE_S, token, verify_token};

/// Of the second version: a detached JWS.
pub const SIGNATURE: &str = "fireblocks-webhook-signature";
/// Of the first version, which is given up: base64 of RSA-SHA512 over the raw body.
pub const SIGNATURE_V1: &str = "fireblocks-signature";

/// What the signature of a key of 8192 bits takes.
const SIGNATURE_CHARS_MAX: usize = 1368;

/// Which of Fireblocks' installations a workspace is on. Each signs with its own key.
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

    /// The key of its webhooks of the first version, as Fireblocks' documentation has it.
    pub fn key_v1(self) -> Result<PublicKey, SecretError> {
        PublicKey::parse(match self {
            Self::Us => include_str!("fireblocks/us.pem"),
            Self::Eu => include_str!("fireblocks/eu.pem"),
            Self::Sandbox => include_str!("fireblocks/sandbox.pem"),
        })
    }
}

/// A webhook of the first version. Nothing in it says when it was sent.
pub fn verify_v1<'r>(key: &PublicKey, signature: &str, body: &'r [u8]) -> Result<Verified<'r>, VerifyError> {
    let is_long = signature.len() > SIGNATURE_CHARS_MAX;
    let signature = STANDARD.decode(signature).ok().filter(|_| !is_long).ok_or(VerifyError::Malformed)?;
    let is_signed = key.verifies(Hash::Sha512, body, &signature);
    if is_signed { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// As Fireblocks signs a webhook of the first version.
pub fn sign_v1(key: &PrivateKey, body: &[u8]) -> String {
    STANDARD.encode(key.sign(Hash::Sha512, body))
}
