//! WeChat Pay APIv3: RSA-SHA256 signatures over time, nonce and raw body, under the platform key that a serial names.
//! The content of a notification is encrypted with the merchant's APIv3 key. WeChat signs its notifications and its
//! answers in the same way as we sign our requests.

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
/// If absent, the type is [`RSA_SHA256`].
pub const SIGNATURE_TYPE: &str = "wechatpay-signature-type";

/// The only accepted signature type, although WeChat has others.
pub const RSA_SHA256: &str = "WECHATPAY2-SHA256-RSA2048";

/// The tolerance of WeChat's own libraries. WeChat signs each attempt again.
pub const TOLERANCE_S: i64 = 300;

/// A certificate and its successor, a public key and its successor, and room for as many again.
pub const MAX_PLATFORM_KEYS: usize = 8;

/// The id of a public key that is not a certificate starts with this.
const PUBLIC_KEY_ID: &str = "PUB_KEY_ID_";
const TIMESTAMP_DIGITS: usize = 10;
/// Twice the length of WeChat's nonces.
const NONCE_CHARS_MAX: usize = 64;

/// WeChat's public keys, each with the name that signatures use for it.
#[derive(Debug)]
pub struct PlatformKeys(Vec<(String, PublicKey)>);

impl PlatformKeys {
    /// Parses any number of certificates in PEM, which contain their own serial, and public keys, each after its
    /// `PUB_KEY_ID_…` and a space, in PEM or bare base64.
    pub fn parse(setting: &str) -> Result<Self, SecretError> {
        crate::refuse_placeholder(setting)?;
        let (mut keys, mut rest) = (Vec::new(), setting.trim_start());
        while !rest.is_empty() {
            let key;
            (key, rest) = parse_key(rest)?;
            keys.push(key);
            if keys.len() > MAX_PLATFORM_KEYS {
                return Err(SecretError::TooMany { max: MAX_PLATFORM_KEYS });
            }
        }
        Ok(Self(keys))
    }

    /// Looks only among the configured keys: a serial is a name, never a path or an address.
    fn get(&self, serial: &str) -> Option<&PublicKey> {
        self.0.iter().find(|(name, _)| name == serial).map(|(_, key)| key)
    }
}

fn parse_key(text: &str) -> Result<((String, PublicKey), &str), SecretError> {
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
    // The name of a certificate is its own serial. A bare key has only the name that the setting gives it.
    let name = match (name, key.serial()) {
        (Some(name), None) => name,
        (None, Some(serial)) => serial.to_owned(),
        (Some(_), Some(_)) | (None, None) => return Err(EXPECTED),
    };
    Ok(((name, key), rest.trim_start()))
}

/// The raw values, each from a header that the request has exactly once.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    pub timestamp: &'a str,
    pub nonce: &'a str,
    pub signature: &'a str,
    pub serial: &'a str,
    pub signature_type: Option<&'a str>,
}

/// Omits the signature: together with the body it allows a replay until it is stale.
impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Headers")
            .field("timestamp", &self.timestamp)
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// Verifies the signature of a notification and decrypts its content. [`Verified`] holds the decrypted content.
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

/// Verifies the answer to one of our requests, which is signed and not encrypted.
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
    // WeChat probes whether a receiver verifies at all, with signatures that begin with WECHATPAY/SIGNTEST/. They are
    // not base64, and count as bad signatures like any other.
    let signature = STANDARD.decode(signature).map_err(|_| VerifyError::BadSignature)?;
    if !is_fresh(sent_unix_s, now_unix_s, TOLERANCE_S) {
        return Err(VerifyError::Stale);
    }
    let key = platform.get(serial).ok_or(VerifyError::BadSignature)?;
    let is_valid = key.verifies(Hash::Sha256, &message(&[timestamp, nonce], body), &signature);
    if is_valid { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// Signs as WeChat does for notifications and answers.
pub fn sign(key: &PrivateKey, timestamp_unix_s: i64, nonce: &str, body: &[u8]) -> String {
    STANDARD.encode(key.sign(Hash::Sha256, &message(&[&timestamp_unix_s.to_string(), nonce], body)))
}

/// The merchant that signs a request, with the serial of its API certificate.
#[derive(Debug, Clone, Copy)]
pub struct Merchant<'m> {
    pub mch_id: &'m str,
    pub serial: &'m str,
    pub key: &'m PrivateKey,
}

/// Returns the `Authorization` header of one of our requests. `path` includes the query.
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

/// Returns the signature that the buyer's app passes to WeChat to start a payment.
pub fn sign_pay(key: &PrivateKey, app_id: &str, time_stamp: &str, nonce: &str, package: &str) -> String {
    STANDARD.encode(key.sign(Hash::Sha256, &message(&[app_id, time_stamp, nonce], package.as_bytes())))
}

/// Puts each part on its own line and ends the last one with a line break too.
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

/// Without this check, a line break in the nonce could move signed content from one line to another.
fn is_nonce(nonce: &str) -> bool {
    (1..=NONCE_CHARS_MAX).contains(&nonce.len()) && nonce.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
