//! HMAC-SHA256 of the raw body in lower-case hexadecimal, with the text of the secret as the key: the
//! `X-Webhook-Signature` of new-api. The signature covers neither time nor id, so a field of the body has to stop
//! replays.

use hmac::Mac as _;

use crate::{Secret, SecretError, Secrets, Strength, Verified, VerifyError, hex};

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

pub fn verify<'r>(keys: &Keys, body: &'r [u8], signature: &str) -> Result<Verified<'r>, VerifyError> {
    let tag = hex::read::<{ hex::TAG_BYTES }>(signature).ok_or(VerifyError::Malformed)?;
    let matches = |secret: &Secret| secret.mac().chain_update(body).verify_slice(&tag).is_ok();
    if keys.0.all().any(matches) { Ok(Verified::body_only(body)) } else { Err(VerifyError::BadSignature) }
}

pub fn sign(keys: &Keys, body: &[u8]) -> String {
    hex::write(&keys.0.first().mac().chain_update(body).finalize().into_bytes())
}
