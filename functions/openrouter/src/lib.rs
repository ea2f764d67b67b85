//! The webhook source for the usage that OpenRouter broadcasts as OTLP traces: the cost of each generation is taken
//! from the credits of its owner, exactly once, as that of any other gateway.
//!
//! The crate `usage` is the source of every such gateway (`usage::Reported`). Here are OpenRouter's form and settings.
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
mod parse;
mod split;

use std::time::Duration;

use edge::{Start, StartError};
use ledger::Source;
use usage::{Gateway, Report, Reported};
use webhook::ParseError;

pub use assemble::assemble;
pub use config::{Config, ConfigError, OwnerBy};
pub use signing::bearer::authorization;
pub use split::events;

/// The settings that hold secrets: the keys that OpenRouter may send.
pub const SETTINGS: [&str; 1] = ["OPENROUTER_KEY"];

/// The path of its webhooks, which also tells a kept event of OpenRouter from one of our own form.
pub const PATH: &str = "/api/webhooks/openrouter";

/// The source.
pub type Openrouter = Reported<Config>;

impl Gateway for Config {
    const SOURCE: Source = Source::Openrouter;
    const PATH: &'static str = PATH;
    const KEYS: &'static str = SETTINGS[0];
    /// OpenRouter does not say how long it waits.
    const REPLY_WITHIN: Duration = Duration::from_secs(9);

    fn configured(start: &Start) -> Result<Self, StartError> {
        start.read(Self::read)
    }

    fn events(body: &[u8]) -> Vec<String> {
        split::events(body)
    }

    fn parse(&self, event: &[u8]) -> Result<Report, ParseError> {
        parse::parse(event, self.owner_by)
    }
}

#[cfg(test)]
mod tests;
