//! A static key in `Authorization: Bearer …`, for senders that sign nothing. It proves who sends, and covers no byte of
//! the body.
//!
//! The key itself must not be kept with a body, so a kept body has a seal in its place: its HMAC-SHA256 under a key that
//! follows from the sender's. A row that another program has written therefore has none that fits.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::{Secret, SecretError, Secrets, Strength, Verified, VerifyError, hex};

const SCHEME: &str = "Bearer ";
/// What the key of seals is derived from, so that a seal is no HMAC that another scheme makes.
const SEALS: &[u8] = b"hookledger: seal of a kept body";

/// People choose these keys, so their [`Strength`] is checked.
#[derive(Debug)]
pub struct Keys(Secrets);

impl Keys {
    pub fn parse(setting: &str, strength: Strength) -> Result<Self, SecretError> {
        Secrets::parse(setting, |text| Secret::from_text(text, strength)).map(Self)
    }

    /// Whether [`Strength::Deployed`] would refuse one of these keys; always false under [`Strength::Deployed`].
    pub fn weak(&self) -> bool {
        self.0.weak()
    }
}

/// Seals what is kept of a delivery. Only a delivery under a live key has one.
#[derive(Clone)]
pub(crate) struct Sealer(Zeroizing<Vec<u8>>);

impl Sealer {
    fn of(secret: &Secret) -> Self {
        Self(Zeroizing::new(secret.mac().chain_update(SEALS).finalize().into_bytes().to_vec()))
    }

    pub(crate) fn seal(&self, body: &[u8]) -> String {
        hex::write(&self.mac(body).finalize().into_bytes())
    }

    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length (RFC 2104), so this cannot fail")]
    fn mac(&self, body: &[u8]) -> Hmac<Sha256> {
        Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length").chain_update(body)
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealer(redacted)")
    }
}

/// Compares the key with every live one, in a time that depends on neither.
pub fn verify<'r>(keys: &Keys, authorization: &str, body: &'r [u8]) -> Result<Verified<'r>, VerifyError> {
    let key = authorization.strip_prefix(SCHEME).filter(|key| !key.is_empty()).ok_or(VerifyError::Malformed)?;
    let same =
        keys.0.all().fold(None, |found, secret| if is_same(secret, key.as_bytes()) { Some(secret) } else { found });
    let secret = same.ok_or(VerifyError::BadSignature)?;
    Ok(Verified { sealer: Some(Sealer::of(secret)), ..Verified::signed(body) })
}

/// Verifies a kept body by its seal. What it returns seals nothing.
pub fn verify_sealed<'r>(keys: &Keys, seal: &str, body: &'r [u8]) -> Result<Verified<'r>, VerifyError> {
    let tag = hex::read::<{ hex::TAG_BYTES }>(seal).ok_or(VerifyError::Malformed)?;
    let fits = |secret: &Secret| Sealer::of(secret).mac(body).verify_slice(&tag).is_ok();
    if keys.0.all().any(fits) { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// Both are hashed under the secret, and the hashes compared, so that neither length nor first difference shows.
fn is_same(secret: &Secret, key: &[u8]) -> bool {
    let hash = secret.mac().chain_update(secret.bytes()).finalize().into_bytes();
    secret.mac().chain_update(key).verify_slice(&hash).is_ok()
}

/// The header's value, as the sender has it.
pub fn authorization(setting: &str) -> String {
    format!("{SCHEME}{}", setting.split_ascii_whitespace().next().unwrap_or_default())
}
