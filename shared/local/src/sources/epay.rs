//! The epay gateway as a sender: builds notifications from samples, for one order if named, and signs them by V1 or V2.

use std::collections::BTreeMap;

use epay::Epay;
use ledger::{Order, Timestamp};
use rsa::RsaPrivateKey;
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use serde::{Deserialize, Serialize};
use signing::epay::{Keys, Params, Pid, SETTINGS, Scheme as SignedBy, sign};
use signing::{SecretError, Strength};
use webhook::Webhook as _;

use crate::error::Error;
use crate::json::{PathError, quoted, value_at, with_value};
use crate::random;
use crate::sources::{Headers, Scheme, Setting, Signed, Source};

/// The merchants of the samples and of the local stack: the first signs by V1, the second by V2.
pub(crate) const MERCHANTS: [(&str, SignedBy); 2] = [("1001", SignedBy::Md5), ("1002", SignedBy::Rsa)];

/// The path that registers a sample's payment at the fake, since the function queries the gateway about it.
pub(crate) const EVENTS_PATH: &str = "/mock/epay/events";

/// The keys of both sides, since one machine has both.
pub(crate) const SETTING: &str = "EPAY_LOCAL";

pub(crate) const EPAY: Source = Source {
    name: Epay::SOURCE.as_str(),
    routes: Epay::ROUTES,
    settings: &[Setting { name: SETTING, scheme: Scheme::Own, generate, sign: no_headers }],
    sample: "notify_v1_get",
    fresh,
    of_order: Some(of_order),
    wire: Some(wire),
    fake_path: Some(EVENTS_PATH),
    reply_messages: None,
};

const BITS: usize = 2048;

#[derive(Serialize, Deserialize)]
struct LocalKeys {
    md5: String,
    rsa_public: String,
    rsa_private: String,
}

fn generate() -> Result<String, Error> {
    let bare = |pem: &str| -> String { pem.lines().filter(|line| !line.starts_with("-----")).collect() };
    let private = RsaPrivateKey::new(&mut OsRng, BITS).map_err(|_| Error::KeyPair)?;
    let public = private.to_public_key().to_public_key_pem(LineEnding::LF).map_err(|_| Error::KeyPair)?;
    let private = private.to_pkcs8_pem(LineEnding::LF).map_err(|_| Error::KeyPair)?;
    let [(v1, _), (v2, _)] = MERCHANTS;
    let keys = LocalKeys {
        md5: format!("{v1}:{}", random::hex()?),
        rsa_public: format!("{v2}:{}", bare(&public)),
        rsa_private: format!("{v2}:{}", bare(&private)),
    };
    serde_json::to_string(&keys).map_err(|_| Error::KeyPair)
}

/// The functions' settings.
pub(crate) fn of_function(secret: &str) -> Result<BTreeMap<&'static str, String>, SecretError> {
    // serde_json's own error could quote a secret.
    let expected = "the object of keys that the local stack generated";
    let keys: LocalKeys = serde_json::from_str(secret).map_err(|_| SecretError::NotAKey { expected })?;
    let [md5, public, private] = SETTINGS;
    Ok([(md5, keys.md5), (public, keys.rsa_public), (private, keys.rsa_private)].into())
}

pub(crate) fn keys(secret: &str) -> Result<Keys, SecretError> {
    let settings = of_function(secret)?;
    Keys::read(|name| settings.get(name).map(String::as_str), Strength::Local).map_err(|(_, error)| error)
}

fn fresh(sample: &str, id: &str, _: Timestamp) -> Result<String, PathError> {
    with_value(sample, "params.trade_no", &quoted(id))
}

/// Sets the order's number, its price, and the merchant of its session, if it has one.
fn of_order(sample: &str, order: &Order) -> Result<String, PathError> {
    let sample = with_value(sample, "params.out_trade_no", &quoted(order.number.as_str()))?;
    let sample = with_value(&sample, "params.money", &quoted(&order.terms.price.decimal()))?;
    let session = order.session.as_ref().and_then(|session| session.id.split_once('.'));
    let pid = session.map(|(pid, _)| pid).filter(|pid| MERCHANTS.iter().any(|(known, _)| known == pid));
    pid.map_or(Ok(sample.clone()), |pid| with_value(&sample, "params.pid", &quoted(pid)))
}

/// Signs by the scheme of the merchant in the sample, and encodes as a query or a form.
fn wire(secret: &str, now: Timestamp, sample: &str) -> Result<Signed, SecretError> {
    let expected = "for a sample of one of the merchants 1001 and 1002";
    let merchant = value_at(sample, "params.pid").map(|pid| pid.trim_matches('"'));
    let scheme = MERCHANTS.iter().find(|(pid, _)| Some(*pid) == merchant).map(|(_, scheme)| *scheme);
    let pid = merchant.and_then(Pid::new);
    let (pid, scheme) = pid.zip(scheme).ok_or(SecretError::NotAKey { expected })?;
    let params = sign(&keys(secret)?, &pid, scheme, params(sample), now.unix_s());
    let form = params.ok_or(SecretError::NotAKey { expected })?.encoded();
    Ok(if value_at(sample, "method") == Some("\"POST\"") {
        let headers = vec![("content-type", "application/x-www-form-urlencoded".to_owned())];
        Signed::post(form, headers)
    } else {
        Signed::get(form)
    })
}

/// Keeps a number's digits as written.
pub(crate) fn params(sample: &str) -> Params {
    let written: BTreeMap<String, Box<serde_json::value::RawValue>> =
        value_at(sample, "params").and_then(|params| serde_json::from_str(params).ok()).unwrap_or_default();
    written.into_iter().fold(Params::default(), |params, (name, value)| {
        let text = serde_json::from_str::<String>(value.get()).unwrap_or_else(|_| value.get().to_owned());
        params.with(&name, text)
    })
}

/// None: the signature is one of the parameters.
#[expect(clippy::unnecessary_wraps, reason = "the signature of every source's")]
fn no_headers(_: &str, _: Timestamp, _: &[u8]) -> Result<Headers, SecretError> {
    Ok(Vec::new())
}
