//! The webhook source for Stripe: payments, checkout sessions, refunds, disputes and subscriptions, each event booked
//! on its order exactly once.
//!
//! Each stage is a file: `verify`, `parse`, `load`, `decide`, `reply`. The crate `webhook` runs them in order.
//!
//! ```
//! use std::collections::HashMap;
//!
//! // The mode has no default: a wrong one would fulfil test payments, or none at all.
//! let mut settings = HashMap::from([("STRIPE_EVENTS", "charge.refunded")]);
//! let read = |settings: &HashMap<&str, &str>| {
//!     stripe::Config::read(|name| settings.get(name).map(|value| value.to_string()), "prod")
//! };
//! assert_eq!(read(&settings).unwrap_err(), stripe::ConfigError::Livemode);
//!
//! settings.insert("STRIPE_LIVEMODE", "true");
//! let config = read(&settings)?;
//! assert!(config.livemode && config.kinds.contains(&stripe::Kind::ChargeRefunded));
//! # Ok::<(), stripe::ConfigError>(())
//! ```

mod assemble;
mod config;
mod decide;
mod load;
mod parse;
mod reply;
mod verify;

use std::time::Duration;

use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{
    CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Order, OrderNumber, Reference, Source,
    Subscription, Timestamp,
};
use signing::{SecretError, Strength, Verified, VerifyError};
use webhook::{Dependency, Endpoint, Outcome, ParseError, Received, Webhook};

pub use assemble::assemble;
pub use config::{Config, ConfigError};
pub use parse::{Kind, LISTED_AT, Leads, Report, StripeEvent};
pub use verify::{Keys, SETTINGS};

#[derive(Debug, Clone)]
pub struct Stripe {
    pub config: Config,
}

/// The parts of the books that a decision needs.
#[derive(Debug, Clone, Default)]
pub struct Loaded {
    order: Option<Order>,
    subscription: Option<Subscription>,
    /// The id under which later events name the event's object, if it has no pointer to an order yet.
    unknown: Option<Reference>,
    /// The invoice that the refunded or disputed payment paid.
    invoice: Option<Reference>,
    /// The event's invoice, if the event names the payments that paid it.
    linked: Option<Reference>,
    /// The invoice's payments whose pointers do not record the invoice yet, each with the order that it points to now.
    unlinked: Vec<(Reference, Option<OrderNumber>)>,
}

impl Webhook for Stripe {
    const SOURCE: Source = Source::Stripe;
    const ROUTES: &'static [Route<Endpoint>] = &[
        Route { method: "POST", path: "/api/v1/webhooks/stripe", endpoint: Endpoint::Event },
        Route { method: "POST", path: "/api/v1/webhooks/stripe/", endpoint: Endpoint::Event },
        Route { method: "POST", path: "/api/stripe/webhook", endpoint: Endpoint::Event },
        Route { method: "POST", path: "/api/stripe/webhook/", endpoint: Endpoint::Event },
    ];
    /// Invoices with many lines are Stripe's longest events; none that we saw comes near this size.
    const BODY_BYTES_MAX: usize = 1024 * 1024;
    /// Stripe documents no reply deadline. This is below the function's own timeout, so that we send the reply.
    const REPLY_WITHIN: Duration = Duration::from_secs(8);
    const HEADERS_KEPT: &'static [&'static str] = &["content-type", "user-agent", signing::stripe::HEADER];

    type Form = ();
    type Keys = Keys;
    type Event = StripeEvent;
    type Loaded = Loaded;

    fn keys(settings: &Settings, strength: Strength) -> Result<Keys, (&'static str, SecretError)> {
        Keys::read(settings, strength)
    }

    fn form(&self, _: &Incoming) {}

    fn verify<'r>(&self, keys: &Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError> {
        verify::verify(keys, request, now)
    }

    fn parse(&self, received: &Received<'_>) -> Result<StripeEvent, ParseError> {
        parse::parse(received, self.config.account.as_deref())
    }

    fn header(&self, event: &StripeEvent) -> JournalHeader {
        decide::header(event)
    }

    /// `None`: a retried event's own time may be days ago. The signature carries the sending time, and verification
    /// checks it.
    fn sent_at(&self, _: &StripeEvent) -> Option<Timestamp> {
        None
    }

    fn event_id<'e>(&self, event: &'e StripeEvent) -> &'e str {
        &event.id
    }

    async fn load<L: Ledger>(
        &self,
        event: &StripeEvent,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Loaded, CommitError> {
        if decide::unbooked(event, &self.config).is_some() {
            return Ok(Loaded::default());
        }
        load::load(event, ledger, context).await
    }

    fn decide(&self, event: &StripeEvent, header: JournalHeader, loaded: Loaded) -> Decision {
        match decide::unbooked(event, &self.config) {
            Some(unbooked) => unbooked.decision(header),
            None => decide::decide(event, header, loaded, &self.config),
        }
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
