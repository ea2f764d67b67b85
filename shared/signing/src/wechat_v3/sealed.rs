//! Encryption of WeChat Pay APIv3 notifications: AES-256-GCM under a key of 32 characters, with a nonce and associated
//! data.

use std::borrow::Cow;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};

use crate::{Secret, SecretError, Secrets, Strength, VerifyError};

const ALGORITHM: &str = "AEAD_AES_256_GCM";
const KEY_BYTES: usize = 32;

/// The merchant's APIv3 keys: the first encrypts, all decrypt.
#[derive(Debug)]
pub struct ApiKeys(Secrets);

impl ApiKeys {
    pub fn parse(setting: &str) -> Result<Self, SecretError> {
        Secrets::parse(setting, |text| {
            let bytes = text.len();
            if bytes != KEY_BYTES {
                return Err(SecretError::WrongLength { bytes, min: KEY_BYTES, max: KEY_BYTES });
            }
            Secret::from_text(text, Strength::Deployed)
        })
        .map(Self)
    }

    /// Decrypts the resource of a notification. Nothing of the plain text is read before its tag is verified.
    pub(super) fn open(&self, notification: &[u8]) -> Result<Vec<u8>, VerifyError> {
        let envelope: Envelope<'_> = serde_json::from_slice(notification).map_err(|_| VerifyError::Malformed)?;
        let resource = envelope.resource;
        if resource.algorithm != ALGORITHM {
            return Err(VerifyError::Malformed);
        }
        let sealed = STANDARD.decode(&*resource.ciphertext).map_err(|_| VerifyError::Malformed)?;
        let nonce: [u8; NONCE_LEN] = resource.nonce.as_bytes().try_into().map_err(|_| VerifyError::Malformed)?;
        let aad = resource.associated_data.unwrap_or_default();
        let opened = self.0.all().find_map(|key| {
            let (mut bytes, key) = (sealed.clone(), aead(key)?);
            let nonce = Nonce::assume_unique_for_key(nonce);
            let length = key.open_in_place(nonce, Aad::from(aad.as_bytes()), &mut bytes).ok()?.len();
            bytes.truncate(length);
            Some(bytes)
        });
        opened.ok_or(VerifyError::BadSignature)
    }

    /// Encrypts as WeChat does for a notification. `None` if the nonce does not have the required length.
    pub fn seal<'s>(&self, plain: &[u8], nonce: &'s str, associated_data: &'s str) -> Option<Seal<'s>> {
        let mut bytes = plain.to_vec();
        let unique = Nonce::try_assume_unique_for_key(nonce.as_bytes()).ok()?;
        let aad = Aad::from(associated_data.as_bytes());
        aead(self.0.first())?.seal_in_place_append_tag(unique, aad, &mut bytes).ok()?;
        let original_type = associated_data;
        Some(Seal { original_type, algorithm: ALGORITHM, ciphertext: STANDARD.encode(bytes), associated_data, nonce })
    }
}

fn aead(key: &Secret) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key.bytes()).ok().map(LessSafeKey::new)
}

/// The `resource` of a notification, to be serialized.
#[derive(Serialize)]
pub struct Seal<'s> {
    original_type: &'s str,
    algorithm: &'s str,
    ciphertext: String,
    associated_data: &'s str,
    nonce: &'s str,
}

impl fmt::Debug for Seal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seal({})", self.original_type)
    }
}

/// The derived parser refuses a repeated name.
#[derive(Deserialize)]
struct Envelope<'b> {
    #[serde(borrow)]
    resource: Resource<'b>,
}

#[derive(Deserialize)]
struct Resource<'b> {
    #[serde(borrow)]
    algorithm: Cow<'b, str>,
    #[serde(borrow)]
    ciphertext: Cow<'b, str>,
    #[serde(borrow)]
    nonce: Cow<'b, str>,
    #[serde(borrow)]
    associated_data: Option<Cow<'b, str>>,
}
