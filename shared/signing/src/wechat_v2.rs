//! WeChat Pay APIv2: flat XML, signed over its fields under a shared key. A payment has a signature. A refund has none:
//! it is encrypted with that key in ECB mode, so that an attacker can combine blocks of recorded refunds into a new
//! one. A refund is therefore no proof, only a reason to query WeChat.
//!
//! The signed text is `name=value&…`, unescaped. To give it only one split into fields, no value may contain a `&`, and
//! fields that WeChat does not document are refused.

mod sealed;
mod xml;

use hmac::Mac as _;
use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

use crate::{Secret, SecretError, Secrets, Strength, Verified, VerifyError, hex};

pub use sealed::seal_refund;
pub use xml::{FIELDS_MAX, Fields, XML_BYTES_MAX};

/// The algorithm that the merchant has configured. A notification cannot change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Md5,
    HmacSha256,
}

impl Algorithm {
    /// The value in `sign_type`.
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
        Secrets::parse(setting, |text| Secret::from_text(text, strength)).map(Self)
    }

    /// Whether [`Strength::Deployed`] would refuse one of these keys; always false under [`Strength::Deployed`].
    pub fn weak(&self) -> bool {
        self.0.weak()
    }
}

const SIGN: &str = "sign";
const REQ_INFO: &str = "req_info";

/// The documented fields of a payment notification.
const PAYMENT_FIELDS: [&str; 27] = [
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
/// The fields that exist once for each coupon: `coupon_fee_0`.
const COUPON_PREFIXES: [&str; 3] = ["coupon_fee_", "coupon_id_", "coupon_type_"];
/// More fields of a payment: the buyer of a sub-merchant, and WeChat's transaction id.
const MORE_PAYMENT_FIELDS: [&str; 3] = ["sub_is_subscribe", "sub_openid", "transaction_id"];

const REFUND_FIELDS: [&str; 8] =
    ["appid", "mch_id", "nonce_str", "req_info", "return_code", "return_msg", "sub_appid", "sub_mch_id"];

/// Returns the payment's own bytes, or the decrypted refund. Parse the result with [`Fields::read`].
pub fn verify<'r>(keys: &Keys, algorithm: Algorithm, body: &'r [u8]) -> Result<Verified<'r>, VerifyError> {
    let fields = Fields::read(body).filter(|fields| fields.root() == "xml").ok_or(VerifyError::Malformed)?;
    if let Some(sealed) = fields.value(REQ_INFO) {
        if !fields.names().all(|name| REFUND_FIELDS.contains(&name)) {
            return Err(VerifyError::Malformed);
        }
        return keys
            .0
            .all()
            .find_map(|key| sealed::open(key, sealed))
            .map(Verified::opened)
            .ok_or(VerifyError::BadSignature);
    }
    // A notification that only reports a failure has no signature.
    let offered = fields.value(SIGN).ok_or(VerifyError::Missing)?;
    let is_configured = fields.value("sign_type").is_none_or(|sign_type| sign_type == algorithm.as_str());
    if !is_configured || !fields.names().all(is_payment_field) {
        return Err(VerifyError::Malformed);
    }
    let matches = |key: &Secret| bool::from(signature(key, algorithm, &fields).as_bytes().ct_eq(offered.as_bytes()));
    if keys.0.all().any(matches) { Ok(Verified::signed(body)) } else { Err(VerifyError::BadSignature) }
}

/// Returns the value of `sign` for these fields.
pub fn sign(keys: &Keys, algorithm: Algorithm, fields: &Fields<'_>) -> String {
    signature(keys.0.first(), algorithm, fields)
}

fn is_payment_field(name: &str) -> bool {
    let is_coupon_field = || {
        let number = COUPON_PREFIXES.iter().find_map(|prefix| name.strip_prefix(prefix));
        number.is_some_and(|number| (1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    PAYMENT_FIELDS.contains(&name) || MORE_PAYMENT_FIELDS.contains(&name) || is_coupon_field()
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
