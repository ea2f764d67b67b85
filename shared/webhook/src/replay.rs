//! An event that nobody delivers: one that was refused, tried again from what is kept of it, or one that its sender's API lists. The
//! same parse, decision and commit as of a delivery.

use std::panic::AssertUnwindSafe;

use edge::Moment;
use futures_util::FutureExt as _;
use ledger::{KeptBody, Ledger, Timestamp};

use crate::book::{About, book, delivery};
use crate::{Admission, Outcome, Received, Webhook};

/// What has become of an event that was tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replayed {
    pub outcome: Outcome,
    /// Trying it again changes nothing before a person has mended a row, or a release the code.
    pub is_stuck: bool,
}

/// Whoever sent it was admitted, and proved itself, when it came; both may be otherwise by now, and count for nothing here.
pub async fn replay<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    kept: &KeptBody,
    first_received_at: Timestamp,
    moment: &Moment,
) -> Replayed {
    booked(source, ledger, &Received::again(kept, W::HEADERS_KEPT), first_received_at, moment).await
}

/// `event` is what the sender's own API said when it was asked under our key, and `path` where that was: `tests/src/house.rs` knows
/// who may say so.
pub async fn listed<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    event: &[u8],
    path: &str,
    moment: &Moment,
) -> Replayed {
    if event.len() > W::BODY_BYTES_MAX {
        return Replayed { outcome: Outcome::TooLarge, is_stuck: false };
    }
    booked(source, ledger, &Received::listed(event, path), moment.now, moment).await
}

async fn booked<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    received: &Received<'_>,
    first_received_at: Timestamp,
    moment: &Moment,
) -> Replayed {
    let delivery = delivery(received, moment, first_received_at);
    let (admission, mut about) = (Admission::default(), About::default());
    let booked = book(source, ledger, &admission, received, &delivery, &mut about);
    match AssertUnwindSafe(booked).catch_unwind().await {
        Ok(outcome) => Replayed { outcome: outcome.unwrap_or_else(|outcome| outcome), is_stuck: about.is_stuck },
        Err(_) => Replayed { outcome: Outcome::Panicked, is_stuck: true },
    }
}
