//! Events in a form of the sender, under a static key. Nothing is signed, and the key must not be kept. So the events
//! are put into batches of our own form, JSON arrays that we seal, and each is booked as a batch is.

use edge::{Incoming, Invocation, KeySource, Reply, Request};
use ledger::Ledger;
use signing::{Verified, VerifyError, bearer};

use crate::batch::book_batch;
use crate::json::elements;
use crate::stages::{BatchForm, BatchedEvent, ForeignForm};
use crate::{Function, Outcome, Webhook};

/// The header of the static key.
pub const AUTHORIZATION: &str = "authorization";
/// The header of the seal, which only what is kept has. It belongs into [`Webhook::HEADERS_KEPT`].
pub const SEAL: &str = "x-hookledger-seal";

/// Of one batch: the limit of our own batches.
const BATCH_BYTES_MAX: usize = 256 * 1024;
const BATCH_EVENTS_MAX: usize = 100;
/// As much as the store keeps.
const EVENT_BYTES_MAX: usize = 1024 * 1024 - BRACKETS;
/// Of the array with a single event.
const BRACKETS: usize = 2;

/// The form in which foreign events are kept and booked.
pub const fn sealed_form(reply: fn(&[BatchedEvent]) -> Reply) -> BatchForm {
    BatchForm { bytes_max: EVENT_BYTES_MAX + BRACKETS, events_max: BATCH_EVENTS_MAX, split: elements, reply }
}

/// Verifies a delivery by its static key, or a kept one by its seal.
pub fn verify_bearer<'r>(keys: &bearer::Keys, request: &'r Request) -> Result<Verified<'r>, VerifyError> {
    let sent = |name| request.header(name).map_err(|_| VerifyError::Malformed);
    if let Some(authorization) = sent(AUTHORIZATION)? {
        return bearer::verify(keys, authorization, request.body());
    }
    bearer::verify_sealed(keys, sent(SEAL)?.ok_or(VerifyError::Missing)?, request.body())
}

impl<W: Webhook, L: Ledger, K: KeySource<W::Keys>> Function<W, L, K> {
    pub(crate) async fn process_foreign(
        &self,
        incoming: Incoming,
        form: &ForeignForm,
        invocation: &Invocation,
    ) -> Result<Vec<BatchedEvent>, Outcome> {
        let request = self.admitted(incoming, form.bytes_max, invocation).await?;
        let verified = self.verify(&request, invocation).await?;
        // A seal is no proof of a sender.
        verified.seal(&[]).ok_or(Outcome::Unverified(VerifyError::Missing))?;
        let mut outcomes = Vec::new();
        for batch in batches((form.events)(verified.bytes())) {
            let booked = match batch {
                Batch::Of(events) => self.book_sealed(&verified, &request, &events, form, invocation).await,
                Batch::TooLarge => vec![BatchedEvent { outcome: Outcome::TooLarge, event_id: None }],
            };
            outcomes.extend(booked);
        }
        Ok(outcomes)
    }

    async fn book_sealed(
        &self,
        verified: &Verified<'_>,
        request: &Request,
        events: &[String],
        form: &ForeignForm,
        invocation: &Invocation,
    ) -> Vec<BatchedEvent> {
        let failed = |outcome: Outcome| {
            events.iter().map(|_| BatchedEvent { outcome: outcome.clone(), event_id: None }).collect()
        };
        let Some(sealed) = sealed::<W>(verified, request, events) else { return failed(Outcome::Unavailable) };
        // A key that was retired meanwhile verifies it no more, and a repeat is refused as a whole.
        let Ok(received) = self.received(&sealed, invocation).await else { return failed(Outcome::Unavailable) };
        let (source, ledger) = (&self.source, &self.ledger);
        let booked = book_batch(source, ledger, &self.admission, &received, &form.batch, invocation).await;
        booked.unwrap_or_else(failed)
    }
}

/// The events as a delivery of our own form, with the headers that are kept.
fn sealed<W: Webhook>(verified: &Verified<'_>, request: &Request, events: &[String]) -> Option<Request> {
    let body = format!("[{}]", events.join(",")).into_bytes();
    let kept = request.kept(W::HEADERS_KEPT).into_iter().filter(|(name, _)| *name != SEAL);
    let headers = kept.chain([(SEAL, verified.seal(&body)?)]).map(|(name, value)| (name.to_owned(), value));
    Some(Request::new(request.method.clone(), request.path.clone(), String::new(), headers.collect(), body))
}

#[derive(Debug, PartialEq, Eq)]
enum Batch {
    Of(Vec<String>),
    /// An event that could not be kept.
    TooLarge,
}

/// Equal bodies give equal batches, so that a repeat keeps nothing twice.
fn batches(events: Vec<String>) -> Vec<Batch> {
    let (mut batches, mut open, mut bytes) = (Vec::new(), Vec::new(), 0_usize);
    for event in events {
        let grown = bytes.saturating_add(event.len()).saturating_add(1);
        let is_full = open.len() >= BATCH_EVENTS_MAX || grown > BATCH_BYTES_MAX;
        if (is_full || event.len() > EVENT_BYTES_MAX) && !open.is_empty() {
            batches.push(Batch::Of(std::mem::take(&mut open)));
            bytes = 0;
        }
        if event.len() > EVENT_BYTES_MAX {
            batches.push(Batch::TooLarge);
            continue;
        }
        bytes = bytes.saturating_add(event.len()).saturating_add(1);
        open.push(event);
    }
    if !open.is_empty() {
        batches.push(Batch::Of(open));
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_keep_the_order_and_their_limits() {
        let lengths = |events: &[usize]| -> Vec<Option<usize>> {
            let events = events.iter().map(|length| "x".repeat(*length)).collect();
            let length = |batch| if let Batch::Of(events) = batch { Some(events.len()) } else { None };
            batches(events).into_iter().map(length).collect()
        };
        assert_eq!(lengths(&[]), []);
        assert_eq!(lengths(&[4_000; 3]), [Some(3)]);
        assert_eq!(lengths(&[10; 250]), [Some(100), Some(100), Some(50)]);
        assert_eq!(lengths(&[100_000; 5]), [Some(2), Some(2), Some(1)]);
        assert_eq!(lengths(&[1, 300_000, 1, 1]), [Some(1), Some(1), Some(2)]);
        assert_eq!(lengths(&[1, 1_048_575, 1]), [Some(1), None, Some(1)]);
    }
}
