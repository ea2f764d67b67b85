//! An event that nobody delivers: one that was refused, tried again from what is kept of it, or one that its sender's API lists. The
//! same parse, decision and commit as of a delivery.

use std::panic::AssertUnwindSafe;

use edge::{Invocation, Request};
use futures_util::FutureExt as _;
use ledger::{CallContext, EventKey, Ledger, Origin, Timestamp};
use thiserror::Error;

use crate::book::{Booked, book, book_event};
use crate::{Admission, Outcome, Received, Webhook};

/// What has become of an event that was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    pub outcome: Outcome,
    /// Trying it again changes nothing before a person has mended a row, or a release the code.
    pub is_stuck: bool,
}

/// The row of a refused event, as a replay needs it.
#[derive(Debug, Clone, Copy)]
pub struct RefusedRow<'w> {
    pub receipt: &'w EventKey,
    pub first_received_at: Timestamp,
    /// When the bytes came that were verified.
    pub bytes_at: Timestamp,
    /// Whether only a key that its owner has replaced verifies them.
    pub is_by_retired_key: bool,
}

/// A genuine delivery that stands under the name of another event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the delivery is of another event than its row")]
pub struct OtherReceipt;

/// Only what was verified again gets here. From where it was sent was checked when it came, and counts for nothing here.
pub async fn replay<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    received: &Received<'_>,
    row: RefusedRow<'_>,
    invocation: &Invocation,
) -> Result<Replayed, OtherReceipt> {
    let unparsed = EventKey::unparsed(W::SOURCE.as_str(), received.bytes());
    let is_its_own = !row.receipt.is_of_unparsed() || *row.receipt == unparsed;
    if !is_its_own {
        return Err(OtherReceipt);
    }
    replayed(source, ledger, received, row, invocation).await
}

/// `event` is what the sender's own API said when it was asked under our key, and `path` where that was: `tests/src/house.rs` knows
/// who may say so.
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

/// The same of a refused event that was asked for once more.
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
    let RefusedRow { receipt, first_received_at, bytes_at, is_by_retired_key } = row;
    let replayed = async {
        let event = match source.parse(received) {
            Ok(event) => event,
            // It waits for a release that can read it. Nothing is written of it, and under no other name.
            Err(error) => return Ok(Replayed { outcome: Outcome::Unparsed(error), is_stuck: false }),
        };
        let header = source.header(&event);
        // What could not be read has no name of its own.
        if !receipt.is_of_unparsed() && *receipt != header.receipt {
            return Err(OtherReceipt);
        }
        let origin = Origin::Replay { row: receipt, is_by_retired_key };
        let body = Some(received.raw(bytes_at));
        let context = CallContext { first_received_at, origin, body, ..invocation.context() };
        Ok(book_event(source, ledger, &Admission::default(), event, header, &context).await.into())
    };
    AssertUnwindSafe(replayed).catch_unwind().await.unwrap_or_else(|_| Ok(panicked()))
}

/// As what its sender delivers, but for the signature.
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
