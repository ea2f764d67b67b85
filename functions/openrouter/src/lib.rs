//! The webhook source for the usage that OpenRouter broadcasts as OTLP traces: the cost of each generation is taken
//! from the credits of its owner, exactly once, as that of any other gateway.
//!
//! OpenRouter signs nothing, so a static key proves who sends. The spans of a body are split, and kept and booked in
//! batches of our own form (`webhook::ForeignForm`). A use has the journal key of a usage event, and so what is owed
//! for it, its reversal and its budget are those of usage.
//!
//! ```
//! use openrouter::{Openrouter, authorization, events};
//! use signing::{Strength, bearer};
//! use webhook::{Received, Webhook as _};
//!
//! let body = br#"{ "resourceSpans": [{ "scopeSpans": [{ "spans": [{
//!     "spanId": "a1b2c3d4e5f60718", "endTimeUnixNano": "1767225600500000000", "attributes": [
//!         { "key": "span.type", "value": { "stringValue": "generation" } },
//!         { "key": "gen_ai.response.id", "value": { "stringValue": "gen-1" } },
//!         { "key": "gen_ai.request.model", "value": { "stringValue": "openai/gpt-4o" } },
//!         { "key": "gen_ai.usage.total_cost", "value": { "doubleValue": 0.000234 } },
//!         { "key": "trace.metadata.openrouter.api_key_name", "value": { "stringValue": "a-shop" } }
//! ] }] }] }] }"#;
//! let key = "7c1e5b0a94d2f386b1e07a5d3c98f246";
//! let keys = bearer::Keys::parse(key, Strength::Deployed)?;
//! let spans = events(body);
//! let verified = bearer::verify(&keys, &authorization(key), spans[0].as_bytes())?;
//!
//! let openrouter = Openrouter::default();
//! let event = openrouter.parse(&Received::new(verified, &edge::Request::default(), &[])).expect("a use");
//! assert_eq!(openrouter.header(&event).receipt.as_str(), "usage#openrouter.gen-1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assemble;
mod config;
mod decide;
mod event;
mod parse;
mod split;

use std::time::Duration;

use catalog::{CatalogError, RateCard};
use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Source, Timestamp};
use signing::{SecretError, Strength, Verified, VerifyError, bearer};
use usage::{LoadedUse, Usage};
use webhook::{Dependency, Endpoint, ForeignForm, Outcome, ParseError, Received, SEAL, Webhook};

pub use assemble::assemble;
pub use config::{Config, ConfigError, OwnerBy};
pub use event::{Event, Use};
pub use signing::bearer::authorization;
pub use split::events;

/// The settings that hold secrets: the keys that OpenRouter may send.
pub const SETTINGS: [&str; 1] = ["OPENROUTER_KEY"];

/// The path of its webhooks, which also tells a kept event of OpenRouter from one of our own form.
pub const PATH: &str = "/api/webhooks/openrouter";

/// As much as Lambda takes.
const FORM: ForeignForm =
    ForeignForm { bytes_max: 6 * 1024 * 1024, events, batch: webhook::sealed_form(usage::reply_to_each) };

/// The source, with the rate card that turns dollars into credits and prices events without a cost.
#[derive(Debug, Clone, Default)]
pub struct Openrouter {
    pub config: Config,
    pub card: Option<RateCard>,
}

impl Openrouter {
    /// With the card of the catalog that this program was built with.
    pub fn shipped(config: Config) -> Result<Self, CatalogError> {
        RateCard::shipped().map(|card| Self { config, card })
    }
}

impl Webhook for Openrouter {
    const SOURCE: Source = Source::Openrouter;
    const ROUTES: &'static [Route<Endpoint>] =
        &[Route { method: "POST", path: PATH, endpoint: Endpoint::Foreign(FORM) }];
    /// As much as is kept. A delivery of several events may have more.
    const BODY_BYTES_MAX: usize = 1024 * 1024;
    /// OpenRouter does not say how long it waits.
    const REPLY_WITHIN: Duration = Duration::from_secs(9);
    /// Never the key.
    const HEADERS_KEPT: &'static [&'static str] = &["content-type", "user-agent", SEAL];

    type Form = ();
    type Keys = bearer::Keys;
    type Event = Event;
    type Loaded = Option<LoadedUse>;

    fn keys(settings: &Settings, strength: Strength) -> Result<bearer::Keys, (&'static str, SecretError)> {
        let [setting] = SETTINGS;
        let keys = bearer::Keys::parse(settings.setting(setting).unwrap_or_default(), strength)
            .map_err(|error| (setting, error))?;
        if keys.weak() {
            tracing::warn!(setting, "the secret is shorter than a deployment accepts");
        }
        Ok(keys)
    }

    fn form(&self, _: &Incoming) {}

    fn verify<'r>(&self, keys: &bearer::Keys, request: &'r Request, _: Timestamp) -> Result<Verified<'r>, VerifyError> {
        webhook::verify_bearer(keys, request)
    }

    fn parse(&self, received: &Received<'_>) -> Result<Event, ParseError> {
        parse::parse(received.bytes(), self.config.owner_by)
    }

    fn header(&self, event: &Event) -> JournalHeader {
        decide::header(event)
    }

    fn sent_at(&self, event: &Event) -> Option<Timestamp> {
        if let Event::Use(used) = event { Some(used.event.sent_at) } else { None }
    }

    fn event_id<'e>(&self, event: &'e Event) -> &'e str {
        event.id()
    }

    async fn load<L: Ledger>(
        &self,
        event: &Event,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<LoadedUse>, CommitError> {
        let Event::Use(used) = event else { return Ok(None) };
        Usage::default().load(&used.event, ledger, context).await.map(Some)
    }

    fn decide(&self, event: &Event, header: JournalHeader, loaded: Option<LoadedUse>) -> Decision {
        decide::decide(event, header, loaded, self.card.as_ref())
    }

    fn reply(&self, (): (), outcome: &Outcome, event_id: Option<&str>) -> Reply {
        usage::reply(outcome, event_id)
    }

    async fn dependencies(&self, _: Deadline) -> Vec<Dependency> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
