//! epay (易支付): payments that a gateway notifies, V1 (MD5) and V2 (RSA), booked on the orders that they are about, exactly once.
//!
//! The stages are the files: `verify`, `parse`, `decide`, `reply`. The spine in `webhook` runs them. The buyer comes back with the same
//! signed parameters: that is the same event, answered with a `page`. `confirm` queries the gateway.

mod assemble;
mod config;
mod confirm;
mod decide;
mod page;
mod parse;
mod reply;
mod verify;

use std::time::Duration;

use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Order, Pointer, Source, Timestamp};
use signing::epay::{Keys, Scheme};
use signing::{SecretError, Strength, Verified, VerifyError};
use webhook::{Dependency, Endpoint, Outcome, ParseError, Received, Webhook};

pub use assemble::assemble;
pub use config::{Config, ConfigError};
pub use confirm::Gateway;
pub use parse::{EpayEvent, reference};
pub use signing::epay::SETTINGS;

/// What books by GET has no HEAD: HEAD changes nothing.
const ROUTES: &[Route<Endpoint>] = &[
    Route { method: "GET", path: "/payment/notify", endpoint: Endpoint::Event },
    Route { method: "POST", path: "/payment/notify", endpoint: Endpoint::Event },
    Route { method: "GET", path: "/payment/return", endpoint: Endpoint::Page(page::page) },
    Route { method: "GET", path: "/payment/health", endpoint: Endpoint::Health(reply::health) },
    Route { method: "HEAD", path: "/payment/health", endpoint: Endpoint::Health(reply::health) },
    Route { method: "GET", path: "/payment/status", endpoint: Endpoint::Status(reply::status) },
    Route { method: "HEAD", path: "/payment/status", endpoint: Endpoint::Status(reply::status) },
];

#[derive(Debug)]
pub struct Epay {
    pub config: Config,
    /// How the gateway is queried before anything is booked. Needed unless the configuration waives that for every merchant.
    pub gateway: Option<Gateway>,
}

/// What of the books, and of the gateway, a decision needs.
#[derive(Debug, Clone)]
pub struct Loaded {
    order: Option<Order>,
    /// Whether the payment leads to its order already.
    is_pointed: bool,
    /// `None`: nobody was asked.
    is_confirmed: Option<bool>,
    /// Whether the gateway confirms what is booked.
    is_confirming: bool,
    /// When it was first heard of.
    at: Timestamp,
}

impl Webhook for Epay {
    const SOURCE: Source = Source::Epay;
    const ROUTES: &'static [Route<Endpoint>] = ROUTES;
    const BODY_BYTES_MAX: usize = verify::FORM_BYTES_MAX;
    /// A gateway waits five seconds, with the way there and back.
    const REPLY_WITHIN: Duration = Duration::from_millis(3_500);
    const HEADERS_KEPT: &'static [&'static str] = &["content-type", "user-agent"];

    type Form = ();
    type Keys = Keys;
    type Event = EpayEvent;
    type Loaded = Loaded;

    fn keys(settings: &Settings, strength: Strength) -> Result<Keys, (&'static str, SecretError)> {
        verify::keys(settings, strength)
    }

    fn form(&self, _: &Incoming) {}

    fn verify<'r>(&self, keys: &Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError> {
        verify::verify(&self.config.gateway, keys, request, now)
    }

    fn parse(&self, received: &Received<'_>) -> Result<EpayEvent, ParseError> {
        parse::parse(received)
    }

    fn header(&self, event: &EpayEvent) -> JournalHeader {
        decide::header(event)
    }

    fn sent_at(&self, event: &EpayEvent) -> Option<Timestamp> {
        event.sent_at
    }

    fn event_id<'e>(&self, event: &'e EpayEvent) -> &'e str {
        &event.id
    }

    async fn load<L: Ledger>(
        &self,
        event: &EpayEvent,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Loaded, CommitError> {
        let is_pointed = ledger.resolve_pointer(&Pointer::Provider(event.by.clone()), context).await?.is_some();
        let order = ledger.order(&event.order, context).await?;
        // Others may know a key of V1 that was replaced.
        let merchant = self.config.gateway.merchant(&event.pid);
        let is_shared = merchant.is_some_and(|merchant| merchant.scheme == Scheme::Md5);
        let is_confirming = self.config.confirms_of(&event.pid) || (is_shared && context.is_by_retired_key());
        // Never by the clock of a row, which others can write.
        let at = event.sent_at.unwrap_or(context.received_at);
        let mut loaded = Loaded { order, is_pointed, is_confirmed: None, is_confirming, at };
        if let Some(order) = loaded.order.as_ref().filter(|_| is_confirming) {
            // Nobody is asked about what pays nothing.
            let is_news = decide::paid(event, order, &loaded).is_ok_and(|effects| !effects.is_empty());
            if is_news {
                // Without a way to ask it waits: it is never taken for confirmed.
                let gateway = self.gateway.as_ref().ok_or(CommitError::Unavailable(None))?;
                loaded.is_confirmed = Some(gateway.confirms(&self.config, event, context).await);
            }
        }
        Ok(loaded)
    }

    fn decide(&self, event: &EpayEvent, header: JournalHeader, loaded: Loaded) -> Decision {
        decide::decide(event, header, &self.config.gateway, &loaded)
    }

    fn reply(&self, (): (), outcome: &Outcome, _: Option<&str>) -> Reply {
        reply::reply(outcome)
    }

    async fn dependencies(&self, deadline: Deadline) -> Vec<Dependency> {
        match &self.gateway {
            None => Vec::new(),
            Some(gateway) => {
                vec![Dependency { name: "gateway", answers: gateway.answers(&self.config, deadline).await }]
            }
        }
    }
}

#[cfg(test)]
mod tests;
