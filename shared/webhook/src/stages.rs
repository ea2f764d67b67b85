//! What a source says of itself.

use std::fmt;
use std::time::Duration;

use edge::{Incoming, Reply, Request, Route, Settings};
use ledger::{CallContext, CommitError, Deadline, Decision, JournalHeader, Ledger, Order, Source, Timestamp};
use signing::{SecretError, Strength, Verified, VerifyError};

use crate::{Outcome, Received};

/// A sender of webhooks. No method has a default: a source that forgot one does not compile.
pub trait Webhook: Send + Sync + 'static {
    /// Its name in keys, logs, metrics and folders.
    const SOURCE: Source;
    const ROUTES: &'static [Route<Endpoint>];
    /// The longest body that is hashed or parsed.
    const BODY_BYTES_MAX: usize;
    /// How long the sender waits for an answer, with room for the way back.
    const REPLY_WITHIN: Duration;
    /// The headers that are kept with a body: those that `verify` and `parse` read, the signature's own among them, and those that
    /// say who has sent it.
    const HEADERS_KEPT: &'static [&'static str];

    /// In which of its forms a request comes, where a source has several: how it is answered depends on it, and nothing is
    /// believed for it.
    type Form: Copy + Default + Send + Sync;
    type Keys: Send + Sync;
    type Event: Send + Sync;
    /// What of the books the decision needs.
    type Loaded: Send;

    /// Its live keys. The error says which setting is at fault, and never what is in it.
    fn keys(settings: &Settings, strength: Strength) -> Result<Self::Keys, (&'static str, SecretError)>;

    fn form(&self, incoming: &Incoming) -> Self::Form;

    fn verify<'r>(&self, keys: &Self::Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError>;

    fn parse(&self, received: &Received<'_>) -> Result<Self::Event, ParseError>;

    /// What the journal says of the event, whatever becomes of it.
    fn header(&self, event: &Self::Event) -> JournalHeader;

    /// When the sender says it sent the event, where it does and where that is signed.
    fn sent_at(&self, event: &Self::Event) -> Option<Timestamp>;

    /// The sender's own id of the event, as a reply or a log line names it.
    fn event_id<'e>(&self, event: &'e Self::Event) -> &'e str;

    fn load<L: Ledger>(
        &self,
        event: &Self::Event,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> impl Future<Output = Result<Self::Loaded, CommitError>> + Send;

    /// `header` is what [`Webhook::header`] makes of the event: its fingerprint is hashed once for each delivery.
    fn decide(&self, event: &Self::Event, header: JournalHeader, loaded: Self::Loaded) -> Decision;

    /// One answer for every outcome, chosen for what it makes the sender do.
    fn reply(&self, form: Self::Form, outcome: &Outcome, event_id: Option<&str>) -> Reply;

    /// What it rests on beside the books, and whether that answers.
    fn dependencies(&self, deadline: Deadline) -> impl Future<Output = Vec<Dependency>> + Send;
}

/// What a path leads to.
#[derive(Debug, Clone, Copy)]
pub enum Endpoint {
    Event,
    /// The same event, brought by the buyer's browser, which is shown a page: of the order that the event is about, if it was
    /// verified.
    Page(fn(&Outcome, Option<&Order>) -> Reply),
    /// Whether it is there at all, which it says without looking at anything.
    Health(fn(Timestamp) -> Reply),
    /// Whether what it rests on answers.
    Status(fn(&[Dependency]) -> Reply),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dependency {
    pub name: &'static str,
    pub answers: bool,
}

/// A verified body that says less than it should, or something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// Where, as the sender writes it: `data.creditCost`.
    pub field: String,
    /// Why, to follow the field's name: `is missing`.
    pub problem: String,
    /// Whose, if that much could be read.
    pub event_id: Option<String>,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.field, self.problem)
    }
}
