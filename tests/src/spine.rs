//! The shared webhook pipeline: the number of journal headers that it makes for each event.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use edge::{Incoming, Keyring, Reply, Request, Route, Service as _, Settings, Vault};
use ledger::{CallContext, CommitError, Deadline, Decision, EventKey, JournalHeader, Ledger, Source, Timestamp};
use signing::{SecretError, Strength, Verified, VerifyError};
use testkit::{World, now, usage};
use usage::{Keys, LoadedUse, Usage, UsageEvent};
use webhook::{Admission, Dependency, Endpoint, Function, Outcome, ParseError, Received, RefusedRow, Webhook};

use crate::sandbox::{invocation, open_account, settings, signed};

/// A usage source that counts its headers: each one hashes the event's fingerprint.
#[derive(Default)]
struct Counted(AtomicUsize);

impl Counted {
    /// The number of headers since the last call.
    fn headers_made(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Webhook for Counted {
    const SOURCE: Source = Usage::SOURCE;
    const ROUTES: &'static [Route<Endpoint>] = Usage::ROUTES;
    const BODY_BYTES_MAX: usize = Usage::BODY_BYTES_MAX;
    const REPLY_WITHIN: Duration = Usage::REPLY_WITHIN;
    const HEADERS_KEPT: &'static [&'static str] = Usage::HEADERS_KEPT;

    type Form = ();
    type Keys = Keys;
    type Event = UsageEvent;
    type Loaded = LoadedUse;

    fn keys(settings: &Settings, strength: Strength) -> Result<Keys, (&'static str, SecretError)> {
        Usage::keys(settings, strength)
    }

    fn form(&self, _: &Incoming) {}

    fn verify<'r>(&self, keys: &Keys, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, VerifyError> {
        Usage::default().verify(keys, request, now)
    }

    fn parse(&self, received: &Received<'_>) -> Result<UsageEvent, ParseError> {
        Usage::default().parse(received)
    }

    fn header(&self, event: &UsageEvent) -> JournalHeader {
        self.0.fetch_add(1, Ordering::Relaxed);
        Usage::default().header(event)
    }

    fn sent_at(&self, event: &UsageEvent) -> Option<Timestamp> {
        Usage::default().sent_at(event)
    }

    fn event_id<'e>(&self, event: &'e UsageEvent) -> &'e str {
        Usage::default().event_id(event)
    }

    async fn load<L: Ledger>(
        &self,
        event: &UsageEvent,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<LoadedUse, CommitError> {
        Usage::default().load(event, ledger, context).await
    }

    fn decide(&self, event: &UsageEvent, header: JournalHeader, used: LoadedUse) -> Decision {
        Usage::default().decide(event, header, used)
    }

    fn reply(&self, (): (), outcome: &Outcome, event_id: Option<&str>) -> Reply {
        Usage::default().reply((), outcome, event_id)
    }

    async fn dependencies(&self, deadline: Deadline) -> Vec<Dependency> {
        Usage::default().dependencies(deadline).await
    }
}

#[tokio::test(start_paused = true)]
async fn delivery_or_replay_makes_one_header() {
    let world = World::new();
    let keys = Keyring::open(Vault::Here(settings()), Usage::keys, now()).await.expect("keys");
    let live = keys.current();
    let function = Function::new(Counted::default(), keys, Admission::default(), world.ledger(1));
    let body = usage("e1", "k1", "1").to_string();
    let reply = function.answer(&signed(&body), &invocation(1)).await;
    assert_eq!((reply.status, function.source.headers_made()), (404, 1), "refused: the key is unknown");

    open_account(&world, "alice", "k1", "10").await;
    let request = edge::read(&signed(&body)).expect("a request").open(Usage::BODY_BYTES_MAX).expect("a body");
    let verified = function.source.verify(&live, &request, now()).expect("verified");
    let received = Received::new(verified, &request, Usage::HEADERS_KEPT);
    let receipt = EventKey::new(Source::Usage, "e1").expect("an id");
    let row = RefusedRow { receipt: &receipt, first_received_at: now(), bytes_at: now(), is_by_retired_key: false };
    let replayed = webhook::replay(&function.source, &function.ledger, &received, row, &invocation(2)).await;
    assert_eq!((replayed.expect("its own").outcome, function.source.headers_made()), (Outcome::Booked, 1));

    let reply = function.answer(&signed(&body), &invocation(3)).await;
    assert_eq!((reply.status, function.source.headers_made()), (200, 1), "a repeat");
}
