//! The webhook source for the usage that LiteLLM reports through its callback `generic_api`: the cost of each event is
//! taken from the credits of its owner, exactly once, as that of any other gateway.
//!
//! The crate `usage` is the source of every such gateway (`usage::Reported`). Here are LiteLLM's form and settings.
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

/// The settings that hold secrets: the keys that LiteLLM may send.
pub const SETTINGS: [&str; 1] = ["LITELLM_KEY"];

/// The path of its webhooks, which also tells a kept event of LiteLLM from one of our own form.
pub const PATH: &str = "/api/webhooks/litellm";

/// The source.
pub type Litellm = Reported<Config>;

impl Gateway for Config {
    const SOURCE: Source = Source::Litellm;
    const PATH: &'static str = PATH;
    const KEYS: &'static str = SETTINGS[0];
    /// LiteLLM waits for ten minutes, and API Gateway for 30 s. A batch of 512 events takes a second.
    const REPLY_WITHIN: Duration = Duration::from_secs(20);

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
