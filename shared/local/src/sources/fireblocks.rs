//! Fireblocks' side: how its webhooks are made new, made to be about the transfer of one order, and signed in either version.

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

/// All keys of both sides: here they are on one machine, and one pair is both Fireblocks' and ours.
pub(crate) const SETTING: &str = "FIREBLOCKS_LOCAL";

pub(crate) const FIREBLOCKS: Source = Source {
    name: Fireblocks::SOURCE.as_str(),
    routes: Fireblocks::ROUTES,
    settings: &[Setting { name: SETTING, scheme: Scheme::Own, generate, sign }],
    sample: "v2_completed",
    fresh,
    of_order: Some(of_order),
    wire: None,
    told_to: None,
    said: None,
};

const BITS: usize = 2048;
const KID: &str = "local";

#[derive(Serialize, Deserialize)]
struct Both {
    api_key: String,
    private: String,
    public: String,
}

fn generate() -> Result<String, Error> {
    let private = RsaPrivateKey::new(&mut OsRng, BITS).map_err(|_| Error::KeyPair)?;
    let public = RsaPublicKey::from(&private).to_public_key_pem(LineEnding::LF).map_err(|_| Error::KeyPair)?;
    let private = private.to_pkcs8_pem(LineEnding::LF).map_err(|_| Error::KeyPair)?.to_string();
    serde_json::to_string(&Both { api_key: random::hex()?, private, public }).map_err(|_| Error::KeyPair)
}

impl Both {
    fn read(secret: &str) -> Result<Self, SecretError> {
        // serde_json's own error could quote a secret.
        let expected = "the object of keys that the local stack has made";
        serde_json::from_str(secret).map_err(|_| SecretError::NotAKey { expected })
    }
}

/// What whoever asks Fireblocks has of the keys, by the names of its settings.
pub(crate) fn of_function(secret: &str) -> Result<BTreeMap<&'static str, String>, SecretError> {
    let Both { api_key, private, .. } = Both::read(secret)?;
    let [of_key, of_secret] = FireblocksKeys::SETTINGS;
    Ok([(of_key, api_key), (of_secret, private)].into())
}

/// What Fireblocks knows of whoever asks, and what it publishes of itself: the API key, the key of its tokens, and that of webhooks in
/// both versions.
pub(crate) struct Sides {
    pub(crate) api_key: String,
    pub(crate) asking: PublicKey,
    pub(crate) published: String,
    pub(crate) public: String,
}

pub(crate) fn sides(secret: &str) -> Result<Sides, SecretError> {
    let Both { api_key, public, .. } = Both::read(secret)?;
    let asking = PublicKey::parse(&public)?;
    let published = PublishedKeys::write(&[(KID, &asking)]);
    Ok(Sides { api_key, asking, published, public })
}

/// The first version has no id: it is another event by its time.
fn fresh(sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
    let now = now.unix_ms().to_string();
    let sample = with_value(sample, "data.lastUpdated", &now)?;
    if is_first(&sample) {
        return with_value(&sample, "timestamp", &now);
    }
    with_value(&with_value(&sample, "id", &quoted(id))?, "createdAt", &now)
}

/// Of the tokens that the order's buyer gets, sent where they want them; an order that sends none is left alone.
fn of_order(sample: &str, order: &Order) -> Result<String, PathError> {
    let Some(asked) = order.allocation() else { return Ok(sample.to_owned()) };
    let amount = asked.amount.decimal(asked.scale);
    let mut said = vec![
        ("data.externalTxId", asked.key.as_str()),
        ("data.assetId", &asked.asset),
        ("data.destinationAddress", &asked.wallet),
        ("data.amountInfo.amount", &amount),
        ("data.amountInfo.requestedAmount", &amount),
        ("data.amountInfo.netAmount", &amount),
    ];
    if let Some(id) = order.transfer.as_ref().and_then(|transfer| transfer.id.as_deref()) {
        said.push(("data.id", id));
    }
    said.into_iter().try_fold(sample.to_owned(), |body, (place, text)| with_value(&body, place, &quoted(text)))
}

pub(crate) fn sign(secret: &str, _: Timestamp, body: &[u8]) -> Result<Headers, SecretError> {
    let key = PrivateKey::parse(&Both::read(secret)?.private)?;
    Ok(vec![if is_first(&String::from_utf8_lossy(body)) {
        (SIGNATURE_V1, sign_v1(&key, body))
    } else {
        (SIGNATURE, jws::sign(&key, KID, body))
    }])
}

fn is_first(body: &str) -> bool {
    value_at(body, "eventType").is_none()
}
