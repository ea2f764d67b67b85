//! The webhook source for epay (易支付) gateways: payments over V1 (MD5) and V2 (RSA), each booked on its order exactly
//! once.
//!
//! Each stage is a file: `verify`, `parse`, `confirm`, `decide`, `reply`. The crate `webhook` runs them in order. The
//! buyer returns from the gateway with the same signed parameters: that is the same event, with a `page` as its reply.
//!
//! ```
//! let settings = |name: &str| match name {
//!     "EPAY_API_BASE" => Some("https://gateway.example".to_owned()),
//!     "EPAY_MERCHANTS" => Some("1001:md5,1002:rsa".to_owned()),
//!     _ => None,
//! };
//! let config = epay::Config::read(settings, "prod")?;
//!
//! // Both sides share an MD5 key and send it in queries, so a query confirms each of its payments first.
//! let [md5, rsa] = config.gateway.merchants.as_slice() else { panic!() };
//! assert!(config.confirms(md5) && !config.confirms(rsa));
//! # Ok::<(), epay::ConfigError>(())
//! ```

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
use ledger::{
    CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Order, Pointer, RowKeys, Source, Timestamp,
};
use signing::epay::{Keys, Scheme};
use signing::{SecretError, Strength, Verified, VerifyError};
use webhook::{Dependency, Endpoint, Outcome, ParseError, Received, Webhook};

pub use assemble::assemble;
pub use config::{Config, ConfigError};
pub use confirm::Gateway;
pub use parse::{EpayEvent, reference};
pub use signing::epay::SETTINGS;

/// A GET that books has no HEAD: a HEAD request changes nothing.
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
    /// The client that confirms payments. Required unless the configuration waives confirmation for every merchant.
    pub gateway: Option<Gateway>,
}

/// The order, its pointer and the gateway's answer, which a decision needs.
#[derive(Debug, Clone)]
pub struct Loaded {
    order: Option<Order>,
    /// Whether the payment has a pointer to its order already.
    is_pointed: bool,
    /// `None` if no query was made.
    is_confirmed: Option<bool>,
    /// Whether the configuration requires a query.
    is_confirming: bool,
    /// The time of the payment: the signed one, or that of the first delivery.
    at: Timestamp,
}

impl Webhook for Epay {
    const SOURCE: Source = Source::Epay;
    const ROUTES: &'static [Route<Endpoint>] = ROUTES;
    const BODY_BYTES_MAX: usize = verify::FORM_BYTES_MAX;
    /// A gateway's reply deadline is 5 s, network time included.
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
        let pointer = Pointer::Provider(event.by.clone());
        let keys = RowKeys { pointers: [pointer.clone()].into(), ..RowKeys::of_order(event.order.clone()) };
        let rows = ledger.read_rows(&keys, context).await?;
        let (is_pointed, order) = (rows.has_pointer(&pointer), rows.order(&event.order)?);
        // Others may know a retired key of V1.
        let merchant = self.config.gateway.merchant(&event.pid);
        let is_shared = merchant.is_some_and(|merchant| merchant.scheme == Scheme::Md5);
        let is_confirming = self.config.confirms_of(&event.pid) || (is_shared && context.is_by_retired_key());
        // Not the time in a kept row, which a role with write access could change.
        let at = event.sent_at.unwrap_or(context.received_at);
        let mut loaded = Loaded { order, is_pointed, is_confirmed: None, is_confirming, at };
        if let Some(order) = loaded.order.as_ref().filter(|_| is_confirming) {
            // No query about an event that pays nothing.
            let is_news = decide::paid(event, order, &loaded).is_ok_and(|effects| !effects.is_empty());
            if is_news {
                // Without a client the event is kept and retried; it never counts as confirmed.
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
