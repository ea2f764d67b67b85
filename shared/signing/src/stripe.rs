//! Stripe webhook signatures: `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>...]`, HMAC-SHA256 of `t.body` in
//! lower-case hexadecimal. Unlike in Standard Webhooks, the key is the whole text of the secret, including `whsec_`.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::freshness::{is_fresh, unix_seconds};
use crate::secret::WHSEC;
use crate::{Secret, SecretError, Secrets, Strength, Verified, VerifyError, hex};

pub const HEADER: &str = "stripe-signature";

/// The tolerance of Stripe's own libraries. Stripe signs each attempt again, so this does not shorten the time in which
/// it retries.
pub const TOLERANCE_S: i64 = 300;

/// While a secret is rolled, Stripe signs with each live one. Each signature is compared under each of our keys.
pub const MAX_SIGNATURES: usize = 16;

/// More than three times the length of [`MAX_SIGNATURES`] signatures and a time.
pub const MAX_HEADER_BYTES: usize = 4096;

/// Stripe generates strong secrets. [`Strength`] is for secrets that people choose for local tests.
#[derive(Debug)]
pub struct Keys(Secrets);

impl Keys {
    pub fn parse(setting: &str, strength: Strength) -> Result<Self, SecretError> {
        Secrets::parse(setting, |text| read(text, strength)).map(Self)
    }

    /// Whether [`Strength::Deployed`] would refuse one of these keys; always false under [`Strength::Deployed`].
    pub fn weak(&self) -> bool {
        self.0.weak()
    }
}

/// `header` is the value of the only such header. Two joined values contain two times and are malformed.
pub fn verify<'r>(
    keys: &Keys,
    header: &str,
    body: &'r [u8],
    now_unix_s: i64,
    tolerance_s: i64,
) -> Result<Verified<'r>, VerifyError> {
    let SignatureHeader { sent, sent_unix_s, tags } = SignatureHeader::read(header).ok_or(VerifyError::Malformed)?;
    if tags.is_empty() {
        return Err(VerifyError::BadSignature);
    }
    if !is_fresh(sent_unix_s, now_unix_s, tolerance_s) {
        return Err(VerifyError::Stale);
    }
    let matches = |secret: &Secret| {
        let mac = signed(secret, sent, body);
        tags.iter().any(|tag| mac.clone().verify_slice(tag).is_ok())
    };
    if keys.0.all().any(matches) { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// Returns the value of [`HEADER`].
pub fn sign(keys: &Keys, body: &[u8], now_unix_s: i64) -> String {
    let sent = now_unix_s.to_string();
    let tag = signed(keys.0.first(), &sent, body).finalize().into_bytes();
    format!("t={sent},v1={}", hex::write(&tag))
}

fn read(text: &str, strength: Strength) -> Result<Secret, SecretError> {
    if text.starts_with(WHSEC) { Secret::from_text(text, strength) } else { Err(SecretError::NoPrefix) }
}

/// The time and the signatures of the header.
struct SignatureHeader<'h> {
    /// The text as received, since the signature covers it.
    sent: &'h str,
    sent_unix_s: i64,
    tags: Vec<[u8; hex::TAG_BYTES]>,
}

impl<'h> SignatureHeader<'h> {
    /// Only `v1` counts: Stripe adds a `v0` without meaning to test events, for verifiers that accept any scheme. An
    /// unreadable `v1` is skipped, since one valid signature is enough.
    fn read(header: &'h str) -> Option<Self> {
        // Stripe writes no space. A space after a comma shows that a proxy joined two headers.
        if header.len() > MAX_HEADER_BYTES || !header.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (mut time, mut tags) = (None, Vec::new());
        for item in header.split(',') {
            match item.split_once('=')? {
                ("t", _) if time.is_some() => return None,
                ("t", sent) => time = Some((sent, unix_seconds(sent)?)),
                ("v1", tag) if tags.len() < MAX_SIGNATURES => tags.extend(hex::read(tag)),
                _ => {}
            }
        }
        time.map(|(sent, sent_unix_s)| Self { sent, sent_unix_s, tags })
    }
}

fn signed(secret: &Secret, sent: &str, body: &[u8]) -> Hmac<Sha256> {
    secret.mac().chain_update(sent).chain_update(".").chain_update(body)
}
