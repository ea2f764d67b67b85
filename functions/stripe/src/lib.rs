//! The webhook source for Stripe: payments, checkout sessions, refunds, disputes and subscriptions, each event booked
//! on its order exactly once.
//!
//! Each stage is a file: `verify`, `parse`, `decide`, `reply`. The crate `webhook` runs them in order.
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
mod parse;
mod reply;
mod verify;

use std::time::Duration;

use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{
    CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Order, OrderNumber, Pointer, Reference,
    Source, Subscription, Timestamp,
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
    /// The event's ids that have no pointer to an order yet.
    unknown: Vec<Reference>,
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
        let mut loaded = Loaded::default();
        let mut number = None;
        if let Some(subscription) = event.report.subscription() {
            loaded.subscription = ledger.subscription(subscription, context).await?;
            number = loaded.subscription.as_ref().map(|subscription| subscription.order.clone());
        }
        if let Some((invoice, payments)) = event.report.invoice() {
            let pointed = ledger.resolve_pointer(&Pointer::Provider(invoice.clone()), context).await?;
            if pointed.is_none() {
                loaded.unknown.push(invoice.clone());
            }
            number = number.or(pointed);
            loaded.linked = Some(invoice.clone());
            loaded.unlinked = unlinked(payments, ledger, context).await?;
        } else if event.report.subscription().is_none() {
            number = resolve_pointer(event, ledger, context, &mut loaded.unknown).await?.or(number);
        }
        if let Some(number) = number.or_else(|| event.leads.order.clone()) {
            loaded.order = ledger.order(&number, context).await?;
        }
        if let (Some(order), Some(of)) = (&loaded.order, event.claims()) {
            // The payment that paid its order paid no invoice.
            if order.paid.as_ref().is_none_or(|paid| paid.by != *of) {
                loaded.invoice = ledger.invoice_paid_by(of, context).await?;
            }
        }
        Ok(loaded)
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

/// The order that the first known id points to; ids without a pointer are added to `unknown`.
async fn resolve_pointer<L: Ledger>(
    event: &StripeEvent,
    ledger: &L,
    context: &CallContext<'_>,
    unknown: &mut Vec<Reference>,
) -> Result<Option<OrderNumber>, CommitError> {
    for reference in &event.leads.references {
        match ledger.resolve_pointer(&Pointer::Provider(reference.clone()), context).await? {
            Some(number) => return Ok(Some(number)),
            None => unknown.push(reference.clone()),
        }
    }
    Ok(None)
}

/// The payments of an invoice whose pointers do not record an invoice.
async fn unlinked<L: Ledger>(
    payments: &[Reference],
    ledger: &L,
    context: &CallContext<'_>,
) -> Result<Vec<(Reference, Option<OrderNumber>)>, CommitError> {
    let mut unlinked = Vec::new();
    for payment in payments {
        if ledger.invoice_paid_by(payment, context).await?.is_none() {
            let leads = ledger.resolve_pointer(&Pointer::Provider(payment.clone()), context).await?;
            unlinked.push((payment.clone(), leads));
        }
    }
    Ok(unlinked)
}

#[cfg(test)]
mod tests;
