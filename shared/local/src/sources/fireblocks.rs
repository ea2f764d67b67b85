//! Fireblocks as a sender: builds webhooks from samples, for the transfer of one order if named, and signs them in version 1 or 2.

use std::collections::BTreeMap;

use fireblocks::Fireblocks;
use ledger::{Order, Timestamp};
use providers::FireblocksKeys;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};
use signing::SecretError;
use signing::fireblocks::{SIGNATURE, SIGNATURE_V1, sign_v1};
use signing::jws::{self, PublishedKeys};
use signing::rsa::{PrivateKey, PublicKey};
use webhook::Webhook as _;

use crate::error::Error;
use crate::json::{PathError, quoted, value_at, with_value};
use crate::random;
use crate::sources::{Headers, Scheme, Setting, Source};

/// The keys of both sides, since one machine has both. One key pair serves as Fireblocks' and as ours.
pub(crate) const SETTING: &str = "FIREBLOCKS_LOCAL";

pub(crate) const FIREBLOCKS: Source = Source {
    name: Fireblocks::SOURCE.as_str(),
    routes: Fireblocks::ROUTES,
    settings: &[Setting { name: SETTING, scheme: Scheme::Own, generate, sign }],
    sample: "v2_completed",
    fresh,
    of_order: Some(of_order),
    wire: None,
    fake_path: None,
    reply_messages: None,
};

const BITS: usize = 2048;
const KID: &str = "local";

#[derive(Serialize, Deserialize)]
struct LocalKeys {
    api_key: String,
    private: String,
    public: String,
}

fn generate() -> Result<String, Error> {
    let private = RsaPrivateKey::new(&mut OsRng, BITS).map_err(|_| Error::KeyPair)?;
    let public = RsaPublicKey::from(&private).to_public_key_pem(LineEnding::LF).map_err(|_| Error::KeyPair)?;
    let private = private.to_pkcs8_pem(LineEnding::LF).map_err(|_| Error::KeyPair)?.to_string();
    serde_json::to_string(&LocalKeys { api_key: random::hex()?, private, public }).map_err(|_| Error::KeyPair)
}

impl LocalKeys {
    fn read(secret: &str) -> Result<Self, SecretError> {
        // serde_json's own error could quote a secret.
        let expected = "the object of keys that the local stack generated";
        serde_json::from_str(secret).map_err(|_| SecretError::NotAKey { expected })
    }
}

/// The settings of a function that calls Fireblocks.
pub(crate) fn of_function(secret: &str) -> Result<BTreeMap<&'static str, String>, SecretError> {
    let LocalKeys { api_key, private, .. } = LocalKeys::read(secret)?;
    let [of_key, of_secret] = FireblocksKeys::SETTINGS;
    Ok([(of_key, api_key), (of_secret, private)].into())
}

/// Fireblocks' side of the keys: our API key, the public key of our tokens, and its webhook keys for both versions.
pub(crate) struct Sides {
    pub(crate) api_key: String,
    pub(crate) api_public_key: PublicKey,
    pub(crate) published: String,
    pub(crate) public: String,
}

pub(crate) fn sides(secret: &str) -> Result<Sides, SecretError> {
    let LocalKeys { api_key, public, .. } = LocalKeys::read(secret)?;
    let api_public_key = PublicKey::parse(&public)?;
    let published = PublishedKeys::write(&[(KID, &api_public_key)]);
    Ok(Sides { api_key, api_public_key, published, public })
}

/// Version 1 has no id: its time makes it a new event.
fn fresh(sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
    let now = now.unix_ms().to_string();
    let sample = with_value(sample, "data.lastUpdated", &now)?;
    if is_first(&sample) {
        return with_value(&sample, "timestamp", &now);
    }
    with_value(&with_value(&sample, "id", &quoted(id))?, "createdAt", &now)
}

/// Sets the transfer of the order's tokens to the buyer's wallet. An order without tokens leaves the sample unchanged.
fn of_order(sample: &str, order: &Order) -> Result<String, PathError> {
    let Some(allocation) = order.allocation() else { return Ok(sample.to_owned()) };
    let amount = allocation.amount.decimal(allocation.scale);
    let mut fields = vec![
        ("data.externalTxId", allocation.key.as_str()),
        ("data.assetId", &allocation.asset),
        ("data.amountInfo.amount", &amount),
        ("data.amountInfo.requestedAmount", &amount),
        ("data.amountInfo.netAmount", &amount),
    ];
    fields.extend(allocation.wallet.as_deref().map(|wallet| ("data.destinationAddress", wallet)));
    if let Some(id) = order.transfer.as_ref().and_then(|transfer| transfer.id.as_deref()) {
        fields.push(("data.id", id));
    }
    fields.into_iter().try_fold(sample.to_owned(), |body, (place, text)| with_value(&body, place, &quoted(text)))
}

pub(crate) fn sign(secret: &str, _: Timestamp, body: &[u8]) -> Result<Headers, SecretError> {
    let key = PrivateKey::parse(&LocalKeys::read(secret)?.private)?;
    Ok(vec![if is_first(&String::from_utf8_lossy(body)) {
        (SIGNATURE_V1, sign_v1(&key, body))
    } else {
        (SIGNATURE, jws::sign(&key, KID, body))
    }])
}

fn is_first(body: &str) -> bool {
    value_at(body, "eventType").is_none()
}
