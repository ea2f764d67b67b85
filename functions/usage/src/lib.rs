//! The webhook source for usage events of an LLM gateway such as new-api: the cost of each event is taken from the
//! credits of the key's owner, exactly once.
//!
//! Each stage is a file: `verify`, `parse`, `decide`, `reply`. The crate `webhook` runs them in order.
//!
//! ```
//! use signing::{Strength, hmac_hex};
//! use usage::Usage;
//! use webhook::{Received, Webhook as _};
//!
//! let body = br#"{
//!     "eventId": "evt_1", "eventType": "usage", "timestamp": 1767225600,
//!     "data": { "remoteKeyId": "1", "model": "gpt-4o", "promptTokens": 120, "completionTokens": 30,
//!               "totalTokens": 150, "creditCost": "0.00234" }
//! }"#;
//! let keys = hmac_hex::Keys::parse("7c1e5b0a94d2f386b1e07a5d3c98f246", Strength::Deployed)?;
//! let verified = hmac_hex::verify(&keys, body, &hmac_hex::sign(&keys, body))?;
//!
//! let usage = Usage::default();
//! let event = usage.parse(&Received::new(verified, &edge::Request::default(), &[])).expect("a usage event");
//! assert_eq!(usage.header(&event).receipt.as_str(), "usage#evt_1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assemble;
mod decide;
mod dollars;
mod parse;
mod reply;
mod reported;
mod verify;

use std::time::Duration;

use catalog::{Catalog, CatalogError, RateCard};
use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Source, Timestamp, UsedKey};
use signing::{SecretError, Strength, Verified, VerifyError};
use webhook::{BatchForm, Dependency, Endpoint, Outcome, ParseError, Received, Webhook};

pub use assemble::assemble;
pub use decide::{decide, fingerprint_of, header};
pub use parse::{EventType, UsageEvent};
pub use reply::reply;
pub use reported::{Gateway, Report, Reported, ReportedUse};
pub use verify::{Keys, SETTINGS};

/// The path of its events.
pub const EVENTS: &str = "/api/webhooks/events";
/// A JSON array of events: ours, or `CloudEvents` in their batch form.
const BATCH: BatchForm =
    BatchForm { bytes_max: 256 * 1024, events_max: 100, split: webhook::elements, reply: reply::batch };

/// The source, with the rate card that prices events without a cost. Without a card each of them waits for one.
#[derive(Debug, Clone, Default)]
pub struct Usage {
    card: Option<RateCard>,
}

/// What the ledger has of an event's key, and when the use was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedUse {
    pub key: Option<UsedKey>,
    /// No later than the first receipt, as [`UsedKey`] has it.
    pub used_at: Timestamp,
}

impl Usage {
    pub fn new(catalog: &Catalog) -> Self {
        Self { card: catalog.rate_card().cloned() }
    }

    /// What a dollar is, if there is a card.
    pub fn credits_per_usd(&self) -> Option<String> {
        self.card.as_ref().map(RateCard::credits_per_usd)
    }

    /// Whether the card had any price for the model at that time.
    pub fn has_price(&self, model: &str, at: Timestamp) -> bool {
        self.card.as_ref().is_some_and(|card| card.row(model, at).is_some())
    }

    /// With the card of the catalog that this program was built with.
    pub fn shipped() -> Result<Self, CatalogError> {
        RateCard::shipped().map(|card| Self { card })
    }
}

impl Webhook for Usage {
    const SOURCE: Source = Source::Usage;
    const ROUTES: &'static [Route<Endpoint>] = &[
        Route { method: "POST", path: EVENTS, endpoint: Endpoint::Event },
        Route { method: "POST", path: "/api/webhooks/events/batch", endpoint: Endpoint::Batch(BATCH) },
        Route { method: "GET", path: "/api/webhooks/health", endpoint: Endpoint::Health(reply::health) },
        Route { method: "HEAD", path: "/api/webhooks/health", endpoint: Endpoint::Health(reply::health) },
    ];
    /// A hundred times the size of an event.
    const BODY_BYTES_MAX: usize = 64 * 1024;
    /// The reply deadline. Gateways document none; five seconds is the shortest of all senders that this project
    /// serves.
    const REPLY_WITHIN: Duration = Duration::from_secs(4);
    const HEADERS_KEPT: &'static [&'static str] = &[
        "content-type",
        "user-agent",
        verify::SIGNATURE,
        verify::STANDARD_ID,
        verify::STANDARD_TIMESTAMP,
        verify::STANDARD_SIGNATURE,
    ];

    type Form = ();
    type Keys = Keys;
    type Event = UsageEvent;
    type Loaded = LoadedUse;

    fn keys(settings: &Settings, strength: Strength) -> Result<Keys, (&'static str, SecretError)> {
        Keys::read(settings, strength)
    }

    fn form(&self, _: &Incoming) {}

    fn verify<'r>(&self, keys: &Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError> {
        verify::verify(keys, request, now)
    }

    fn parse(&self, received: &Received<'_>) -> Result<UsageEvent, ParseError> {
        parse::parse(received)
    }

    fn header(&self, event: &UsageEvent) -> JournalHeader {
        decide::header(event)
    }

    fn sent_at(&self, event: &UsageEvent) -> Option<Timestamp> {
        Some(event.sent_at)
    }

    fn event_id<'e>(&self, event: &'e UsageEvent) -> &'e str {
        &event.id
    }

    async fn load<L: Ledger>(
        &self,
        event: &UsageEvent,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<LoadedUse, CommitError> {
        let bound = ledger.key(&event.key, context).await?;
        let key = bound.map(|bound| bound.used(&event.key, event.sent_at, context.first_received_at));
        Ok(LoadedUse { key, used_at: event.sent_at.min(context.first_received_at) })
    }

    fn decide(&self, event: &UsageEvent, header: JournalHeader, used: LoadedUse) -> Decision {
        decide::decide(event, header, used, self.card.as_ref())
    }

    fn reply(&self, (): (), outcome: &Outcome, event_id: Option<&str>) -> Reply {
        reply::reply(outcome, event_id)
    }

    async fn dependencies(&self, _: Deadline) -> Vec<Dependency> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
