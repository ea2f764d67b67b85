//! Request handling of a webhook function: verify the signature, book the event (`book.rs`), acknowledge.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use edge::{
    Incoming, Invocation, KeySource, Keyring, KeyringError, MalformedEvent, NoRoute, OpenError, Reply, Request, Route,
    Service, Start, StartError,
};
use futures_util::{FutureExt as _, future};
use ledger::{CallerKey, Ledger, Order, OrderNumber, Pausable};
use signing::Verified;

use crate::batch::book_batch;
use crate::book::{Booked, book, context};
use crate::stages::{BatchForm, BatchedEvent, Dependency, Endpoint};
use crate::status::CACHE_CONTROL;
use crate::{Admission, Outcome, Received, StatusCache, Webhook};

/// The longest query that is verified or kept: epay signs it, the other sources need none. API Gateway accepts 10,240
/// bytes of request line and headers, another gateway may accept more.
const QUERY_BYTES_MAX: usize = 8 * 1024;
/// When the sender of a paused source may try again, in seconds: a pause takes minutes.
const PAUSED_RETRY_AFTER: &str = "60";

/// A webhook function: a source, its keys, admission settings and ledger, and the cache of its status page.
#[derive(Debug)]
pub struct Function<W: Webhook, L, K = Keyring<<W as Webhook>::Keys>> {
    pub source: W,
    pub keys: K,
    pub admission: Admission,
    pub ledger: L,
    pub status: StatusCache,
}

impl<W: Webhook, L, K> Function<W, L, K> {
    pub fn new(source: W, keys: K, admission: Admission, ledger: L) -> Self {
        Self { source, keys, admission, ledger, status: StatusCache::default() }
    }
}

impl<W: Webhook, L: Ledger> Function<W, L> {
    /// Opens the function with the keys in these secrets, given by the variables that hold their ids.
    pub async fn open(start: &Start, secrets: &[&str], source: W, ledger: L) -> Result<Self, StartError> {
        let admission = start.read(Admission::read)?;
        // During init, when CPU is free and no sender waits: fetch the keys and connect to the store.
        let (keys, ()) = future::join(start.keys_of(secrets, W::keys), ledger.warm()).await;
        Ok(Self::new(source, keys?, admission, ledger))
    }
}

impl<W: Webhook, L: Ledger, K: KeySource<W::Keys>> Service for Function<W, L, K> {
    const REPLY_WITHIN: Duration = W::REPLY_WITHIN;

    async fn answer_request(&self, request: Result<Incoming, MalformedEvent>, invocation: &Invocation) -> Reply {
        let Ok(incoming) = request else {
            return self.log_and_reply(W::Form::default(), &Outcome::Malformed, None, invocation);
        };
        let form = self.source.form(&incoming);
        let answered = AssertUnwindSafe(self.handle(incoming, form, invocation)).catch_unwind().await;
        answered.unwrap_or_else(|_| self.log_and_reply(form, &Outcome::Panicked, None, invocation))
    }
}

impl<W: Webhook, L: Ledger, K: KeySource<W::Keys>> Function<W, L, K> {
    const HAS_BATCH: bool = HasEndpoints::of(W::ROUTES).batch;
    const HAS_FOREIGN: bool = HasEndpoints::of(W::ROUTES).foreign;
    const HAS_PAGE: bool = HasEndpoints::of(W::ROUTES).page;

    async fn handle(&self, incoming: Incoming, form: W::Form, invocation: &Invocation) -> Reply {
        match edge::find(W::ROUTES, &incoming.method, &incoming.path).map(|found| found.endpoint) {
            Ok(Endpoint::Event) => {
                let Booked { outcome, event_id, .. } =
                    self.process(incoming, invocation).await.unwrap_or_else(Booked::from);
                self.log_and_reply(form, &outcome, event_id.as_deref(), invocation)
            }
            Ok(Endpoint::Batch(batch)) if Self::HAS_BATCH => {
                let events = self.process_batch(incoming, &batch, invocation).boxed().await;
                self.log_and_reply_to_each(form, events, batch.reply, invocation)
            }
            Ok(Endpoint::Foreign(foreign)) if Self::HAS_FOREIGN => {
                let events = self.process_foreign(incoming, &foreign, invocation).boxed().await;
                self.log_and_reply_to_each(form, events, foreign.batch.reply, invocation)
            }
            Ok(Endpoint::Page(page)) if Self::HAS_PAGE => self.show(incoming, page, invocation).boxed().await,
            Ok(Endpoint::Health(health)) => health(invocation.now),
            Ok(Endpoint::Status(status)) => {
                let dependencies = self.status.get(invocation.started, Box::pin(self.dependencies(invocation))).await;
                status(&dependencies).with_header("cache-control", CACHE_CONTROL)
            }
            // The constants say that no route leads here.
            Ok(Endpoint::Batch(_) | Endpoint::Foreign(_) | Endpoint::Page(_)) => {
                self.log_and_reply(form, &Outcome::NotFound, None, invocation)
            }
            Err(no_route) => self.log_and_reply(form, &no_route.into(), None, invocation),
        }
    }

    async fn show(
        &self,
        incoming: Incoming,
        page: fn(&Outcome, Option<&Order>) -> Reply,
        invocation: &Invocation,
    ) -> Reply {
        let Booked { outcome, event_id, order, .. } =
            self.process(incoming, invocation).await.unwrap_or_else(Booked::from);
        log(W::SOURCE.as_str(), &outcome, event_id.as_deref(), invocation);
        page(&outcome, self.order_for_page(order, invocation).await.as_ref())
    }

    /// One line per stage. `Err` is an outcome like any other, only earlier.
    async fn process(&self, incoming: Incoming, invocation: &Invocation) -> Result<Booked, Outcome> {
        let request = self.admitted(incoming, W::BODY_BYTES_MAX, invocation).await?;
        let received = self.received(&request, invocation).await?;
        let context = context(&received, invocation);
        Ok(book(&self.source, &self.ledger, &self.admission, &received, &context).await)
    }

    /// The same for a body with several events.
    async fn process_batch(
        &self,
        incoming: Incoming,
        form: &BatchForm,
        invocation: &Invocation,
    ) -> Result<Vec<BatchedEvent>, Outcome> {
        let request = self.admitted(incoming, form.bytes_max, invocation).await?;
        let received = self.received(&request, invocation).await?;
        book_batch(&self.source, &self.ledger, &self.admission, &received, form, invocation).await
    }

    pub(crate) async fn admitted(
        &self,
        incoming: Incoming,
        bytes_max: usize,
        invocation: &Invocation,
    ) -> Result<Request, Outcome> {
        self.admission.admits(incoming.source_ip).then_some(()).ok_or(Outcome::Forbidden)?;
        let is_paused = self.ledger.is_paused(Pausable::Source(W::SOURCE), &invocation.context()).await;
        (!is_paused).then_some(()).ok_or(Outcome::Paused)?;
        (incoming.query.len() <= QUERY_BYTES_MAX).then_some(()).ok_or(Outcome::TooLarge)?;
        Ok(incoming.open(bytes_max)?)
    }

    pub(crate) async fn received<'r>(
        &self,
        request: &'r Request,
        invocation: &Invocation,
    ) -> Result<Received<'r>, Outcome> {
        let verified = self.verify(request, invocation).await?;
        self.admission.admits_proof(&verified).map_err(Outcome::Unverified)?;
        Ok(Received::new(verified, request, W::HEADERS_KEPT))
    }

    /// Verifies with the live keys, and once more with renewed keys if the signature does not match.
    pub(crate) async fn verify<'r>(
        &self,
        request: &'r Request,
        invocation: &Invocation,
    ) -> Result<Verified<'r>, Outcome> {
        let keys = self.keys.live(invocation).await;
        let unfit = match self.source.verify(&keys, request, invocation.now) {
            Ok(verified) => return Ok(verified),
            Err(error) => error,
        };
        match self.keys.renewed(&keys, unfit, invocation).await {
            Ok(Some(keys)) => self.source.verify(&keys, request, invocation.now).map_err(Outcome::Unverified),
            Ok(None) => Err(Outcome::Unverified(unfit)),
            // Not logged here: a flood of forgeries would flood the log.
            Err(KeyringError::NotListed) => Err(Outcome::Unverifiable),
            Err(error) => {
                tracing::error!(%error, "the keys could not be fetched");
                Err(Outcome::Unavailable)
            }
        }
    }

    /// The order that the buyer's page shows. If it cannot be read, the page shows the outcome only.
    async fn order_for_page(&self, number: Option<OrderNumber>, invocation: &Invocation) -> Option<Order> {
        self.ledger.order(&number?, &invocation.context()).await.ok().flatten()
    }

    async fn dependencies(&self, invocation: &Invocation) -> Vec<Dependency> {
        // Any key will do, since only the reply counts, and not whether the row exists.
        let key = CallerKey::api("status");
        let context = invocation.context();
        let others = self.source.dependencies(invocation.deadline);
        let (store, others) = future::join(self.ledger.key(&key, &context), others).await;
        let store = Dependency { name: "store", answers: store.is_ok() };
        std::iter::once(store).chain(others).collect()
    }

    fn log_and_reply_to_each(
        &self,
        form: W::Form,
        events: Result<Vec<BatchedEvent>, Outcome>,
        reply: fn(&[BatchedEvent]) -> Reply,
        invocation: &Invocation,
    ) -> Reply {
        let events = match events {
            Ok(events) => events,
            Err(outcome) => return self.log_and_reply(form, &outcome, None, invocation),
        };
        for BatchedEvent { outcome, event_id } in &events {
            log(W::SOURCE.as_str(), outcome, event_id.as_deref(), invocation);
        }
        reply(&events)
    }

    fn log_and_reply(
        &self,
        form: W::Form,
        outcome: &Outcome,
        event_id: Option<&str>,
        invocation: &Invocation,
    ) -> Reply {
        log(W::SOURCE.as_str(), outcome, event_id, invocation);
        let reply = self.source.reply(form, outcome, event_id);
        if *outcome == Outcome::Paused { reply.with_header("retry-after", PAUSED_RETRY_AFTER) } else { reply }
    }
}

/// Whether any of a source's routes has such an endpoint. For the others its function has no code: behind a constant that is
/// false, the future of an endpoint is never made, nor linked.
struct HasEndpoints {
    batch: bool,
    foreign: bool,
    page: bool,
}

impl HasEndpoints {
    const fn of(mut routes: &[Route<Endpoint>]) -> Self {
        let mut has = Self { batch: false, foreign: false, page: false };
        while let [route, others @ ..] = routes {
            match route.endpoint {
                Endpoint::Batch(_) => has.batch = true,
                Endpoint::Foreign(_) => has.foreign = true,
                Endpoint::Page(_) => has.page = true,
                Endpoint::Event | Endpoint::Health(_) | Endpoint::Status(_) => {}
            }
            routes = others;
        }
        has
    }
}

/// Logs the one line of an event.
pub fn log(source: &'static str, outcome: &Outcome, event_id: Option<&str>, invocation: &Invocation) {
    match outcome {
        Outcome::Unparsed(error) => edge::unread(source, event_id, outcome.label(), &error.field, invocation),
        Outcome::Booked
        | Outcome::Repeat
        | Outcome::Ignored(_)
        | Outcome::NotFound
        | Outcome::MethodNotAllowed { .. }
        | Outcome::Forbidden
        | Outcome::TooLarge
        | Outcome::Malformed
        | Outcome::Unverified(_)
        | Outcome::Unverifiable
        | Outcome::Refused(_)
        | Outcome::Conflict
        | Outcome::Paused
        | Outcome::Unavailable
        | Outcome::Panicked => edge::line(source, event_id, outcome.label(), outcome.reason(), invocation),
    }
}

impl From<OpenError> for Outcome {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::TooLarge => Self::TooLarge,
            OpenError::NotBase64 => Self::Malformed,
        }
    }
}

impl From<NoRoute> for Outcome {
    fn from(no_route: NoRoute) -> Self {
        match no_route {
            NoRoute::NotFound => Self::NotFound,
            NoRoute::MethodNotAllowed { allowed } => Self::MethodNotAllowed { allowed },
        }
    }
}
