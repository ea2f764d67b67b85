//! The webhook source for the usage that LiteLLM reports through its callback `generic_api`: the cost of each event is
//! taken from the credits of its owner, exactly once, as that of any other gateway.
//!
//! LiteLLM signs nothing, so a static key proves who sends. The events of a body are split, normalised, and kept and
//! booked in batches of our own form (`webhook::ForeignForm`). A use has the journal key of a usage event, and so what
//! is owed for it, its reversal and its budget are those of usage.
//!
//! ```
//! use ledger::Timestamp;
//! use litellm::{Litellm, authorization};
//! use signing::{Strength, bearer};
//! use webhook::{Received, Webhook as _};
//!
//! let body = br#"{
//!     "id": "chatcmpl-1", "litellm_call_id": "c1", "status": "success", "model": "openai/gpt-4o",
//!     "endTime": 1767225600.5,
//!     "prompt_tokens": 120, "completion_tokens": 30, "total_tokens": 150, "response_cost": 2.34e-05,
//!     "metadata": { "user_api_key_hash": "9f86d081884c7d659a2feaa0c55ad015" }
//! }"#;
//! let key = "7c1e5b0a94d2f386b1e07a5d3c98f246";
//! let keys = bearer::Keys::parse(key, Strength::Deployed)?;
//! let verified = bearer::verify(&keys, &authorization(key), body)?;
//!
//! let litellm = Litellm::default();
//! let event = litellm.parse(&Received::new(verified, &edge::Request::default(), &[])).expect("a use");
//! assert!(litellm.header(&event).receipt.as_str().starts_with("usage#litellm."));
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

/// The settings that hold secrets: the keys that LiteLLM may send.
pub const SETTINGS: [&str; 1] = ["LITELLM_KEY"];

/// The path of its webhooks, which also tells a kept event of LiteLLM from one of our own form.
pub const PATH: &str = "/api/webhooks/litellm";

/// As much as Lambda takes.
const FORM: ForeignForm =
    ForeignForm { bytes_max: 6 * 1024 * 1024, events, batch: webhook::sealed_form(usage::reply_to_each) };

/// The source, with the rate card that turns dollars into credits and prices events without a cost.
#[derive(Debug, Clone, Default)]
pub struct Litellm {
    pub config: Config,
    pub card: Option<RateCard>,
}

impl Litellm {
    /// With the card of the catalog that this program was built with.
    pub fn shipped(config: Config) -> Result<Self, CatalogError> {
        RateCard::shipped().map(|card| Self { config, card })
    }
}

impl Webhook for Litellm {
    const SOURCE: Source = Source::Litellm;
    const ROUTES: &'static [Route<Endpoint>] =
        &[Route { method: "POST", path: PATH, endpoint: Endpoint::Foreign(FORM) }];
    /// As much as is kept. A delivery of several events may have more.
    const BODY_BYTES_MAX: usize = 1024 * 1024;
    /// LiteLLM waits for ten minutes, and API Gateway for 30 s. A batch of 512 events takes a second.
    const REPLY_WITHIN: Duration = Duration::from_secs(20);
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
