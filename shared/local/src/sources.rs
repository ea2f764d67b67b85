//! What the sender's side knows of each source: its secrets, its path, and how a sample becomes an event that was never sent.

pub(crate) mod epay;
pub(crate) mod fireblocks;
mod stripe;
mod usage;
pub(crate) mod wechat;

use std::fmt;

use edge::Route;
use ledger::{Order, Timestamp};
use signing::SecretError;
use webhook::Endpoint;

use crate::error::Error;
use crate::json::PathError;
use crate::random::Generate;

pub(crate) use self::epay::EPAY;
pub(crate) use self::fireblocks::FIREBLOCKS;
pub(crate) use self::stripe::STRIPE;
pub use self::usage::USAGE;
pub(crate) use self::wechat::WECHAT;

pub struct Source {
    pub name: &'static str,
    pub(crate) routes: &'static [Route<Endpoint>],
    pub(crate) settings: &'static [Setting],
    /// The sample that stands for the others.
    pub(crate) sample: &'static str,
    fresh: Fresh,
    /// Makes a sample one about this order, where samples are about orders.
    of_order: Option<OfOrder>,
    /// Puts a sample into the form in which it goes over the wire, where that is not the sample itself.
    wire: Option<Wire>,
    /// Where the stand-in is told first that what a sample says has happened: it will be asked.
    pub told_to: Option<&'static str>,
    /// The messages that say that an event was booked, and that it was before, where replies say so.
    pub said: Option<[&'static str; 2]>,
}

/// A setting that holds a secret: how one is made, and how it signs.
pub struct Setting {
    pub name: &'static str,
    scheme: Scheme,
    pub(crate) generate: Generate,
    sign: Sign,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The source's own.
    Own,
    Standard,
}

/// Sample, id and time.
type Fresh = fn(&str, &str, Timestamp) -> Result<String, PathError>;
type OfOrder = fn(&str, &Order) -> Result<String, PathError>;
/// Secret, time and sample.
type Wire = fn(&str, Timestamp, &str) -> Result<Signed, SecretError>;
/// Secret, time and body.
type Sign = fn(&str, Timestamp, &[u8]) -> Result<Headers, SecretError>;

pub type Headers = Vec<(&'static str, String)>;

/// A request as it is sent.
pub struct Signed {
    pub method: &'static str,
    /// Undecoded; empty where there is none.
    pub query: String,
    pub body: String,
    pub headers: Headers,
}

impl Signed {
    pub fn post(body: String, headers: Headers) -> Self {
        Self { method: "POST", query: String::new(), body, headers }
    }

    pub fn get(query: String) -> Self {
        Self { method: "GET", query, body: String::new(), headers: Headers::new() }
    }
}

impl Source {
    pub(crate) fn named(name: &str) -> Result<&'static Self, Error> {
        let known = || ledger::Source::ALL.map(ledger::Source::as_str).join(", ");
        let source = ledger::Source::named(name).ok_or_else(|| Error::UnknownSource(name.to_owned(), known()))?;
        Ok(Self::of(source))
    }

    pub(crate) fn of(source: ledger::Source) -> &'static Self {
        match source {
            ledger::Source::Usage => &USAGE,
            ledger::Source::Stripe => &STRIPE,
            ledger::Source::Wechat => &WECHAT,
            ledger::Source::Epay => &EPAY,
            ledger::Source::Fireblocks => &FIREBLOCKS,
        }
    }

    pub(crate) fn all() -> impl Iterator<Item = &'static Self> {
        ledger::Source::ALL.into_iter().map(Self::of)
    }

    pub fn setting(&self, scheme: Scheme) -> Result<&'static Setting, Error> {
        let mut settings = self.settings.iter();
        settings.find(|setting| setting.scheme == scheme).ok_or(Error::NoScheme(self.name))
    }

    /// Where its events go.
    pub fn path(&self) -> &'static str {
        let route = self.routes.iter().find(|route| matches!(route.endpoint, Endpoint::Event));
        route.map_or("/", |route| route.path)
    }

    /// The sample as an event about this order; `None` where its events are about none.
    pub(crate) fn of_order(&self, sample: &str, order: &Order) -> Option<Result<String, PathError>> {
        self.of_order.map(|of_order| of_order(sample, order))
    }

    /// The sample as it goes over the wire, where it does not go as it is.
    pub(crate) fn wire(&self, secret: &str, now: Timestamp, body: &str) -> Option<Result<Signed, SecretError>> {
        self.wire.map(|wire| wire(secret, now, body))
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

// By hand: functions say nothing.

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Setting").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A body may be a secret's only copy, and so may a header.
impl fmt::Debug for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed").field("method", &self.method).finish_non_exhaustive()
    }
}
