//! Verifies Stripe's signature over timestamp and raw body, with its replay window.

use edge::{HeaderError, Request, Settings};
use ledger::Timestamp;
use signing::stripe::{self, HEADER, TOLERANCE_S};
use signing::{SecretError, Strength, Verified, VerifyError};

/// The setting that holds the endpoint's signing secrets.
pub const SETTINGS: [&str; 1] = ["STRIPE_WEBHOOK_SECRET"];

#[derive(Debug)]
pub struct Keys(stripe::Keys);

impl Keys {
    pub(crate) fn read(settings: &Settings, strength: Strength) -> Result<Self, (&'static str, SecretError)> {
        let [setting] = SETTINGS;
        let keys = stripe::Keys::parse(settings.setting(setting).unwrap_or_default(), strength);
        keys.map(Self).map_err(|error| (setting, error))
    }
}

pub(crate) fn verify<'r>(keys: &Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError> {
    let header = request.header(HEADER).map_err(|HeaderError| VerifyError::Malformed)?;
    // Stripe sends neither an empty body nor an empty header; such a request counts as unsigned.
    let header = header.filter(|header| !header.trim().is_empty() && !request.body().is_empty());
    stripe::verify(&keys.0, header.ok_or(VerifyError::Missing)?, request.body(), now.unix_s(), TOLERANCE_S)
}
