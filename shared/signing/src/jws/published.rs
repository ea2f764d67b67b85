//! The keys that a signer publishes (JWKS, RFC 7517), each by its name. No secret: what matters is where they were fetched.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::{RS512, decoded};
use crate::SecretError;
use crate::rsa::PublicKey;

/// The one in use, the next one, and as many again several times over.
pub const MAX_PUBLISHED_KEYS: usize = 16;
/// So many keys of 8192 bits take half of it.
pub const PUBLISHED_BYTES_MAX: usize = 64 * 1024;

const KTY: &str = "RSA";
const USE: &str = "sig";

/// The default knows none: then nobody is believed.
#[derive(Debug, Default)]
pub struct PublishedKeys(BTreeMap<String, PublicKey>);

impl PublishedKeys {
    /// Keys of other kinds and for other purposes are passed over. One of ours that is none, or two of one name, spoil the whole: it is
    /// not what was meant to be published.
    pub fn parse(jwks: &str) -> Result<Self, SecretError> {
        const NO_SET: SecretError = SecretError::NotAKey { expected: "a JWKS of RSA keys, each with its own kid" };
        let text = jwks.trim();
        if text.is_empty() {
            return Err(SecretError::Empty);
        }
        let is_object = text.starts_with('{') && text.len() <= PUBLISHED_BYTES_MAX;
        let set: Option<Set> = is_object.then(|| serde_json::from_str(text).ok()).flatten();
        let mut keys = BTreeMap::new();
        for said in set.ok_or(NO_SET)?.keys.iter().filter(|key| key.is_for_signing()) {
            match keys.entry(said.kid.clone().unwrap_or_default()) {
                Entry::Vacant(entry) => entry.insert(said.key().ok_or(NO_SET)?),
                Entry::Occupied(_) => return Err(NO_SET),
            };
            if keys.len() > MAX_PUBLISHED_KEYS {
                return Err(SecretError::TooMany { max: MAX_PUBLISHED_KEYS });
            }
        }
        if keys.is_empty() { Err(SecretError::Empty) } else { Ok(Self(keys)) }
    }

    /// As their owner publishes them.
    pub fn write(keys: &[(&str, &PublicKey)]) -> String {
        let text = |text: &str| Some(text.to_owned());
        let written = |(kid, key): &(&str, &PublicKey)| {
            let [n, e] = key.numbers().map(|number| Some(URL_SAFE_NO_PAD.encode(number)));
            Key { kty: KTY.to_owned(), kid: text(kid), alg: text(RS512), purpose: text(USE), n, e }
        };
        // Texts are always JSON.
        serde_json::to_string(&Set { keys: keys.iter().map(written).collect() }).unwrap_or_default()
    }

    /// Only what was published is looked at: a name is a name here, and never a path or an address.
    pub(super) fn named(&self, kid: &str) -> Option<&PublicKey> {
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
    /// What no signature can name is no key to verify with.
    fn is_for_signing(&self) -> bool {
        self.kty == KTY
            && self.kid.as_ref().is_some_and(|kid| !kid.is_empty())
            && self.alg.as_ref().is_none_or(|alg| alg == RS512)
            && self.purpose.as_ref().is_none_or(|purpose| purpose == USE)
    }

    fn key(&self) -> Option<PublicKey> {
        PublicKey::of_numbers(&decoded(self.n.as_ref()?)?, &decoded(self.e.as_ref()?)?)
    }
}
