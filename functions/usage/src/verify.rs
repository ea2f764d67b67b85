//! Verifies the signature: HMAC over the raw body, or Standard Webhooks if configured.

use edge::{HeaderError, Request, Settings};
use ledger::Timestamp;
use signing::standard_webhooks::{Headers, TOLERANCE_S};
use signing::{SecretError, Strength, Verified, VerifyError, hmac_hex, standard_webhooks};

pub(crate) const SIGNATURE: &str = "x-webhook-signature";
pub(crate) const STANDARD_ID: &str = "webhook-id";
pub(crate) const STANDARD_TIMESTAMP: &str = "webhook-timestamp";
pub(crate) const STANDARD_SIGNATURE: &str = "webhook-signature";

/// The settings that hold secrets: the required one, and the one for Standard Webhooks.
pub const SETTINGS: [&str; 2] = ["WEBHOOK_SECRET", "STANDARD_WEBHOOK_SECRET"];

#[derive(Debug)]
pub struct Keys {
    hmac: hmac_hex::Keys,
    standard: Option<standard_webhooks::Keys>,
}

impl Keys {
    pub(crate) fn read(settings: &Settings, strength: Strength) -> Result<Self, (&'static str, SecretError)> {
        let [hmac, standard] = SETTINGS;
        let keys = hmac_hex::Keys::parse(settings.setting(hmac).unwrap_or_default(), strength)
            .map_err(|error| (hmac, error))?;
        if keys.weak() {
            tracing::warn!(setting = hmac, "the secret is shorter than a deployment accepts");
        }
        let standard = settings
            .setting(standard)
            .map(|setting| standard_webhooks::Keys::parse(setting).map_err(|error| (standard, error)))
            .transpose()?;
        Ok(Self { hmac: keys, standard })
    }

    /// The headers of a signature that these keys verify, for an event that we make of a gateway's log: if it is
    /// refused, each replay verifies it again. With Standard Webhooks if those are configured.
    pub fn sign(&self, event_id: &str, body: &[u8], now: Timestamp) -> Vec<(String, String)> {
        let Some(keys) = &self.standard else {
            return vec![(SIGNATURE.to_owned(), hmac_hex::sign(&self.hmac, body))];
        };
        let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
        let id: String = event_id.chars().map(|letter| if is_allowed(letter) { letter } else { '-' }).collect();
        let signature = standard_webhooks::sign(keys, &id, now.unix_s(), body);
        let timestamp = now.unix_s().to_string();
        let headers = [(STANDARD_ID, id), (STANDARD_TIMESTAMP, timestamp), (STANDARD_SIGNATURE, signature)];
        headers.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Whether its signatures have a time.
    pub fn signs_a_time(&self) -> bool {
        self.standard.is_some()
    }
}

pub(crate) fn verify<'r>(keys: &Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError> {
    if let Some(signature) = once(request.header(SIGNATURE))? {
        return hmac_hex::verify(&keys.hmac, request.body(), signature);
    }
    let Some(standard) = &keys.standard else {
        return Err(VerifyError::Missing);
    };
    let sent = |name| once(request.header(name))?.ok_or(VerifyError::Missing);
    let headers =
        Headers { id: sent(STANDARD_ID)?, timestamp: sent(STANDARD_TIMESTAMP)?, signature: sent(STANDARD_SIGNATURE)? };
    standard_webhooks::verify(standard, headers, request.body(), now.unix_s(), TOLERANCE_S)
}

fn once(header: Result<Option<&str>, HeaderError>) -> Result<Option<&str>, VerifyError> {
    header.map_err(|HeaderError| VerifyError::Malformed)
}
