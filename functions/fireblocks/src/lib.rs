//! The webhook source for Fireblocks: the status of the transfers that send tokens to buyers, booked on their orders
//! exactly once.
//!
//! Each stage is a file: `verify`, `parse`, `decide`, `reply`. The crate `webhook` runs them in order. `published`
//! fetches and caches the keys.
//!
//! ```
//! use fireblocks::{Config, ConfigError, PublishedAt, Workspace};
//!
//! // A vault without a workspace would take every workspace's events for ours.
//! let only_vault = |name: &str| (name == "FIREBLOCKS_VAULT").then(|| "0".to_owned());
//! assert_eq!(Workspace::read(only_vault), Err(ConfigError::Workspace));
//!
//! // The keys of webhooks are fetched over TLS alone.
//! let config = Config::read(|_| None, "prod")?;
//! assert!(matches!(config.published_at, PublishedAt::Url(url) if url.starts_with("https://")));
//! # Ok::<(), ConfigError>(())
//! ```

mod assemble;
mod config;
mod decide;
mod parse;
mod published;
mod reply;
mod verify;

use std::time::Duration;

use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Order, Source, Timestamp};
use signing::fireblocks::{SIGNATURE, SIGNATURE_V1};
use signing::{SecretError, Strength, Verified, VerifyError};
use webhook::{Dependency, Endpoint, Outcome, ParseError, Received, Webhook};

pub use assemble::assemble;
pub use config::{Config, ConfigError, PublishedAt, Workspace};
pub use parse::{FireblocksEvent, Report};
pub use published::Published;
pub use verify::{Keys, SETTINGS};

#[derive(Debug, Clone)]
pub struct Fireblocks {
    pub workspace: Workspace,
}

impl Webhook for Fireblocks {
    const SOURCE: Source = Source::Fireblocks;
    const ROUTES: &'static [Route<Endpoint>] = &[
        Route { method: "POST", path: "/api/v1/webhooks/fireblocks", endpoint: Endpoint::Event },
        Route { method: "POST", path: "/api/v1/webhooks/fireblocks/", endpoint: Endpoint::Event },
    ];
    /// Enough for hundreds of destinations and network records; a transaction of ours has one of each.
    const BODY_BYTES_MAX: usize = 1024 * 1024;
    /// Fireblocks documents no reply deadline. This is below the function's own timeout, so that we send the reply.
    const REPLY_WITHIN: Duration = Duration::from_secs(8);
    const HEADERS_KEPT: &'static [&'static str] = &["content-type", "user-agent", SIGNATURE, SIGNATURE_V1];

    type Form = ();
    type Keys = Keys;
    type Event = FireblocksEvent;
    type Loaded = Option<Order>;

    fn keys(settings: &Settings, _: Strength) -> Result<Keys, (&'static str, SecretError)> {
        let [published, v1] = SETTINGS;
        Keys::read(settings.setting(published).unwrap_or_default(), settings.setting(v1))
    }

    fn form(&self, _: &Incoming) {}

    fn verify<'r>(&self, keys: &Keys, request: &'r Request, _: Timestamp) -> Result<Verified<'r>, VerifyError> {
        verify::verify(keys, request)
    }

    fn parse(&self, received: &Received<'_>) -> Result<FireblocksEvent, ParseError> {
        parse::parse(received, &self.workspace)
    }

    fn header(&self, event: &FireblocksEvent) -> JournalHeader {
        decide::header(event)
    }

    /// `None`: no signature has a time. Redeliveries carry the time of the first delivery, for hours automatically and
    /// for thirty days on request, so an old event is as genuine as a new one. A replay has no effect, and no status
    /// goes back.
    fn sent_at(&self, _: &FireblocksEvent) -> Option<Timestamp> {
        None
    }

    fn event_id<'e>(&self, event: &'e FireblocksEvent) -> &'e str {
        &event.id
    }

    async fn load<L: Ledger>(
        &self,
        event: &FireblocksEvent,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<Order>, CommitError> {
        match event.report.of_transfer() {
            Some(transfer) => ledger.order(&transfer.order, context).await,
            None => Ok(None),
        }
    }

    fn decide(&self, event: &FireblocksEvent, header: JournalHeader, order: Option<Order>) -> Decision {
        decide::decide(event, header, order.as_ref())
    }

    fn reply(&self, (): (), outcome: &Outcome, _: Option<&str>) -> Reply {
        reply::reply(outcome)
    }

    async fn dependencies(&self, _: Deadline) -> Vec<Dependency> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests;
