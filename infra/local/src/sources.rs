//! What the sender's side knows of each source: its secrets, its path, and how a sample becomes an event that was never sent.

use edge::Route;
use ledger::Timestamp;
use signing::{SecretError, Strength, hmac_hex, standard_webhooks};
use usage::Usage;
use webhook::{Endpoint, Webhook};

use crate::error::Error;
use crate::json::{PathError, quoted, value_at, with_value};
use crate::random::{self, Generate};

pub(crate) struct Source {
    pub(crate) name: &'static str,
    pub(crate) routes: &'static [Route<Endpoint>],
    pub(crate) settings: &'static [Setting],
    fresh: Fresh,
    /// The messages that say so.
    pub(crate) booked: &'static str,
    pub(crate) repeat: &'static str,
}

/// A setting that holds a secret: how one is made, and how it signs.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    scheme: Scheme,
    pub(crate) generate: Generate,
    sign: Sign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The source's own.
    Own,
    Standard,
}

/// Sample, id and time.
type Fresh = fn(&str, &str, Timestamp) -> Result<String, PathError>;
/// Secret, time and body.
type Sign = fn(&str, Timestamp, &[u8]) -> Result<Headers, SecretError>;

pub(crate) type Headers = Vec<(&'static str, String)>;

pub(crate) const SOURCES: [Source; 1] = [USAGE];

pub(crate) const USAGE: Source = Source {
    name: Usage::SOURCE,
    routes: Usage::ROUTES,
    settings: &[
        Setting { name: usage::SETTINGS[0], scheme: Scheme::Own, generate: random::hex, sign: sign_usage },
        Setting { name: usage::SETTINGS[1], scheme: Scheme::Standard, generate: random::whsec, sign: sign_standard },
    ],
    fresh: fresh_usage,
    booked: "Event processed successfully",
    repeat: "Event already processed (idempotent)",
};

impl Source {
    pub(crate) fn named(name: &str) -> Result<&'static Self, Error> {
        let known = || SOURCES.iter().map(|source| source.name).collect::<Vec<_>>().join(", ");
        SOURCES.iter().find(|source| source.name == name).ok_or_else(|| Error::UnknownSource(name.to_owned(), known()))
    }

    pub(crate) fn setting(&self, scheme: Scheme) -> Result<&'static Setting, Error> {
        let mut settings = self.settings.iter();
        settings.find(|setting| setting.scheme == scheme).ok_or(Error::NoScheme(self.name))
    }

    pub(crate) fn path(&self, endpoint: Endpoint) -> &'static str {
        let route = self.routes.iter().find(|route| route.endpoint == endpoint);
        route.map_or("/", |route| route.path)
    }

    /// The sample as an event of its own, that happens now.
    pub(crate) fn fresh(&self, sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
        (self.fresh)(sample, id, now)
    }
}

impl Setting {
    /// The headers that prove who sent `body`.
    pub(crate) fn sign(&self, secret: &str, now: Timestamp, body: &[u8]) -> Result<Headers, Error> {
        (self.sign)(secret, now, body).map_err(|error| Error::Secret(self.name, error))
    }
}

/// In whichever of the accepted forms the sample has its time.
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
