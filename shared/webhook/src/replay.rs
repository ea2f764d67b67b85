//! Replay and backfill: a refused event from its kept delivery, or an event that the provider's API lists. Parse,
//! decision and commit are those of a delivery.

use std::panic::AssertUnwindSafe;

use edge::{Invocation, Request};
use futures_util::FutureExt as _;
use ledger::{CallContext, EventKey, Ledger, Origin, Timestamp};
use thiserror::Error;

use crate::batch::{BatchItem, batch_form, book_items};
use crate::book::{Booked, book, book_event, context};
use crate::{Admission, BatchForm, Outcome, Received, Webhook};

/// The result of a replay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    pub outcome: Outcome,
    /// Not retryable until a person repairs a row, or a release fixes the code.
    pub is_stuck: bool,
}

/// The row of a refused event, as a replay needs it.
#[derive(Debug, Clone, Copy)]
pub struct RefusedRow<'w> {
    pub receipt: &'w EventKey,
    pub first_received_at: Timestamp,
    /// The time at which the verified bytes were received.
    pub bytes_at: Timestamp,
    /// Whether only a rotated-out key of the sender verifies them.
    pub is_by_retired_key: bool,
}

/// A genuine delivery in the row of another event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the kept delivery belongs to another event than its row")]
pub struct OtherReceipt;

/// Replays a delivery that is verified again. The allowlist and the replay window applied at its receipt, and do not
/// here.
pub async fn replay<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    received: &Received<'_>,
    row: RefusedRow<'_>,
    invocation: &Invocation,
) -> Result<Replayed, OtherReceipt> {
    let is_whole = is_of_bytes::<W>(row.receipt, received);
    match batch_form::<W>(received.method(), received.path()) {
        // On the heap: every replay would hold the future of a batch.
        Some(form) => Box::pin(replay_of_batch(source, ledger, received, &form, row, invocation)).await,
        None if row.receipt.is_of_unparsed() && !is_whole => Err(OtherReceipt),
        None => Box::pin(replayed(source, ledger, received, row, invocation)).await,
    }
}

/// Whether the receipt is that of these bytes, which did not parse.
fn is_of_bytes<W: Webhook>(receipt: &EventKey, received: &Received<'_>) -> bool {
    *receipt == EventKey::unparsed(W::SOURCE, received.bytes())
}

/// Replays the event of the row, out of a body with several; or all of them, if the body was kept as it was.
async fn replay_of_batch<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    received: &Received<'_>,
    form: &BatchForm,
    row: RefusedRow<'_>,
    invocation: &Invocation,
) -> Result<Replayed, OtherReceipt> {
    let is_whole = is_of_bytes::<W>(row.receipt, received);
    let parts = match received.parts(W::SOURCE, form) {
        Ok(parts) => parts,
        Err(error) if is_whole => return Ok(Replayed { outcome: Outcome::Unparsed(error), is_stuck: false }),
        Err(_) => return Err(OtherReceipt),
    };
    if is_whole {
        let Some(first) = parts.first() else { return Ok(Replayed { outcome: Outcome::Repeat, is_stuck: false }) };
        let context = replay_context(first, &row, invocation);
        let items = parts.iter().map(|part| BatchItem::of(source, part)).collect();
        let admission = Admission::default();
        let events = AssertUnwindSafe(book_items(source, ledger, &admission, items, &context));
        let Ok(events) = events.catch_unwind().await else { return Ok(panicked()) };
        // Each event that is not booked has a row of its own by now.
        let is_done = events.iter().all(|event| event.outcome.is_final());
        let outcome = if is_done { Outcome::Booked } else { Outcome::Unavailable };
        return Ok(Replayed { outcome, is_stuck: false });
    }
    // One of several events with the id may be that of the row.
    let mut last = Err(OtherReceipt);
    for part in parts.iter().filter(|part| is_of_part(source, row.receipt, part)) {
        last = replayed(source, ledger, part, row, invocation).await;
        if !matches!(&last, Ok(Replayed { outcome: Outcome::Conflict, .. })) {
            break;
        }
    }
    last
}

fn is_of_part<W: Webhook>(source: &W, receipt: &EventKey, part: &Received<'_>) -> bool {
    if receipt.is_of_unparsed() {
        return is_of_bytes::<W>(receipt, part);
    }
    source.parse(part).is_ok_and(|event| source.header(&event).receipt == *receipt)
}

fn replay_context<'r>(received: &'r Received<'_>, row: &RefusedRow<'r>, invocation: &Invocation) -> CallContext<'r> {
    let RefusedRow { receipt, first_received_at, bytes_at, is_by_retired_key } = *row;
    let origin = Origin::Replay { row: receipt, is_by_retired_key };
    let body = Some(received.raw(bytes_at));
    CallContext { first_received_at, origin, body, ..invocation.context() }
}

/// Books an event from the provider's API (backfill). `event` is the body of its reply to a query under our key, and
/// `path` the path of the query. There is no signature: `tests/src/house.rs` lists the callers that may use this.
pub async fn listed<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    event: &[u8],
    path: &str,
    invocation: &Invocation,
) -> Replayed {
    if event.len() > W::BODY_BYTES_MAX {
        return Replayed { outcome: Outcome::TooLarge, is_stuck: false };
    }
    let event = answer(event, path);
    let received = Received::listed(&event);
    let context = CallContext { body: Some(received.raw(invocation.now)), ..invocation.context() };
    let admission = Admission::default();
    let booked = AssertUnwindSafe(book(source, ledger, &admission, &received, &context)).catch_unwind().await;
    booked.map_or_else(|_| panicked(), Replayed::from)
}

/// Books an event that we have made of a provider's log, and signed with the keys of its source. It is verified as a
/// delivery is, and if it is refused it is kept as one: each replay verifies it again.
pub async fn reported<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    keys: &W::Keys,
    request: &Request,
    invocation: &Invocation,
) -> Replayed {
    if request.body().len() > W::BODY_BYTES_MAX {
        return Replayed { outcome: Outcome::TooLarge, is_stuck: false };
    }
    let received = match source.verify(keys, request, invocation.now) {
        Ok(verified) => Received::new(verified, request, W::HEADERS_KEPT),
        Err(error) => return Replayed { outcome: Outcome::Unverified(error), is_stuck: false },
    };
    let (admission, context) = (Admission::default(), context(&received, invocation));
    let booked = AssertUnwindSafe(book(source, ledger, &admission, &received, &context)).catch_unwind().await;
    booked.map_or_else(|_| panicked(), Replayed::from)
}

/// The same as [`listed`] for a refused event that was queried again.
pub async fn listed_again<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    event: &[u8],
    path: &str,
    row: RefusedRow<'_>,
    invocation: &Invocation,
) -> Result<Replayed, OtherReceipt> {
    if event.len() > W::BODY_BYTES_MAX {
        return Ok(Replayed { outcome: Outcome::TooLarge, is_stuck: false });
    }
    replayed(source, ledger, &Received::listed(&answer(event, path)), row, invocation).await
}

async fn replayed<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    received: &Received<'_>,
    row: RefusedRow<'_>,
    invocation: &Invocation,
) -> Result<Replayed, OtherReceipt> {
    let receipt = row.receipt;
    let replayed = async {
        let event = match source.parse(received) {
            Ok(event) => event,
            // It waits for a release that can parse it. Nothing is written, in particular not under another receipt.
            Err(error) => return Ok(Replayed { outcome: Outcome::Unparsed(error), is_stuck: false }),
        };
        let header = source.header(&event);
        // An unparsed delivery has no event id of its own, so its receipt differs from the header's.
        if !receipt.is_of_unparsed() && *receipt != header.receipt {
            return Err(OtherReceipt);
        }
        let context = replay_context(received, &row, invocation);
        Ok(book_event(source, ledger, &Admission::default(), event, header, &context).await.into())
    };
    AssertUnwindSafe(replayed).catch_unwind().await.unwrap_or_else(|_| Ok(panicked()))
}

/// The reply of the provider's API, in the form of a delivery without a signature.
fn answer(event: &[u8], path: &str) -> Request {
    let [method, path, query] = ["GET", path, ""].map(str::to_owned);
    Request::new(method, path, query, Vec::new(), event.to_vec())
}

fn panicked() -> Replayed {
    Replayed { outcome: Outcome::Panicked, is_stuck: true }
}

impl From<Booked> for Replayed {
    fn from(Booked { outcome, is_stuck, .. }: Booked) -> Self {
        Self { outcome, is_stuck }
    }
}
