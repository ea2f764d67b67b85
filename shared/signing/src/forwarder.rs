//! Signatures between hookledger and the forwarder, our own container in WeChat's cloud: our calls through it, its
//! answers, and the WeChat callbacks that it forwards.
//!
//! All three are HMAC-SHA256 in lower-case hexadecimal over lines that end with the body. The first line names the
//! kind, so that a signature of one kind never verifies as another. The key is derived from the shared secret, so that
//! an HMAC that another scheme makes with the same secret does not verify here. An answer repeats the nonce of its call
//! and is valid for that call only.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::freshness::{is_fresh, unix_seconds};
use crate::{Secret, SecretError, Secrets, Strength, Verified, VerifyError, hex};

/// On a call: `Forwarder <unix seconds> <nonce> <signature>`.
pub const AUTHORIZATION: &str = "authorization";

/// On an answer and on a callback: `<unix seconds> <nonce> <signature>`.
pub const SIGNATURE: &str = "x-forwarder-signature";

/// The allowed difference between the two clocks, in both directions.
pub const TOLERANCE_S: i64 = 300;

/// The scheme at the start of the value of [`AUTHORIZATION`].
const SCHEME: &str = "Forwarder ";

/// Separates the derived key from other uses of the same secret.
const PURPOSE: &str = "hookledger-forwarder-v1";

/// At least 64 bits in hexadecimal; the upper bound fits the nonces of common libraries.
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

#[derive(Debug)]
pub struct Keys(Secrets);

impl Keys {
    pub fn parse(setting: &str, strength: Strength) -> Result<Self, SecretError> {
        Secrets::parse(setting, |text| Secret::from_text(text, strength)).map(Self)
    }
}

/// A signed call. `path` follows the forwarder's own address and has no query.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    pub path: &'c str,
    pub body: &'c [u8],
}

/// Omits the body.
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

/// Returns the value of [`AUTHORIZATION`]. Use each nonce only once.
pub fn sign_call(keys: &Keys, call: Call<'_>, nonce: &str, now_unix_s: i64) -> String {
    format!("{SCHEME}{}", token(keys, now_unix_s, nonce, |time| call_text(call, time, nonce)))
}

/// Returns the nonce of the call, which its answer has to repeat.
pub fn verify_call<'a>(
    keys: &Keys,
    call: Call<'_>,
    authorization: &'a str,
    now_unix_s: i64,
) -> Result<&'a str, VerifyError> {
    let token = Token::read(authorization.strip_prefix(SCHEME).ok_or(VerifyError::Malformed)?)?;
    token.verify(keys, &call_text(call, token.time, token.nonce), now_unix_s)?;
    Ok(token.nonce)
}

/// Returns the value of [`SIGNATURE`] for the answer to the call with this nonce.
pub fn sign_answer(keys: &Keys, nonce: &str, status: u16, body: &[u8], now_unix_s: i64) -> String {
    token(keys, now_unix_s, nonce, |time| answer_text(status, time, nonce, body))
}

/// `nonce` is the nonce of our call: an answer to another call proves nothing about ours.
pub fn verify_answer<'r>(
    keys: &Keys,
    nonce: &str,
    status: u16,
    body: &'r [u8],
    signature: &str,
    now_unix_s: i64,
) -> Result<Verified<'r>, VerifyError> {
    let token = Token::read(signature)?;
    token.verify(keys, &answer_text(status, token.time, token.nonce, body), now_unix_s)?;
    if token.nonce == nonce { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// Returns the value of [`SIGNATURE`] for a forwarded WeChat callback.
pub fn sign_callback(keys: &Keys, nonce: &str, body: &[u8], now_unix_s: i64) -> String {
    token(keys, now_unix_s, nonce, |time| callback_text(time, nonce, body))
}

/// A callback can be replayed while it is fresh; the journal books its event only once.
pub fn verify_callback<'r>(
    keys: &Keys,
    body: &'r [u8],
    signature: &str,
    now_unix_s: i64,
) -> Result<Verified<'r>, VerifyError> {
    let token = Token::read(signature)?;
    token.verify(keys, &callback_text(token.time, token.nonce, body), now_unix_s)?;
    Ok(Verified::signed(body))
}

fn call_text(call: Call<'_>, time: &str, nonce: &str) -> Vec<u8> {
    lines(&["call", call.method, call.path, time, nonce], call.body)
}

fn answer_text(status: u16, time: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    lines(&["answer", &status.to_string(), time, nonce], body)
}

fn callback_text(time: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    lines(&["callback", time, nonce], body)
}

/// No part except the body may contain a line break: the first line determines the number of lines before the body.
fn lines(parts: &[&str], body: &[u8]) -> Vec<u8> {
    let mut text = parts.iter().flat_map(|part| part.bytes().chain([b'\n'])).collect::<Vec<u8>>();
    text.extend_from_slice(body);
    text
}

fn token(keys: &Keys, now_unix_s: i64, nonce: &str, text: impl Fn(&str) -> Vec<u8>) -> String {
    let time = now_unix_s.to_string();
    let tag = mac(keys.0.first(), &text(&time)).finalize().into_bytes();
    format!("{time} {nonce} {}", hex::write(&tag))
}

fn mac(secret: &Secret, text: &[u8]) -> Hmac<Sha256> {
    let key = Zeroizing::new(secret.mac().chain_update(PURPOSE).finalize().into_bytes().to_vec());
    Secret::new(key, false).mac().chain_update(text)
}

struct Token<'t> {
    time: &'t str,
    sent_unix_s: i64,
    nonce: &'t str,
    tag: [u8; hex::TAG_BYTES],
}

impl<'t> Token<'t> {
    fn read(text: &'t str) -> Result<Self, VerifyError> {
        let mut parts = text.split(' ');
        let (Some(time), Some(nonce), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(VerifyError::Malformed);
        };
        let sent_unix_s = unix_seconds(time).ok_or(VerifyError::Malformed)?;
        let is_nonce = NONCE_CHARS.contains(&nonce.len())
            && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        let tag = hex::read(tag).filter(|_| is_nonce).ok_or(VerifyError::Malformed)?;
        Ok(Self { time, sent_unix_s, nonce, tag })
    }

    fn verify(&self, keys: &Keys, text: &[u8], now_unix_s: i64) -> Result<(), VerifyError> {
        if !is_fresh(self.sent_unix_s, now_unix_s, TOLERANCE_S) {
            return Err(VerifyError::Stale);
        }
        let matches = |secret: &Secret| mac(secret, text).verify_slice(&self.tag).is_ok();
        if keys.0.all().any(matches) { Ok(()) } else { Err(VerifyError::BadSignature) }
    }
}
