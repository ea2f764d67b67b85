//! The whole of a webhook: bytes are verified, parsed, decided on, committed, acknowledged.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use edge::{Incoming, Keyring, Moment, NoRoute, OpenError, Reply, Request, Service};
use futures_util::FutureExt as _;
use ledger::{
    CommitError, Committed, Decision, Delivery, Entry, EventKey, Fingerprint, Heading, Ledger, RawBody, Reason,
    Refusal, Timestamp,
};
use signing::{Verified, VerifyError};

use crate::stages::Endpoint;
use crate::{Admission, Outcome, ParseError, Webhook};

/// In each round somebody else has got through, and one payment has only so many events. Beyond that the sender comes again.
const ROUNDS_MAX: u32 = 8;

/// A webhook function: a source, its keys, whom it admits, and the books.
#[derive(Debug)]
pub struct Function<W: Webhook, L> {
    pub source: W,
    pub keys: Keyring<W::Keys>,
    pub admission: Admission,
    pub ledger: L,
}

impl<W: Webhook, L: Ledger> Service for Function<W, L> {
    const REPLY_WITHIN: Duration = W::REPLY_WITHIN;

    async fn answer(&self, event: &str, moment: &Moment) -> Reply {
        match AssertUnwindSafe(self.handle(event, moment)).catch_unwind().await {
            Ok(reply) => reply,
            Err(_) => self.told(&Outcome::Panicked, None, moment),
        }
    }
}

impl<W: Webhook, L: Ledger> Function<W, L> {
    async fn handle(&self, event: &str, moment: &Moment) -> Reply {
        let Ok(incoming) = edge::read(event) else {
            return self.told(&Outcome::Malformed, None, moment);
        };
        match edge::find(W::ROUTES, &incoming.method, &incoming.path).map(|found| found.endpoint) {
            Ok(Endpoint::Health(health)) => health(moment.now),
            Ok(Endpoint::Event) => {
                let mut event_id = None;
                let outcome = self.process(incoming, moment, &mut event_id).await.unwrap_or_else(|outcome| outcome);
                self.told(&outcome, event_id.as_deref(), moment)
            }
            Err(no_route) => self.told(&no_route.into(), None, moment),
        }
    }

    /// One line a stage. `Err` is an outcome like any other, only earlier.
    async fn process(
        &self,
        incoming: Incoming,
        moment: &Moment,
        event_id: &mut Option<String>,
    ) -> Result<Outcome, Outcome> {
        self.admission.admits(incoming.source_ip).then_some(()).ok_or(Outcome::Forbidden)?;
        let request = incoming.open(W::BODY_BYTES_MAX)?;
        let verified = self.verify(&request, moment.now).await?;

        let headers = request.kept(W::HEADERS_KEPT);
        let delivery = delivery(&verified, &headers, moment);
        let event = match self.source.parse(&verified) {
            Ok(event) => event,
            Err(error) => {
                event_id.clone_from(&error.event_id);
                return Err(self.keep_unparsed(&verified, error, &delivery).await);
            }
        };
        *event_id = Some(self.source.event_id(&event).to_owned());
        let heading = self.source.heading(&event);

        if self.ledger.recall(&heading.receipt, &heading.fingerprints).is_some() {
            return Ok(Outcome::Repeat);
        }
        if !self.admission.is_within_window(self.source.sent_at(&event), moment.now) {
            let reason = Reason::OutsideClockWindow;
            let decision = Decision::Refuse(Refusal { heading, reason, effects: Vec::new() });
            return Ok(Outcome::of_commit(self.ledger.commit(&decision, &delivery).await));
        }
        Ok(Outcome::of_commit(self.settle(&event, &delivery).await))
    }

    /// Loads, decides and commits; and where that has changed which was decided on, once more.
    async fn settle(&self, event: &W::Event, delivery: &Delivery<'_>) -> Result<Committed, CommitError> {
        for _ in 0..ROUNDS_MAX {
            let loaded = self.source.load(event, &self.ledger, delivery).await?;
            let decision = self.source.decide(event, loaded);
            match self.ledger.commit(&decision, delivery).await {
                Err(CommitError::Stale) => {}
                Ok(committed) => {
                    raise_alarm(W::SOURCE, &decision);
                    return Ok(committed);
                }
                Err(error) => return Err(error),
            }
        }
        Err(CommitError::Stale)
    }

    /// With the keys we have; and where they do not fit, once more with those that may have replaced them.
    async fn verify<'r>(&self, request: &'r Request, now: Timestamp) -> Result<Verified<'r>, Outcome> {
        let keys = self.keys.current();
        match self.source.verify(&keys, request, now) {
            Err(VerifyError::BadSignature) => match self.keys.refreshed(now).await {
                Ok(Some(keys)) => self.source.verify(&keys, request, now).map_err(Outcome::Unverified),
                Ok(None) => Err(Outcome::Unverified(VerifyError::BadSignature)),
                Err(error) => {
                    tracing::error!(%error, "the keys could not be fetched");
                    Err(Outcome::Unavailable)
                }
            },
            verdict => verdict.map_err(Outcome::Unverified),
        }
    }

    /// The sender proved itself and we did not understand it: that is ours to mend, so nothing of it may be lost.
    async fn keep_unparsed(&self, verified: &Verified<'_>, error: ParseError, delivery: &Delivery<'_>) -> Outcome {
        let receipt = EventKey::unparsed(W::SOURCE, verified.bytes());
        let heading = Heading {
            fingerprints: Fingerprint::of(1, &[("body", receipt.as_str())]).into(),
            order: None,
            receipt,
            source: W::SOURCE,
            kind: "unparsed",
            facts: vec![("field", error.field.as_str().into()), ("problem", error.problem.as_str().into())],
        };
        let decision = Decision::Refuse(Refusal { heading, reason: Reason::Unparsed, effects: Vec::new() });
        match self.ledger.commit(&decision, delivery).await {
            Err(CommitError::Rejected(_)) => Outcome::Unparsed(error),
            other => Outcome::of_commit(other),
        }
    }

    fn told(&self, outcome: &Outcome, event_id: Option<&str>, moment: &Moment) -> Reply {
        edge::line(W::SOURCE, event_id, outcome.label(), outcome.reason(), moment);
        self.source.reply(outcome, event_id)
    }
}

/// Raised after the commit, so that nobody is called for what did not happen; and for a repeat too, since the one before may have
/// died in between.
fn raise_alarm(source: &'static str, decision: &Decision) {
    if let Decision::Record(Entry { alarm: Some(alarm), heading, .. }) = decision {
        edge::alarm(source, alarm, heading.order.as_ref().map_or(heading.receipt.as_str(), |order| order.as_str()));
    }
}

fn delivery<'r>(verified: &Verified<'r>, headers: &'r [(&'static str, String)], moment: &Moment) -> Delivery<'r> {
    Delivery {
        attempt: moment.attempt.clone(),
        received_at: moment.now,
        deadline: moment.deadline,
        body: Some(RawBody { bytes: verified.bytes(), headers }),
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
