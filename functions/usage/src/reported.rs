//! The webhook source of a gateway that reports uses in a form of its own, with their cost in dollars.
//!
//! Such a gateway signs nothing, so a static key proves who sends. Its events are split from a body, normalised, and
//! kept and booked in batches of our own form (`webhook::ForeignForm`). A use has the journal key of a usage event, and
//! so what is owed for it, its reversal and its budget are those of usage.

use std::time::Duration;

use catalog::{CatalogError, RateCard, Usd};
use edge::{Incoming, Reply, Request, Route, Settings, Start, StartError};
use ledger::{
    CallContext, CommitError, Deadline, Decision, EventKey, Fact, Fingerprint, JournalHeader, Ledger, Source, Timestamp,
};
use signing::{SecretError, Strength, Verified, VerifyError, bearer};
use webhook::{Dependency, Endpoint, ForeignForm, Outcome, ParseError, Received, SEAL, Webhook};

use crate::dollars::{decide_in_dollars, header_in_dollars};
use crate::{LoadedUse, Usage, UsageEvent, reply};

/// The form of one gateway.
pub trait Gateway: Send + Sync + 'static {
    const SOURCE: Source;
    /// The path of its webhooks, which also tells one of its kept events from one of our own form.
    const PATH: &'static str;
    /// The setting that holds a secret: the keys that it may send.
    const KEYS: &'static str;
    const REPLY_WITHIN: Duration;

    /// With the settings of this deployment.
    fn configured(start: &Start) -> Result<Self, StartError>
    where
        Self: Sized;

    /// Takes a body apart into its events, each in the form in which it is kept.
    fn events(body: &[u8]) -> Vec<String>;

    /// Parses one of them.
    fn parse(&self, event: &[u8]) -> Result<Report, ParseError>;
}

/// An event of a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Report {
    Use(Box<ReportedUse>),
    /// Costs nothing, for this reason.
    Nothing {
        id: String,
        reason: &'static str,
    },
}

/// A use, without a cost of its own in credits: the rate card turns dollars into them, or prices it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedUse {
    pub event: UsageEvent,
    /// `None` if the gateway knows no cost.
    pub usd: Option<Usd>,
    /// What its row has beside the facts of every use.
    pub facts: Vec<(&'static str, Fact)>,
}

/// The source, with the rate card that turns dollars into credits and prices events without a cost.
#[derive(Debug, Clone, Default)]
pub struct Reported<G> {
    pub gateway: G,
    pub card: Option<RateCard>,
}

impl<G: Gateway> Reported<G> {
    /// As much as Lambda takes.
    const FORM: ForeignForm =
        ForeignForm { bytes_max: 6 * 1024 * 1024, events: G::events, batch: webhook::sealed_form(crate::reply::batch) };

    /// With the card of the catalog that this program was built with.
    pub fn shipped(gateway: G) -> Result<Self, CatalogError> {
        RateCard::shipped().map(|card| Self { gateway, card })
    }

    /// With the settings of this deployment, and that card.
    pub fn configured(start: &Start) -> Result<Self, StartError> {
        Self::shipped(G::configured(start)?).map_err(StartError::setting)
    }
}

impl Report {
    fn id(&self) -> &str {
        match self {
            Self::Use(used) => &used.event.id,
            Self::Nothing { id, .. } => id,
        }
    }
}

impl<G: Gateway> Webhook for Reported<G> {
    const SOURCE: Source = G::SOURCE;
    const ROUTES: &'static [Route<Endpoint>] =
        &[Route { method: "POST", path: G::PATH, endpoint: Endpoint::Foreign(Self::FORM) }];
    /// As much as is kept. A delivery of several events may have more.
    const BODY_BYTES_MAX: usize = 1024 * 1024;
    const REPLY_WITHIN: Duration = G::REPLY_WITHIN;
    /// Never the key.
    const HEADERS_KEPT: &'static [&'static str] = &["content-type", "user-agent", SEAL];

    type Form = ();
    type Keys = bearer::Keys;
    type Event = Report;
    type Loaded = Option<LoadedUse>;

    fn keys(settings: &Settings, strength: Strength) -> Result<bearer::Keys, (&'static str, SecretError)> {
        let keys = bearer::Keys::parse(settings.setting(G::KEYS).unwrap_or_default(), strength)
            .map_err(|error| (G::KEYS, error))?;
        if keys.weak() {
            tracing::warn!(setting = G::KEYS, "the secret is shorter than a deployment accepts");
        }
        Ok(keys)
    }

    fn form(&self, _: &Incoming) {}

    fn verify<'r>(&self, keys: &bearer::Keys, request: &'r Request, _: Timestamp) -> Result<Verified<'r>, VerifyError> {
        webhook::verify_bearer(keys, request)
    }

    fn parse(&self, received: &Received<'_>) -> Result<Report, ParseError> {
        self.gateway.parse(received.bytes())
    }

    fn header(&self, event: &Report) -> JournalHeader {
        match event {
            Report::Use(used) => {
                let mut header = header_in_dollars(&used.event, used.usd);
                header.facts.extend(used.facts.iter().cloned());
                header
            }
            Report::Nothing { id, reason } => JournalHeader {
                receipt: EventKey::of_row(&format!("{}#{id}", G::SOURCE.as_str())),
                writer: G::SOURCE.into(),
                kind: reason,
                facts: Vec::new(),
                fingerprints: Fingerprint::of(1, &[("event", id)]).into(),
                order: None,
            },
        }
    }

    fn sent_at(&self, event: &Report) -> Option<Timestamp> {
        if let Report::Use(used) = event { Some(used.event.sent_at) } else { None }
    }

    fn event_id<'e>(&self, event: &'e Report) -> &'e str {
        event.id()
    }

    async fn load<L: Ledger>(
        &self,
        event: &Report,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<LoadedUse>, CommitError> {
        let Report::Use(used) = event else { return Ok(None) };
        Usage::default().load(&used.event, ledger, context).await.map(Some)
    }

    fn decide(&self, event: &Report, header: JournalHeader, loaded: Option<LoadedUse>) -> Decision {
        match event {
            Report::Use(used) => {
                // Without its key it waits for one, as a use of an unknown key does.
                let loaded = loaded.unwrap_or(LoadedUse { key: None, used_at: used.event.sent_at });
                decide_in_dollars(&used.event, used.usd, header, loaded, self.card.as_ref())
            }
            Report::Nothing { reason, .. } => Decision::Ignore { reason },
        }
    }

    fn reply(&self, (): (), outcome: &Outcome, event_id: Option<&str>) -> Reply {
        reply(outcome, event_id)
    }

    async fn dependencies(&self, _: Deadline) -> Vec<Dependency> {
        Vec::new()
    }
}
