//! Fireblocks: what becomes of the transfers that send tokens to their buyers, followed by the orders that they are for.
//!
//! The stages are the files: `verify`, `parse`, `decide`, `reply`. The spine in `webhook` runs them. `published` has the keys.

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
    /// A transaction with hundreds of destinations and network records; one of ours has one of each.
    const BODY_BYTES_MAX: usize = 1024 * 1024;
    /// Fireblocks does not say how long it waits. Below the function's own time-out, so that it is we who answer.
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

    /// No signature says when it was made, and what Fireblocks sends again, for hours by itself and for thirty days when it is asked
    /// to, bears the time of the first: an old one is as genuine as a new one. A repeat does nothing, and no status goes back.
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
