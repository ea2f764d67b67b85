//! Detached JWS (RFC 7515, appendix F) under a key from the signer's JWKS: `<header>..<signature>` over the header and
//! the raw body, each part in base64url without padding. Only RS512 is accepted, whatever algorithm the header names.

mod published;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::rsa::{Hash, PrivateKey};
use crate::{Verified, VerifyError};

pub use published::{MAX_PUBLISHED_KEYS, PUBLISHED_BYTES_MAX, PublishedKeys};

/// The only accepted algorithm.
pub const RS512: &str = "RS512";

/// Five times the length of a header with an algorithm and a long key id.
pub const HEADER_CHARS_MAX: usize = 1024;
/// The base64url length of a signature by an 8192-bit key.
pub const SIGNATURE_CHARS_MAX: usize = 1366;

/// `jws` is the raw value of a header that the request has exactly once.
pub fn verify<'r>(keys: &PublishedKeys, jws: &str, body: &'r [u8]) -> Result<Verified<'r>, VerifyError> {
    let (header, signature) = jws.split_once("..").ok_or(VerifyError::Malformed)?;
    if header.len() > HEADER_CHARS_MAX || signature.len() > SIGNATURE_CHARS_MAX {
        return Err(VerifyError::Malformed);
    }
    let signature = decoded(signature).ok_or(VerifyError::Malformed)?;
    let kid = Header::read(header).ok_or(VerifyError::Malformed)?.kid;
    let key = keys.get(&kid).ok_or(VerifyError::UnknownKey)?;
    let is_signed = key.verifies(Hash::Sha512, &signing_input(header, body), &signature);
    if is_signed { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// Signs as the owner of the published key `kid` does.
pub fn sign(key: &PrivateKey, kid: &str, body: &[u8]) -> String {
    #[derive(Serialize)]
    struct HeaderJson<'k> {
        alg: &'static str,
        kid: &'k str,
    }
    // Serializing two strings cannot fail.
    let header = serde_json::to_vec(&HeaderJson { alg: RS512, kid }).unwrap_or_default();
    let header = URL_SAFE_NO_PAD.encode(header);
    let signature = key.sign(Hash::Sha512, &signing_input(&header, body));
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The parts of the header that count. A key in the header (`jwk`, `x5c`) or the address of one (`jku`, `x5u`) is
/// ignored: an attacker who forges a signature sets those too.
struct Header {
    kid: String,
}

impl Header {
    fn read(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct HeaderJson {
            alg: String,
            kid: String,
            // Both change what is signed. RFC 7515 requires a verifier that does not support them to refuse them.
            #[serde(default, deserialize_with = "is_present")]
            crit: bool,
            #[serde(default, deserialize_with = "is_present")]
            b64: bool,
        }
        let json = decoded(text)?;
        // A derived struct would also accept an array in place of an object.
        let header: HeaderJson = json.starts_with(b"{").then(|| serde_json::from_slice(&json).ok())??;
        let is_supported = header.alg == RS512 && !header.kid.is_empty() && !header.crit && !header.b64;
        is_supported.then_some(Self { kid: header.kid })
    }
}

fn is_present<'d, D: Deserializer<'d>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// Accepts one encoding of the same bytes: no padding, and no spare bits set in the last character.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() { None } else { URL_SAFE_NO_PAD.decode(text).ok() }
}

fn signing_input(header: &str, body: &[u8]) -> Vec<u8> {
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(body)).into_bytes()
}
