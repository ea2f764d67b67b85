//! Our own container in WeChat's cloud: the calls that we make through it, its answers to them, and the callbacks that it forwards.
//!
//! All three are HMAC-SHA256, in lower-case hexadecimal, of lines that end in the body. The first line says which of the three it is, so
//! that none can pass for another. The key is made of the shared secret, so that an HMAC which the same secret makes elsewhere is none
//! here. An answer repeats the nonce of its call: it is good for that call alone.

use std::fmt;

use hmac::{Hmac, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::freshness::{is_fresh, unix_seconds};
use crate::{Secret, SecretError, Secrets, Strength, Verified, VerifyError, hex};

/// Of a call, `Forwarder <unix seconds> <nonce> <signature>`.
pub const AUTHORIZATION: &str = "authorization";

/// Of an answer and of a callback, `<unix seconds> <nonce> <signature>`.
pub const SIGNATURE: &str = "x-forwarder-signature";

/// What a clock may be off, either way.
pub const TOLERANCE_S: i64 = 300;

/// How the value of [`AUTHORIZATION`] begins.
const SCHEME: &str = "Forwarder ";

/// What the key is made of, beside the secret.
const PURPOSE: &str = "hookledger-forwarder-v1";

/// 64 bits of hexadecimal digits at least; at most what any library makes.
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

#[derive(Debug)]
pub struct Keys(Secrets);

impl Keys {
    pub fn parse(setting: &str, strength: Strength) -> Result<Self, SecretError> {
        Secrets::parse(setting, |text| Secret::as_written(text, strength)).map(Self)
    }
}

/// A call as it is sent. `path` is what follows the forwarder's own address, with no query.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    pub path: &'c str,
    pub body: &'c [u8],
}

/// Without the body.
impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

/// The value of [`AUTHORIZATION`]. The nonce must be used once.
pub fn sign_call(keys: &Keys, call: Call<'_>, nonce: &str, now_unix_s: i64) -> String {
    format!("{SCHEME}{}", token(keys, now_unix_s, nonce, |time| of_call(call, time, nonce)))
}

/// The nonce of a call, for its answer.
pub fn verify_call<'a>(
    keys: &Keys,
    call: Call<'_>,
    authorization: &'a str,
    now_unix_s: i64,
) -> Result<&'a str, VerifyError> {
    let token = Token::read(authorization.strip_prefix(SCHEME).ok_or(VerifyError::Malformed)?)?;
    token.verify(keys, &of_call(call, token.time, token.nonce), now_unix_s)?;
    Ok(token.nonce)
}

/// The value of [`SIGNATURE`] on the answer to the call with this nonce.
pub fn sign_answer(keys: &Keys, nonce: &str, status: u16, body: &[u8], now_unix_s: i64) -> String {
    token(keys, now_unix_s, nonce, |time| of_answer(status, time, nonce, body))
}

/// `nonce` is that of our call: what answers another call says nothing about ours.
pub fn verify_answer<'r>(
    keys: &Keys,
    nonce: &str,
    status: u16,
    body: &'r [u8],
    signature: &str,
    now_unix_s: i64,
) -> Result<Verified<'r>, VerifyError> {
    let token = Token::read(signature)?;
    token.verify(keys, &of_answer(status, token.time, token.nonce, body), now_unix_s)?;
    if token.nonce == nonce { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// The value of [`SIGNATURE`] on a callback of WeChat's that is forwarded.
pub fn sign_callback(keys: &Keys, nonce: &str, body: &[u8], now_unix_s: i64) -> String {
    token(keys, now_unix_s, nonce, |time| of_callback(time, nonce, body))
}

/// A callback may be repeated within the time that it is fresh: what it tells of is booked once.
pub fn verify_callback<'r>(
    keys: &Keys,
    body: &'r [u8],
    signature: &str,
    now_unix_s: i64,
) -> Result<Verified<'r>, VerifyError> {
    let token = Token::read(signature)?;
    token.verify(keys, &of_callback(token.time, token.nonce, body), now_unix_s)?;
    Ok(Verified::signed(body))
}

fn of_call(call: Call<'_>, time: &str, nonce: &str) -> Vec<u8> {
    lines(&["call", call.method, call.path, time, nonce], call.body)
}

fn of_answer(status: u16, time: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    lines(&["answer", &status.to_string(), time, nonce], body)
}

fn of_callback(time: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    lines(&["callback", time, nonce], body)
}

/// No part but the last may hold a line's end: the number of lines before the body follows from the first.
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
