//! Stripe's `Stripe-Signature: t=<unix seconds>,v1=<hex>[,v1=<hex>...]`: HMAC-SHA256 of `t.body`, in lower-case hexadecimal.
//! Looks like Standard Webhooks and is not: the key is the whole secret, `whsec_` included, as it is written.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::freshness::{is_fresh, unix_seconds};
use crate::secret::WHSEC;
use crate::{Secret, SecretError, Secrets, Strength, Verified, VerifyError, hex};

pub const HEADER: &str = "stripe-signature";

/// What Stripe's own libraries allow. Every attempt is signed anew, so that it does not cut retries short.
pub const TOLERANCE_S: i64 = 300;

/// Stripe signs with each secret that is live while one is rolled. Each is compared under each of our keys.
pub const MAX_SIGNATURES: usize = 16;

/// More than three times what [`MAX_SIGNATURES`] and a time need.
pub const MAX_HEADER_BYTES: usize = 4096;

/// Stripe's own secrets are strong. The [`Strength`] is for those that people make up to try things out.
#[derive(Debug)]
pub struct Keys(Secrets);

impl Keys {
    pub fn parse(setting: &str, strength: Strength) -> Result<Self, SecretError> {
        Secrets::parse(setting, |text| read(text, strength)).map(Self)
    }

    /// Whether a deployment would have refused one of these; always false under [`Strength::Deployed`].
    pub fn weak(&self) -> bool {
        self.0.weak()
    }
}

/// `header` is the one value that was sent. Two of them joined into one have two times, and that is malformed.
pub fn verify<'r>(
    keys: &Keys,
    header: &str,
    body: &'r [u8],
    now_unix_s: i64,
    tolerance_s: i64,
) -> Result<Verified<'r>, VerifyError> {
    let Offered { sent, sent_unix_s, tags } = Offered::read(header).ok_or(VerifyError::Malformed)?;
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

/// The value of [`HEADER`].
pub fn sign(keys: &Keys, body: &[u8], now_unix_s: i64) -> String {
    let sent = now_unix_s.to_string();
    let tag = signed(keys.0.first(), &sent, body).finalize().into_bytes();
    format!("t={sent},v1={}", hex::write(&tag))
}

fn read(text: &str, strength: Strength) -> Result<Secret, SecretError> {
    if text.starts_with(WHSEC) { Secret::as_written(text, strength) } else { Err(SecretError::NoPrefix) }
}

/// What a header offers to compare.
struct Offered<'h> {
    /// As it is written, since that is what was signed.
    sent: &'h str,
    sent_unix_s: i64,
    tags: Vec<[u8; hex::TAG_BYTES]>,
}

impl<'h> Offered<'h> {
    /// Only `v1` counts. Stripe puts a `v0` that proves nothing into test events, for those who believe any scheme. A `v1` that
    /// cannot be read is skipped, since one good one suffices.
    fn read(header: &'h str) -> Option<Self> {
        // Stripe writes no space. One after a comma is the seam where a gateway joined two headers.
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
