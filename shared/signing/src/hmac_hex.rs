//! HMAC-SHA256 of the raw body, in lower-case hexadecimal, with the secret's own characters as the key. New-api's
//! `X-Webhook-Signature`. It covers no time and no id: what is inside the body must stop a replay.

use hmac::Mac as _;
use zeroize::Zeroizing;

use crate::{MIN_SECRET_CHARS, Secret, SecretError, Secrets, Strength, Verified, VerifyError};

const TAG_BYTES: usize = 32;

/// Keys that people choose, so their [`Strength`] is checked.
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

pub fn verify<'r>(keys: &Keys, body: &'r [u8], signature: &str) -> Result<Verified<'r>, VerifyError> {
    let tag = tag(signature).ok_or(VerifyError::Malformed)?;
    let matches = |secret: &Secret| secret.mac().chain_update(body).verify_slice(&tag).is_ok();
    if keys.0.all().any(matches) { Ok(Verified { bytes: body }) } else { Err(VerifyError::BadSignature) }
}

pub fn sign(keys: &Keys, body: &[u8]) -> String {
    let tag = keys.0.first().mac().chain_update(body).finalize().into_bytes();
    tag.iter()
        .flat_map(|byte| [byte >> 4, byte & 0x0f])
        .filter_map(|digit| char::from_digit(u32::from(digit), 16))
        .collect()
}

fn read(text: &str, strength: Strength) -> Result<Secret, SecretError> {
    let chars = text.chars().count();
    let weak = chars < MIN_SECRET_CHARS;
    match strength {
        Strength::Deployed if weak => Err(SecretError::TooShort { chars, min: MIN_SECRET_CHARS }),
        Strength::Deployed | Strength::Local => Ok(Secret::new(Zeroizing::new(text.as_bytes().to_vec()), weak)),
    }
}

/// Exactly `^[0-9a-f]{64}$`. One spelling for one tag: two headers joined by a comma, or a value that somebody has trimmed or
/// re-cased on the way, are not what the sender wrote.
fn tag(signature: &str) -> Option<[u8; TAG_BYTES]> {
    let (pairs, []) = signature.as_bytes().as_chunks::<2>() else {
        return None;
    };
    if pairs.len() != TAG_BYTES {
        return None;
    }
    let mut tag = [0; TAG_BYTES];
    for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
        *byte = (digit(*high)? << 4) | digit(*low)?;
    }
    Some(tag)
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => character.checked_sub(b'0'),
        b'a'..=b'f' => character.checked_sub(b'a' - 10),
        _ => None,
    }
}
