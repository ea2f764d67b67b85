//! Standard Webhooks signatures, symmetric: HMAC-SHA256 of `id.timestamp.body` in base64, in a list of signatures. The
//! signature covers the id and the time as well as the body.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::freshness::{is_fresh, unix_seconds};
use crate::secret::WHSEC;
use crate::{Secret, SecretError, Secrets, Verified, VerifyError};

/// The clock tolerance of the specification, in both directions.
pub const TOLERANCE_S: i64 = 300;

/// During a rotation a sender lists two signatures, possibly in several versions. Each is compared under each live key.
pub const MAX_SIGNATURES: usize = 16;

/// Twice the room that [`MAX_SIGNATURES`] of the longest kind in use (ed25519, 92 bytes) need.
pub const MAX_SIGNATURE_HEADER_BYTES: usize = 4096;

/// The limit of an id in a journal key.
pub const MAX_ID_BYTES: usize = 128;

/// The bounds of the specification. They make each accepted secret strong, so no `Strength` is needed.
const MIN_SECRET_BYTES: usize = 24;
const MAX_SECRET_BYTES: usize = 64;

const TAG_BYTES: usize = 32;

#[derive(Debug)]
pub struct Keys(Secrets);

impl Keys {
    /// Each secret is `whsec_` followed by base64. The prefix is required: without it, the text could be the key itself
    /// or its base64, and a wrong guess would verify nothing.
    pub fn parse(setting: &str) -> Result<Self, SecretError> {
        Secrets::parse(setting, read).map(Self)
    }
}

/// The raw values, each from a header that the request has exactly once.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    pub id: &'a str,
    pub timestamp: &'a str,
    pub signature: &'a str,
}

/// Omits the signature: together with the body it allows a replay until it is stale.
impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers").field("id", &self.id).field("timestamp", &self.timestamp).finish_non_exhaustive()
    }
}

pub fn verify<'r>(
    keys: &Keys,
    headers: Headers<'_>,
    body: &'r [u8],
    now_unix_s: i64,
    tolerance_s: i64,
) -> Result<Verified<'r>, VerifyError> {
    if !is_id(headers.id) {
        return Err(VerifyError::Malformed);
    }
    let sent_unix_s = unix_seconds(headers.timestamp).ok_or(VerifyError::Malformed)?;
    let offered = tags(headers.signature)?;
    if !is_fresh(sent_unix_s, now_unix_s, tolerance_s) {
        return Err(VerifyError::Stale);
    }
    let matches = |secret: &Secret| {
        let mac = signed(secret, headers.id, headers.timestamp, body);
        offered.iter().any(|tag| mac.clone().verify_slice(tag).is_ok())
    };
    if keys.0.all().any(matches) { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

pub fn sign(keys: &Keys, id: &str, timestamp_unix_s: i64, body: &[u8]) -> String {
    let mac = signed(keys.0.first(), id, &timestamp_unix_s.to_string(), body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

fn read(text: &str) -> Result<Secret, SecretError> {
    let encoded = text.strip_prefix(WHSEC).ok_or(SecretError::NoPrefix)?;
    // The decoder's own error is dropped, since it quotes a byte of the secret.
    let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| SecretError::NotBase64)?);
    if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&bytes.len()) {
        return Err(SecretError::WrongLength { bytes: bytes.len(), min: MIN_SECRET_BYTES, max: MAX_SECRET_BYTES });
    }
    // A buffer of equal bytes does not look like one repeated character in base64.
    if bytes.iter().all(|byte| bytes.first() == Some(byte)) {
        return Err(SecretError::Placeholder);
    }
    Ok(Secret::new(bytes, false))
}

/// No dot, so that the signed text has only one split into id, timestamp and body.
fn is_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
    (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(allowed)
}

/// The `v1` signatures of the list. Other versions and damaged entries are skipped, since one valid signature is
/// enough. A header without any `v1` signature is malformed.
fn tags(header: &str) -> Result<Vec<[u8; TAG_BYTES]>, VerifyError> {
    // A second comma in an entry shows that a proxy joined two headers into one value.
    let joined = || header.split(' ').any(|entry| entry.matches(',').count() > 1);
    if header.len() > MAX_SIGNATURE_HEADER_BYTES || joined() {
        return Err(VerifyError::Malformed);
    }
    let tags: Vec<_> = header.split(' ').take(MAX_SIGNATURES).filter_map(tag).collect();
    if tags.is_empty() { Err(VerifyError::Malformed) } else { Ok(tags) }
}

fn tag(entry: &str) -> Option<[u8; TAG_BYTES]> {
    STANDARD.decode(entry.strip_prefix("v1,")?).ok()?.try_into().ok()
}

fn signed(secret: &Secret, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
    secret.mac().chain_update(id).chain_update(".").chain_update(timestamp).chain_update(".").chain_update(body)
}
