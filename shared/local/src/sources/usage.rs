//! The LLM gateway as a sender: builds usage events from samples and signs them.

use ledger::Timestamp;
use signing::{SecretError, Strength, hmac_hex, standard_webhooks};
use usage::Usage;
use webhook::Webhook as _;

use crate::json::{PathError, quoted, value_at, with_value};
use crate::random;
use crate::sources::{Headers, Scheme, Setting, Source};

pub const USAGE: Source = Source {
    name: Usage::SOURCE.as_str(),
    routes: Usage::ROUTES,
    settings: &[
        Setting { name: usage::SETTINGS[0], scheme: Scheme::Own, generate: random::hex, sign: sign_usage },
        Setting { name: usage::SETTINGS[1], scheme: Scheme::Standard, generate: random::whsec, sign: sign_standard },
    ],
    sample: "basic",
    fresh: fresh_usage,
    of_order: None,
    wire: None,
    fake_path: None,
    reply_messages: Some(["Event processed successfully", "Event already processed (idempotent)"]),
};

/// Keeps the time format of the sample: RFC 3339, milliseconds or seconds.
fn fresh_usage(sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
    const MS_DIGITS: usize = 13;
    let written = value_at(sample, "timestamp").unwrap_or_default();
    let timestamp = if written.starts_with('"') {
        quoted(&now.to_string())
    } else if written.len() >= MS_DIGITS {
        now.unix_ms().to_string()
    } else {
        now.unix_s().to_string()
    };
    if value_at(sample, "specversion").is_some() {
        return with_value(&with_value(sample, "id", &quoted(id))?, "time", &quoted(&now.to_string()));
    }
    with_value(&with_value(sample, "eventId", &quoted(id))?, "timestamp", &timestamp)
}

fn sign_usage(secret: &str, _: Timestamp, body: &[u8]) -> Result<Headers, SecretError> {
    let keys = hmac_hex::Keys::parse(secret, Strength::Local)?;
    Ok(vec![("x-webhook-signature", hmac_hex::sign(&keys, body))])
}

fn sign_standard(secret: &str, now: Timestamp, body: &[u8]) -> Result<Headers, SecretError> {
    let keys = standard_webhooks::Keys::parse(secret)?;
    let id = format!("msg_{:016x}", fastrand::u64(..));
    let signature = standard_webhooks::sign(&keys, &id, now.unix_s(), body);
    Ok(vec![("webhook-id", id), ("webhook-timestamp", now.unix_s().to_string()), ("webhook-signature", signature)])
}
