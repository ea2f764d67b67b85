//! WeChat Pay as a sender: builds notifications from samples, for one order if named, then encrypts and signs them.

use std::collections::BTreeMap;

use fakes::{WechatSecrets, WechatSender};
use ledger::{Order, Timestamp};
use rsa::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};
use rsa::rand_core::OsRng;
use rsa::{RsaPrivateKey, RsaPublicKey};
use serde::{Deserialize, Serialize};
use signing::SecretError;
use signing::wechat_v2::Algorithm;
use webhook::Webhook as _;
use wechat::Wechat;

use crate::error::Error;
use crate::json::{PathError, quoted, value_at, with_value};
use crate::random;
use crate::sources::{Headers, Scheme, Setting, Signed, Source};

/// The path that registers a sample's event at the fake, since the function queries WeChat about it.
pub(crate) const EVENTS_PATH: &str = "/mock/wechat/events";
/// The merchant of the samples, and of the local stack.
pub(crate) const MCH_ID: &str = "1900000001";
pub(crate) const APP_ID: &str = "wx0123456789abcdef";
pub(crate) const KEY_ID: &str = "PUB_KEY_ID_0000000000000000000000000001";

/// The keys of both sides, since one machine has both and each needs the other.
pub(crate) const SETTING: &str = "WECHAT_LOCAL";

pub(crate) const WECHAT: Source = Source {
    name: Wechat::SOURCE.as_str(),
    routes: Wechat::ROUTES,
    settings: &[Setting { name: SETTING, scheme: Scheme::Own, generate, sign }],
    sample: "v3_payment",
    fresh,
    of_order: Some(of_order),
    wire: Some(wire),
    fake_path: Some(EVENTS_PATH),
    reply_messages: None,
};

const BITS: usize = 2048;
/// The length of WeChat's own keys.
const KEY_CHARS: usize = 32;

#[derive(Serialize, Deserialize)]
struct Keys {
    platform_private: String,
    platform_public: String,
    merchant_private: String,
    api_v3_key: String,
    api_v2_key: String,
    forwarder: String,
}

impl Keys {
    fn read(secret: &str) -> Result<Self, SecretError> {
        // serde_json's own error could quote a secret.
        let expected = "the object of keys that the local stack generated";
        serde_json::from_str(secret).map_err(|_| SecretError::NotAKey { expected })
    }
}

fn generate() -> Result<String, Error> {
    let pair = || {
        let private = RsaPrivateKey::new(&mut OsRng, BITS).map_err(|_| Error::KeyPair)?;
        let public = RsaPublicKey::from(&private).to_public_key_pem(LineEnding::LF).map_err(|_| Error::KeyPair)?;
        let private = private.to_pkcs8_pem(LineEnding::LF).map_err(|_| Error::KeyPair)?;
        Ok::<_, Error>((private.to_string(), public))
    };
    let key = || random::hex().map(|text| text.chars().take(KEY_CHARS).collect::<String>());
    let ((platform_private, platform_public), (merchant_private, _)) = (pair()?, pair()?);
    let keys = Keys {
        platform_private,
        platform_public,
        merchant_private,
        api_v3_key: key()?,
        api_v2_key: key()?,
        forwarder: random::hex()?,
    };
    serde_json::to_string(&keys).map_err(|_| Error::KeyPair)
}

/// The private key that the fake signs with.
pub(crate) fn platform(secret: &str) -> Result<String, SecretError> {
    Keys::read(secret).map(|keys| keys.platform_private)
}

/// The secret that the function shares with the forwarder in WeChat's cloud.
pub(crate) fn forwarder(secret: &str) -> Result<String, SecretError> {
    Keys::read(secret).map(|keys| keys.forwarder)
}

/// The function's settings.
pub(crate) fn of_function(secret: &str) -> Result<BTreeMap<&'static str, String>, SecretError> {
    let keys = Keys::read(secret)?;
    let [platform, api_v3_key, api_v2_key, forwarder, _, merchant] = wechat::SETTINGS;
    Ok(BTreeMap::from([
        (platform, format!("{KEY_ID} {}", keys.platform_public)),
        (api_v3_key, keys.api_v3_key),
        (api_v2_key, keys.api_v2_key),
        (forwarder, keys.forwarder),
        (merchant, keys.merchant_private),
    ]))
}

fn sender(secret: &str) -> Result<WechatSender, SecretError> {
    let keys = Keys::read(secret)?;
    WechatSender::new(WechatSecrets {
        platform: (&keys.platform_private, KEY_ID),
        api_v3_key: &keys.api_v3_key,
        api_v2_key: &keys.api_v2_key,
        sign_type: Algorithm::HmacSha256,
        forwarder: &keys.forwarder,
    })
}

/// Encodes a body in its own API's format. A body of no known format goes as our forwarder would send it.
pub(crate) fn wire(secret: &str, now: Timestamp, body: &str) -> Result<Signed, SecretError> {
    let sender = sender(secret)?;
    let request = sender.sent(body, now.unix_s(), fastrand::u128(..));
    let request = request.unwrap_or_else(|| sender.forwarded(body.to_owned()));
    Ok(Signed::post(request.body, request.headers))
}

fn sign(secret: &str, now: Timestamp, body: &[u8]) -> Result<Headers, SecretError> {
    wire(secret, now, &String::from_utf8_lossy(body)).map(|signed| signed.headers)
}

/// The ids of the samples' payment, order and refund.
const TRANSACTION: &str = "4200000000202601010000000001";
const ORDER: &str = "hk_sample_order";
const REFUND: &str = "hk_sample_refund";
const REFUND_ID: &str = "50000000000202601010000000001";

const SECONDS_AHEAD_IN_CHINA: i64 = 8 * 60 * 60;

/// The time in China, as APIv3 writes it: `2026-01-01T08:00:00+08:00`.
pub(crate) fn in_china(at: Timestamp) -> String {
    let text = at.plus_seconds(SECONDS_AHEAD_IN_CHINA).to_string();
    format!("{}+08:00", text.split('.').next().unwrap_or_default())
}

/// Gives the sample a new payment id, unless an order has already replaced it, and the time of now: `export` and `stats` go
/// by WeChat's time of a payment.
fn fresh(sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
    let at = in_china(now);
    let clock = at.trim_end_matches("+08:00");
    let digits: String = clock.chars().filter(char::is_ascii_digit).collect();
    let spaced = clock.replace('T', " ");
    let times = [
        ("create_time", &at),
        ("resource.success_time", &at),
        ("time_end", &digits),
        ("timeEnd", &digits),
        ("req_info.success_time", &spaced),
    ];
    let mut body = sample.replace(TRANSACTION, &format!("42-{id}"));
    for (name, time) in times {
        if value_at(&body, name).is_some() {
            body = with_value(&body, name, &quoted(time))?;
        }
    }
    if value_at(&body, "resource").is_some() { with_value(&body, "id", &quoted(id)) } else { Ok(body) }
}

/// The fields that hold the whole price.
const PRICES: [&str; 8] = [
    "resource.amount.total",
    "resource.amount.payer_total",
    "total_fee",
    "cash_fee",
    "totalFee",
    "cashFee",
    "req_info.total_fee",
    "req_info.settlement_total_fee",
];
/// The fields that hold a refunded part of it.
const PARTS: [&str; 4] =
    ["resource.amount.refund", "resource.amount.payer_refund", "req_info.refund_fee", "req_info.settlement_refund_fee"];

/// Sets the order's number, its price and its ids: those of its payment, if it is paid.
fn of_order(sample: &str, order: &Order) -> Result<String, PathError> {
    let number = order.number.as_str();
    let paid_by = order.paid.as_ref().map_or_else(|| format!("42-{number}"), |paid| paid.by.id().to_owned());
    let names = [
        (ORDER, number.to_owned()),
        (TRANSACTION, paid_by),
        (REFUND, format!("R-{number}")),
        (REFUND_ID, format!("50-{number}")),
    ];
    let mut body = names.iter().fold(sample.to_owned(), |body, (name, other)| body.replace(name, other));
    let price = order.terms.price.amount.units();
    for (name, is_part) in PRICES.map(|name| (name, false)).iter().chain(&PARTS.map(|name| (name, true))) {
        let Some(written) = value_at(&body, name).map(str::to_owned) else { continue };
        let digits = written.trim_matches('"');
        let units = if *is_part { digits.parse().unwrap_or(price).min(price) } else { price };
        let units = units.to_string();
        body = with_value(&body, name, &if written.starts_with('"') { quoted(&units) } else { units })?;
    }
    let currency = quoted(order.terms.price.currency.as_str());
    for name in ["resource.amount.currency", "resource.amount.payer_currency", "fee_type", "feeType"] {
        if value_at(&body, name).is_some() {
            body = with_value(&body, name, &currency)?;
        }
    }
    Ok(body)
}
