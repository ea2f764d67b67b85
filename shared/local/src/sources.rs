//! The sender's side of each source: its secrets, its path, and how a sample fixture becomes a new signed webhook delivery.

pub(crate) mod epay;
pub(crate) mod fireblocks;
mod litellm;
mod openrouter;
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
pub(crate) use self::litellm::LITELLM;
pub(crate) use self::openrouter::OPENROUTER;
pub(crate) use self::stripe::STRIPE;
pub use self::usage::USAGE;
pub(crate) use self::wechat::WECHAT;
pub use sending::Signed;

/// A source of webhooks, as its sender sees it.
pub struct Source {
    pub name: &'static str,
    pub(crate) routes: &'static [Route<Endpoint>],
    pub(crate) settings: &'static [Setting],
    /// The sample that `send` takes when none is named.
    pub(crate) sample: &'static str,
    fresh: Fresh,
    /// Rewrites a sample to be about an order; `None` if the source's events name no order.
    of_order: Option<OfOrder>,
    /// Encodes a sample for the wire, if the wire format is not the sample itself.
    wire: Option<Wire>,
    /// The path that registers a sample's payment at the provider's fake, since the function queries the provider about it.
    pub fake_path: Option<&'static str>,
    /// The reply messages for a booked event and for a repeat, if the source has them.
    pub reply_messages: Option<[&'static str; 2]>,
}

/// A setting that holds a secret: how to generate one, and how to sign with it.
pub struct Setting {
    pub name: &'static str,
    scheme: Scheme,
    pub(crate) generate: Generate,
    sign: Sign,
}

/// The signature scheme of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The source's own scheme.
    Own,
    /// The Standard Webhooks scheme.
    Standard,
}

/// Sample, id and time.
type Fresh = fn(&str, &str, Timestamp) -> Result<String, PathError>;
type OfOrder = fn(&str, &Order) -> Result<String, PathError>;
/// Secret, time and sample.
type Wire = fn(&str, Timestamp, &str) -> Result<Signed, SecretError>;
/// Secret, time and body.
type Sign = fn(&str, Timestamp, &[u8]) -> Result<Headers, SecretError>;

/// Header names and values of a signed request.
pub type Headers = Vec<(&'static str, String)>;

impl Source {
    pub(crate) fn named(name: &str) -> Result<&'static Self, Error> {
        let known = || ledger::Source::ALL.map(ledger::Source::as_str).join(", ");
        let source = ledger::Source::named(name).ok_or_else(|| Error::UnknownSource(name.to_owned(), known()))?;
        Ok(Self::of(source))
    }

    pub(crate) fn of(source: ledger::Source) -> &'static Self {
        match source {
            ledger::Source::Usage => &USAGE,
            ledger::Source::Litellm => &LITELLM,
            ledger::Source::Openrouter => &OPENROUTER,
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

    /// The path that receives its events.
    pub fn path(&self) -> &'static str {
        let route = self.routes.iter().find(|route| matches!(route.endpoint, Endpoint::Event | Endpoint::Foreign(_)));
        route.map_or("/", |route| route.path)
    }

    /// The path that receives several of its events at once, if there is one, and how many.
    pub fn batch(&self) -> Option<(&'static str, usize)> {
        self.routes.iter().find_map(|route| {
            if let Endpoint::Batch(form) = &route.endpoint { Some((route.path, form.events_max)) } else { None }
        })
    }

    /// The sample, rewritten to be about this order; `None` if the source's events name no order.
    pub(crate) fn of_order(&self, sample: &str, order: &Order) -> Option<Result<String, PathError>> {
        self.of_order.map(|of_order| of_order(sample, order))
    }

    /// The sample in its wire format; `None` if that is the sample itself.
    pub(crate) fn wire(&self, secret: &str, now: Timestamp, body: &str) -> Option<Result<Signed, SecretError>> {
        self.wire.map(|wire| wire(secret, now, body))
    }

    /// The sample as a new event with this id and the current time.
    pub(crate) fn fresh(&self, sample: &str, id: &str, now: Timestamp) -> Result<String, PathError> {
        (self.fresh)(sample, id, now)
    }
}

impl Setting {
    /// The signature headers for `body`.
    pub(crate) fn sign(&self, secret: &str, now: Timestamp, body: &[u8]) -> Result<Headers, Error> {
        (self.sign)(secret, now, body).map_err(|error| Error::Secret(self.name, error))
    }
}

// Written by hand: function pointers print nothing useful.

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
