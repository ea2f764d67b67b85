//! The trait of a webhook source: signature, parser, decision and reply.

use std::fmt;
use std::ops::Range;
use std::time::Duration;

use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Order, Source, Timestamp};
use signing::{SecretError, Strength, Verified, VerifyError};

use crate::{Outcome, Received};

/// A source of webhooks. No method has a default, so that a source without one of them does not compile.
pub trait Webhook: Send + Sync + 'static {
    /// Its name in keys, logs, metrics and folders.
    const SOURCE: Source;
    const ROUTES: &'static [Route<Endpoint>];
    /// The longest body that is hashed or parsed.
    const BODY_BYTES_MAX: usize;
    /// The reply deadline: how long the sender waits, less a margin for the network.
    const REPLY_WITHIN: Duration;
    /// The headers that are kept with a body: those that `verify` and `parse` read, including the signature, and those
    /// that name the sender.
    const HEADERS_KEPT: &'static [&'static str];

    /// The form of a request, if the source has several. Only the form of the reply depends on it; it proves nothing.
    type Form: Copy + Default + Send + Sync;
    type Keys: Send + Sync;
    type Event: Send + Sync;
    /// The ledger's data that the decision needs.
    type Loaded: Send;

    /// Parses its live keys. The error names the faulty setting, and never its value.
    fn keys(settings: &Settings, strength: Strength) -> Result<Self::Keys, (&'static str, SecretError)>;

    fn form(&self, incoming: &Incoming) -> Self::Form;

    fn verify<'r>(&self, keys: &Self::Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError>;

    fn parse(&self, received: &Received<'_>) -> Result<Self::Event, ParseError>;

    /// The journal header of the event, whatever its outcome.
    fn header(&self, event: &Self::Event) -> JournalHeader;

    /// The event's own timestamp, if it has a signed one.
    fn sent_at(&self, event: &Self::Event) -> Option<Timestamp>;

    /// The sender's id of the event, for replies and log lines.
    fn event_id<'e>(&self, event: &'e Self::Event) -> &'e str;

    fn load<L: Ledger>(
        &self,
        event: &Self::Event,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Self::Loaded, CommitError>> + Send;

    /// `header` is the result of [`Webhook::header`], so that the fingerprint is hashed once for each delivery.
    fn decide(&self, event: &Self::Event, header: JournalHeader, loaded: Self::Loaded) -> Decision;

    /// The reply for each outcome, chosen by the sender's reaction to it: stop or retry.
    fn reply(&self, form: Self::Form, outcome: &Outcome, event_id: Option<&str>) -> Reply;

    /// The health of its dependencies other than the ledger.
    fn dependencies(&self, deadline: Deadline) -> impl Future<Output = Vec<Dependency>> + Send;
}

/// The endpoint of a route.
#[derive(Debug, Clone, Copy)]
pub enum Endpoint {
    Event,
    /// Several events under one signature.
    Batch(BatchForm),
    /// Events in a form of the sender, under a static key.
    Foreign(ForeignForm),
    /// The same event, delivered by the buyer's browser (a return URL). The reply is a page that shows the event's
    /// order, if the event is verified.
    Page(fn(&Outcome, Option<&Order>) -> Reply),
    /// Liveness; it checks no dependency.
    Health(fn(Timestamp) -> Reply),
    /// Readiness: whether the dependencies reply.
    Status(fn(&[Dependency]) -> Reply),
}

/// How a body with several events is taken apart, and answered. [`Webhook::parse`] reads each of them.
#[derive(Debug, Clone, Copy)]
pub struct BatchForm {
    /// The longest body that is hashed or parsed.
    pub bytes_max: usize,
    pub events_max: usize,
    /// The places of the events in the verified body, in their order.
    pub split: fn(&[u8]) -> Result<Places, ParseError>,
    pub reply: fn(&[BatchedEvent]) -> Reply,
}

/// How a body in a form of the sender is taken apart.
#[derive(Debug, Clone, Copy)]
pub struct ForeignForm {
    /// The longest body that is read.
    pub bytes_max: usize,
    /// The events in their order, each as JSON in the form in which it is kept.
    pub events: fn(&[u8]) -> Vec<String>,
    /// In which they are kept and booked: `webhook::sealed_form`.
    pub batch: BatchForm,
}

/// Where the events of a body are, in their order.
pub type Places = Vec<Range<usize>>;

/// The outcome of one event of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchedEvent {
    pub outcome: Outcome,
    /// The sender's id of the event, if it could be read.
    pub event_id: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    pub name: &'static str,
    pub answers: bool,
}

/// A verified body with a missing or invalid field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The field's path, in the sender's spelling: `data.creditCost`.
    pub field: String,
    /// The problem, which follows the field's name: `is missing`.
    pub problem: String,
    /// The event's id, if it could be read.
    pub event_id: Option<String>,
}

impl ParseError {
    pub fn new(field: &str, problem: &str) -> Self {
        Self { field: field.to_owned(), problem: problem.to_owned(), event_id: None }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}
