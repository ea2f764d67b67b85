//! The signer's published keys (JWKS, RFC 7517) by key id. They are public, so their authenticity depends on the
//! address that they were fetched from.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{RS512, decoded};
use crate::SecretError;
use crate::rsa::PublicKey;

/// The current key and the next one, with ample room for more.
pub const MAX_PUBLISHED_KEYS: usize = 16;
/// Sixteen keys of 8192 bits take half of it.
pub const PUBLISHED_BYTES_MAX: usize = 64 * 1024;

const KTY: &str = "RSA";
const USE: &str = "sig";

/// The default has no keys and so verifies nothing.
#[derive(Debug, Default)]
pub struct PublishedKeys(BTreeMap<String, PublicKey>);

impl PublishedKeys {
    /// Skips keys of other types and for other uses. One invalid RSA signing key, or two with the same key id,
    /// invalidate the whole set: it is then not the set that its owner meant to publish.
    pub fn parse(jwks: &str) -> Result<Self, SecretError> {
        const INVALID: SecretError = SecretError::NotAKey { expected: "a JWKS of RSA keys, each with its own kid" };
        let text = jwks.trim();
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        let is_object = text.starts_with('{') && text.len() <= PUBLISHED_BYTES_MAX;
        let set: Option<Set> = is_object.then(|| serde_json::from_str(text).ok()).flatten();
        let mut keys = BTreeMap::new();
        for jwk in set.ok_or(INVALID)?.keys.iter().filter(|key| key.is_signing_key()) {
            match keys.entry(jwk.kid.clone().unwrap_or_default()) {
                Entry::Vacant(entry) => entry.insert(jwk.key().ok_or(INVALID)?),
                Entry::Occupied(_) => return Err(INVALID),
            };
            if keys.len() > MAX_PUBLISHED_KEYS {
                return Err(SecretError::TooMany { max: MAX_PUBLISHED_KEYS });
            }
        }
        if keys.is_empty() { Err(SecretError::Empty) } else { Ok(Self(keys)) }
    }

    /// Writes the set as its owner publishes it.
    pub fn write(keys: &[(&str, &PublicKey)]) -> String {
        let text = |text: &str| Some(text.to_owned());
        let to_jwk = |(kid, key): &(&str, &PublicKey)| {
            let [n, e] = key.numbers().map(|number| Some(URL_SAFE_NO_PAD.encode(number)));
            Key { kty: KTY.to_owned(), kid: text(kid), alg: text(RS512), purpose: text(USE), n, e }
        };
        // Serializing strings cannot fail.
        serde_json::to_string(&Set { keys: keys.iter().map(to_jwk).collect() }).unwrap_or_default()
    }

    /// Looks only among the published keys: a key id is a name, never a path or an address.
    pub(super) fn get(&self, kid: &str) -> Option<&PublicKey> {
        self.0.get(kid)
    }
}

#[derive(Serialize, Deserialize)]
struct Set {
    keys: Vec<Key>,
}

#[derive(Serialize, Deserialize)]
struct Key {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

impl Key {
    /// A key without a key id is skipped, since no signature can refer to it.
    fn is_signing_key(&self) -> bool {
        self.kty == KTY
            && self.kid.as_ref().is_some_and(|kid| !kid.is_empty())
            && self.alg.as_ref().is_none_or(|alg| alg == RS512)
            && self.purpose.as_ref().is_none_or(|purpose| purpose == USE)
    }

    fn key(&self) -> Option<PublicKey> {
        PublicKey::from_numbers(&decoded(self.n.as_ref()?)?, &decoded(self.e.as_ref()?)?)
    }
}
