//! WeChat Pay's APIv3: RSA over time, nonce and raw body, under the key that a serial names; and inside, sealed with a key that only
//! the two sides have, what it is about. WeChat signs its notifications and its answers, and we our requests, in the same way.

mod sealed;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::freshness::is_fresh;
use crate::rsa::{Hash, PrivateKey, PublicKey};
use crate::{SecretError, Verified, VerifyError};

pub use sealed::{ApiKeys, Seal};

pub const TIMESTAMP: &str = "wechatpay-timestamp";
pub const NONCE: &str = "wechatpay-nonce";
pub const SIGNATURE: &str = "wechatpay-signature";
pub const SERIAL: &str = "wechatpay-serial";
/// Absent, it means [`RSA_SHA256`].
pub const SIGNATURE_TYPE: &str = "wechatpay-signature-type";

/// The one kind of signature that is taken, whatever else WeChat has.
pub const RSA_SHA256: &str = "WECHATPAY2-SHA256-RSA2048";

/// What WeChat's own libraries allow. Every attempt is signed anew.
pub const TOLERANCE_S: i64 = 300;

/// A certificate and the next one, a public key and the next one, and as many again.
pub const MAX_PLATFORM_KEYS: usize = 8;

/// How a public key is named that is no certificate.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";
const TIMESTAMP_DIGITS: usize = 10;
/// Twice what WeChat sends.
const NONCE_CHARS_MAX: usize = 64;

/// WeChat's public keys, each by the name that signatures have for it.
#[derive(Debug)]
pub struct PlatformKeys(Vec<(String, PublicKey)>);

impl PlatformKeys {
    /// Any number of certificates in PEM, which say their serial themselves, and of public keys, each after its `PUB_KEY_ID_…` and a
    /// space: in PEM, or in nothing but base64.
    pub fn parse(setting: &str) -> Result<Self, SecretError> {
        crate::refuse_placeholder(setting)?;
        let (mut keys, mut rest) = (Vec::new(), setting.trim_start());
        while !rest.is_empty() {
            let key;
            (key, rest) = one_key(rest)?;
            keys.push(key);
            if keys.len() > MAX_PLATFORM_KEYS {
                return Err(SecretError::TooMany { max: MAX_PLATFORM_KEYS });
            }
        }
        Ok(Self(keys))
    }

    /// Only what is configured is looked at: a serial is a name here, and never a path or an address.
    fn named(&self, serial: &str) -> Option<&PublicKey> {
        self.0.iter().find(|(name, _)| name == serial).map(|(_, key)| key)
    }
}

fn one_key(text: &str) -> Result<((String, PublicKey), &str), SecretError> {
    const EXPECTED: SecretError =
        SecretError::NotAKey { expected: "certificates, and public keys each after its PUB_KEY_ID_" };
    const END: &str = "-----END ";
    let (name, text) = if text.starts_with(PUBLIC_KEY_ID) {
        let (name, text) = text.split_once(|c: char| c.is_ascii_whitespace()).ok_or(EXPECTED)?;
        (Some(name.to_owned()), text.trim_start())
    } else {
        (None, text)
    };
    let length = if text.starts_with("-----BEGIN ") {
        let end = text.find(END).and_then(|at| at.checked_add(END.len())).ok_or(EXPECTED)?;
        let label = text.get(end..).and_then(|rest| rest.find("-----")).ok_or(EXPECTED)?;
        end.checked_add(label).and_then(|at| at.checked_add("-----".len())).ok_or(EXPECTED)?
    } else {
        text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len())
    };
    let (text, rest) = text.split_at_checked(length).ok_or(EXPECTED)?;
    let key = PublicKey::parse(text)?;
    // A certificate goes by its own serial, and a bare key by nothing but the name that was given to it.
    let name = match (name, key.serial()) {
        (Some(name), None) => name,
        (None, Some(serial)) => serial.to_owned(),
        (Some(_), Some(_)) | (None, None) => return Err(EXPECTED),
    };
    Ok(((name, key), rest.trim_start()))
}

/// The values as they arrived, each header present exactly once.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    pub timestamp: &'a str,
    pub nonce: &'a str,
    pub signature: &'a str,
    pub serial: &'a str,
    pub signature_type: Option<&'a str>,
}

/// Without the signature: with the body, it is good for another delivery until it is stale.
impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers")
            .field("timestamp", &self.timestamp)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// A notification: signed, and what is sealed in it opened. That is what is handed on.
pub fn verify(
    platform: &PlatformKeys,
    keys: &ApiKeys,
    headers: Headers<'_>,
    body: &[u8],
    now_unix_s: i64,
) -> Result<Verified<'static>, VerifyError> {
    let envelope = verify_answer(platform, headers, body, now_unix_s)?;
    keys.open(envelope.bytes()).map(Verified::opened)
}

/// The answer to a request of ours, which nothing seals.
pub fn verify_answer<'r>(
    platform: &PlatformKeys,
    headers: Headers<'_>,
    body: &'r [u8],
    now_unix_s: i64,
) -> Result<Verified<'r>, VerifyError> {
    let Headers { timestamp, nonce, signature, serial, signature_type } = headers;
    if signature_type.is_some_and(|kind| kind != RSA_SHA256) || !is_nonce(nonce) {
        return Err(VerifyError::Malformed);
    }
    let sent_unix_s = unix_seconds(timestamp).ok_or(VerifyError::Malformed)?;
    // WeChat probes whether a receiver verifies at all with signatures that begin with WECHATPAY/SIGNTEST/. None is base64, and
    // each is as bad as any other.
    let signature = STANDARD.decode(signature).map_err(|_| VerifyError::BadSignature)?;
    if !is_fresh(sent_unix_s, now_unix_s, TOLERANCE_S) {
        return Err(VerifyError::Stale);
    }
    let key = platform.named(serial).ok_or(VerifyError::BadSignature)?;
    let is_signed = key.verifies(Hash::Sha256, &message(&[timestamp, nonce], body), &signature);
    if is_signed { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// As WeChat signs notifications and answers.
pub fn sign(key: &PrivateKey, timestamp_unix_s: i64, nonce: &str, body: &[u8]) -> String {
    STANDARD.encode(key.sign(Hash::Sha256, &message(&[&timestamp_unix_s.to_string(), nonce], body)))
}

/// Whose request it is: the merchant, and the serial of the certificate to its key.
#[derive(Debug, Clone, Copy)]
pub struct Merchant<'m> {
    pub mch_id: &'m str,
    pub serial: &'m str,
    pub key: &'m PrivateKey,
}

/// The `Authorization` of a request of ours. `path` is with its query.
pub fn authorization(
    merchant: Merchant<'_>,
    method: &str,
    path: &str,
    body: &str,
    nonce: &str,
    now_unix_s: i64,
) -> String {
    let now = now_unix_s.to_string();
    let signed = merchant.key.sign(Hash::Sha256, &message(&[method, path, &now, nonce], body.as_bytes()));
    let (Merchant { mch_id, serial, .. }, signature) = (merchant, STANDARD.encode(signed));
    format!(
        "{RSA_SHA256} mchid=\"{mch_id}\",nonce_str=\"{nonce}\",signature=\"{signature}\",timestamp=\"{now}\",serial_no=\"{serial}\""
    )
}

/// What the buyer's app hands to WeChat to begin paying.
pub fn sign_pay(key: &PrivateKey, app_id: &str, time_stamp: &str, nonce: &str, package: &str) -> String {
    STANDARD.encode(key.sign(Hash::Sha256, &message(&[app_id, time_stamp, nonce], package.as_bytes())))
}

/// Each on a line of its own, the last one too.
fn message(lines: &[&str], last: &[u8]) -> Vec<u8> {
    let mut message = Vec::new();
    for line in lines.iter().map(|line| line.as_bytes()).chain([last]) {
        message.extend_from_slice(line);
        message.push(b'\n');
    }
    message
}

fn unix_seconds(text: &str) -> Option<i64> {
    if text.len() == TIMESTAMP_DIGITS { crate::freshness::unix_seconds(text) } else { None }
}

/// No line break could move what is signed from one line to another.
fn is_nonce(nonce: &str) -> bool {
    (1..=NONCE_CHARS_MAX).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
