//! WeChat Pay's APIv2: flat XML, signed field by field under a shared key. A payment has a signature; a refund has none and is sealed
//! with that key, block by block, so that whoever recorded some can put their blocks together anew: it proves no more than that it is
//! worth asking about.
//!
//! What is signed is `name=value&…`, unescaped. So that it can be split in one way only, no value may hold a `&`, and no field is
//! taken that WeChat does not document.

mod sealed;
mod xml;

use hmac::Mac as _;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use crate::{Secret, SecretError, Secrets, Strength, Verified, VerifyError, hex};

pub use sealed::seal_refund;
pub use xml::{FIELDS_MAX, Fields, XML_BYTES_MAX};

/// The one that the merchant has chosen, which no notification changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    HmacSha256,
}

impl Algorithm {
    /// As `sign_type` has it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::HmacSha256 => "HMAC-SHA256",
        }
    }

    pub fn named(name: &str) -> Option<Self> {
        [Self::Md5, Self::HmacSha256].into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

#[derive(Debug)]
pub struct Keys(Secrets);

impl Keys {
    pub fn parse(setting: &str, strength: Strength) -> Result<Self, SecretError> {
        Secrets::parse(setting, |text| Secret::as_written(text, strength)).map(Self)
    }

    /// Whether a deployment would have refused one of these; always false under [`Strength::Deployed`].
    pub fn weak(&self) -> bool {
        self.0.weak()
    }
}

const SIGN: &str = "sign";
const REQ_INFO: &str = "req_info";

/// What a notification of a payment may say.
const OF_PAYMENT: [&str; 27] = [
    "appid",
    "attach",
    "bank_type",
    "cash_fee",
    "cash_fee_type",
    "coupon_count",
    "coupon_fee",
    "device_info",
    "err_code",
    "err_code_des",
    "fee_type",
    "is_subscribe",
    "mch_id",
    "nonce_str",
    "openid",
    "out_trade_no",
    "result_code",
    "return_code",
    "return_msg",
    "settlement_total_fee",
    "sign",
    "sign_type",
    "sub_appid",
    "sub_mch_id",
    "time_end",
    "total_fee",
    "trade_type",
];
/// And which of them are one for each coupon: `coupon_fee_0`.
const OF_COUPON: [&str; 3] = ["coupon_fee_", "coupon_id_", "coupon_type_"];
/// Of the buyer inside a merchant's merchant, and the payment's own name.
const OF_PAYMENT_TOO: [&str; 3] = ["sub_is_subscribe", "sub_openid", "transaction_id"];

const OF_REFUND: [&str; 8] =
    ["appid", "mch_id", "nonce_str", "req_info", "return_code", "return_msg", "sub_appid", "sub_mch_id"];

/// A payment's own bytes, or what a refund's held sealed. The bytes handed on are read with [`Fields::read`].
pub fn verify<'r>(keys: &Keys, algorithm: Algorithm, body: &'r [u8]) -> Result<Verified<'r>, VerifyError> {
    let fields = Fields::read(body).filter(|fields| fields.root() == "xml").ok_or(VerifyError::Malformed)?;
    if let Some(sealed) = fields.value(REQ_INFO) {
        if !fields.names().all(|name| OF_REFUND.contains(&name)) {
            return Err(VerifyError::Malformed);
        }
        return keys
            .0
            .all()
            .find_map(|key| sealed::open(key, sealed))
            .map(Verified::opened)
            .ok_or(VerifyError::BadSignature);
    }
    // What reports only that it failed is not signed.
    let offered = fields.value(SIGN).ok_or(VerifyError::Missing)?;
    let said = fields.value("sign_type").is_none_or(|said| said == algorithm.as_str());
    if !said || !fields.names().all(is_of_payment) {
        return Err(VerifyError::Malformed);
    }
    let matches = |key: &Secret| bool::from(signature(key, algorithm, &fields).as_bytes().ct_eq(offered.as_bytes()));
    if keys.0.all().any(matches) { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// The value of `sign` for these fields.
pub fn sign(keys: &Keys, algorithm: Algorithm, fields: &Fields<'_>) -> String {
    signature(keys.0.first(), algorithm, fields)
}

fn is_of_payment(name: &str) -> bool {
    let of_coupon = || {
        let number = OF_COUPON.iter().find_map(|prefix| name.strip_prefix(prefix));
        number.is_some_and(|number| (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    OF_PAYMENT.contains(&name) || OF_PAYMENT_TOO.contains(&name) || of_coupon()
}

fn signature(key: &Secret, algorithm: Algorithm, fields: &Fields<'_>) -> String {
    let mut pairs: Vec<(&str, &str)> =
        fields.pairs().filter(|(name, value)| *name != SIGN && !value.is_empty()).collect();
    pairs.sort_unstable();
    let mut text = String::new();
    for (name, value) in pairs {
        text.extend([name, "=", value, "&"]);
    }
    text.push_str("key=");
    let tag = match algorithm {
        Algorithm::Md5 => Md5::new().chain_update(&text).chain_update(key.bytes()).finalize().to_vec(),
        Algorithm::HmacSha256 => {
            key.mac().chain_update(&text).chain_update(key.bytes()).finalize().into_bytes().to_vec()
        }
    };
    hex::write(&tag).to_ascii_uppercase()
}
