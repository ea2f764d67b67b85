//! Verifies the sender: WeChat, which signs or seals, or our own container in WeChat's cloud, which signs the callbacks
//! that it forwards.

use edge::{HeaderError, Incoming, Request, Settings};
use ledger::Timestamp;
use providers::WechatKeys;
use signing::standard_webhooks::{self, TOLERANCE_S};
use signing::wechat_v3::{self, ApiKeys, PlatformKeys};
use signing::{SecretError, Strength, Verified, VerifyError, forwarder, hmac_hex, wechat_v2};

use crate::{Config, Form};

/// The forwarder's headers beside [`forwarder::SIGNATURE`]: HMAC over the raw body, or Standard Webhooks.
pub(crate) const FORWARDED: &str = "x-webhook-signature";
pub(crate) const STANDARD_ID: &str = "webhook-id";
pub(crate) const STANDARD_TIMESTAMP: &str = "webhook-timestamp";
pub(crate) const STANDARD_SIGNATURE: &str = "webhook-signature";

const PLATFORM_KEYS: &str = "WECHAT_PLATFORM_KEYS";
const API_V3_KEY: &str = "WECHAT_API_V3_KEY";
const API_V2_KEY: &str = "WECHAT_API_V2_KEY";
const FORWARDER: &str = "WECHAT_FORWARDER_SECRET";
const FORWARDER_STANDARD: &str = "WECHAT_FORWARDER_STANDARD_SECRET";

/// The settings that hold keys. A form without keys is not served. The last is our key for WeChat's API.
pub const SETTINGS: [&str; 6] =
    [PLATFORM_KEYS, API_V3_KEY, API_V2_KEY, FORWARDER, FORWARDER_STANDARD, WechatKeys::SETTINGS[0]];

#[derive(Debug)]
pub struct Keys {
    v3: Option<(PlatformKeys, ApiKeys)>,
    v2: Option<wechat_v2::Keys>,
    forwarder: Option<forwarder::Keys>,
    hmac: Option<hmac_hex::Keys>,
    standard: Option<standard_webhooks::Keys>,
}

impl Keys {
    pub(crate) fn read(settings: &Settings, strength: Strength) -> Result<Self, (&'static str, SecretError)> {
        let platform = read(settings, PLATFORM_KEYS, PlatformKeys::parse)?;
        let api = read(settings, API_V3_KEY, ApiKeys::parse)?;
        let keys = Self {
            v3: match (platform, api) {
                (Some(platform), Some(api)) => Some((platform, api)),
                (None, None) => None,
                // A form with only half of its keys is a configuration error.
                (None, Some(_)) => return Err((PLATFORM_KEYS, SecretError::Empty)),
                (Some(_), None) => return Err((API_V3_KEY, SecretError::Empty)),
            },
            v2: read(settings, API_V2_KEY, |text| wechat_v2::Keys::parse(text, strength))?,
            forwarder: read(settings, FORWARDER, |text| forwarder::Keys::parse(text, strength))?,
            hmac: read(settings, FORWARDER, |text| hmac_hex::Keys::parse(text, strength))?,
            standard: read(settings, FORWARDER_STANDARD, standard_webhooks::Keys::parse)?,
        };
        let serves = keys.v3.is_some() || keys.v2.is_some() || keys.hmac.is_some() || keys.standard.is_some();
        if serves { Ok(keys) } else { Err((PLATFORM_KEYS, SecretError::Empty)) }
    }
}

fn read<K>(
    settings: &Settings,
    name: &'static str,
    parse: impl Fn(&str) -> Result<K, SecretError>,
) -> Result<Option<K>, (&'static str, SecretError)> {
    settings.setting(name).map(parse).transpose().map_err(|error| (name, error))
}

/// The form, and so the signature that the request needs. The parser applies the same rule to the kept delivery.
pub(crate) fn form(incoming: &Incoming) -> Form {
    Form::of(incoming.header(wechat_v3::SIGNATURE).is_some(), incoming.body_begins_with(b'<'))
}

pub(crate) fn verify<'r>(
    config: &Config,
    keys: &Keys,
    request: &'r Request,
    now: Timestamp,
) -> Result<Verified<'r>, VerifyError> {
    let has_signature = once(request, wechat_v3::SIGNATURE)?.is_some();
    match Form::of(has_signature, request.body().starts_with(b"<")) {
        Form::V3 => {
            let (platform, api) = keys.v3.as_ref().ok_or(VerifyError::BadSignature)?;
            let headers = wechat_v3::Headers {
                timestamp: sent(request, wechat_v3::TIMESTAMP)?,
                nonce: sent(request, wechat_v3::NONCE)?,
                signature: sent(request, wechat_v3::SIGNATURE)?,
                serial: sent(request, wechat_v3::SERIAL)?,
                signature_type: once(request, wechat_v3::SIGNATURE_TYPE)?,
            };
            wechat_v3::verify(platform, api, headers, request.body(), now.unix_s())
        }
        Form::V2 => {
            let keys = keys.v2.as_ref().ok_or(VerifyError::BadSignature)?;
            wechat_v2::verify(keys, config.v2, request.body())
        }
        Form::CloudRun => forwarded(keys, request, now),
    }
}

fn forwarded<'r>(keys: &Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError> {
    if let Some(signature) = once(request, forwarder::SIGNATURE)? {
        let keys = keys.forwarder.as_ref().ok_or(VerifyError::BadSignature)?;
        return forwarder::verify_callback(keys, request.body(), signature, now.unix_s());
    }
    if let Some(signature) = once(request, FORWARDED)? {
        let keys = keys.hmac.as_ref().ok_or(VerifyError::BadSignature)?;
        return hmac_hex::verify(keys, request.body(), signature);
    }
    let headers = standard_webhooks::Headers {
        id: sent(request, STANDARD_ID)?,
        timestamp: sent(request, STANDARD_TIMESTAMP)?,
        signature: sent(request, STANDARD_SIGNATURE)?,
    };
    let keys = keys.standard.as_ref().ok_or(VerifyError::BadSignature)?;
    standard_webhooks::verify(keys, headers, request.body(), now.unix_s(), TOLERANCE_S)
}

fn sent<'r>(request: &'r Request, name: &str) -> Result<&'r str, VerifyError> {
    once(request, name)?.ok_or(VerifyError::Missing)
}

fn once<'r>(request: &'r Request, name: &str) -> Result<Option<&'r str>, VerifyError> {
    request.header(name).map_err(|HeaderError| VerifyError::Malformed)
}
