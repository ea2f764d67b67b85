//! A detached JWS (RFC 7515, appendix F) under a key that its signer publishes: `<header>..<signature>`, over the header and the raw
//! body, each part in base64url without padding. RS512 and nothing else, whatever the header asks for.

mod published;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Deserializer, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::rsa::{Hash, PrivateKey};
use crate::{Verified, VerifyError};

pub use published::{MAX_PUBLISHED_KEYS, PUBLISHED_BYTES_MAX, PublishedKeys};

/// The one algorithm that is taken.
pub const RS512: &str = "RS512";

/// Five times what a header with an algorithm and a long name takes.
pub const HEADER_CHARS_MAX: usize = 1024;
/// What the signature of a key of 8192 bits takes.
pub const SIGNATURE_CHARS_MAX: usize = 1366;

/// `jws` as it arrived, in a header that stands once.
pub fn verify<'r>(keys: &PublishedKeys, jws: &str, body: &'r [u8]) -> Result<Verified<'r>, VerifyError> {
    let (header, signature) = jws.split_once("..").ok_or(VerifyError::Malformed)?;
    if header.len() > HEADER_CHARS_MAX || signature.len() > SIGNATURE_CHARS_MAX {
        return Err(VerifyError::Malformed);
    }
    let signature = decoded(signature).ok_or(VerifyError::Malformed)?;
    let name = Header::read(header).ok_or(VerifyError::Malformed)?.kid;
    let key = keys.named(&name).ok_or(VerifyError::UnknownKey)?;
    let is_signed = key.verifies(Hash::Sha512, &signed_text(header, body), &signature);
    if is_signed { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// As whoever has published the key under this name signs.
pub fn sign(key: &PrivateKey, kid: &str, body: &[u8]) -> String {
    #[derive(Serialize)]
    struct Written<'k> {
        alg: &'static str,
        kid: &'k str,
    }
    // Two texts are always JSON.
    let header = serde_json::to_vec(&Written { alg: RS512, kid }).unwrap_or_default();
    let header = URL_SAFE_NO_PAD.encode(header);
    let signature = key.sign(Hash::Sha512, &signed_text(&header, body));
    format!("{header}..{}", URL_SAFE_NO_PAD.encode(signature))
}

/// What the signer says of the signature. Of a key that comes along (`jwk`, `x5c`), or of where to fetch one (`jku`, `x5u`),
/// nothing is read: whoever forges a signature says that as well.
struct Header {
    kid: String,
}

impl Header {
    fn read(text: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Said {
            alg: String,
            kid: String,
            // Both change what is signed, and who does not know them must refuse them.
            #[serde(default, deserialize_with = "is_there")]
            crit: bool,
            #[serde(default, deserialize_with = "is_there")]
            b64: bool,
        }
        let json = decoded(text)?;
        // A derived struct would also take an array for an object.
        let said: Said = json.starts_with(b"{").then(|| serde_json::from_slice(&json).ok())??;
        let is_taken = said.alg == RS512 && !said.kid.is_empty() && !said.crit && !said.b64;
        is_taken.then_some(Self { kid: said.kid })
    }
}

fn is_there<'d, D: Deserializer<'d>>(deserializer: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// One spelling for the same bytes: neither padding nor a last character with bits to spare.
fn decoded(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() { None } else { URL_SAFE_NO_PAD.decode(text).ok() }
}

fn signed_text(header: &str, body: &[u8]) -> Vec<u8> {
    format!("{header}.{}", URL_SAFE_NO_PAD.encode(body)).into_bytes()
}
