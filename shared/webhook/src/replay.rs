//! What was refused, tried again from what is kept of it: the same parse, decision and commit as when it came.

use std::panic::AssertUnwindSafe;

use edge::Moment;
use futures_util::FutureExt as _;
use ledger::{KeptBody, Ledger, Timestamp};

use crate::book::{About, book, delivery};
use crate::{Admission, Outcome, Received, Webhook};

/// Whoever sent it was admitted, and proved itself, when it came; both may be otherwise by now, and count for nothing here.
pub async fn replay<W: Webhook, L: Ledger>(
    source: &W,
    ledger: &L,
    kept: &KeptBody,
    first_received_at: Timestamp,
    moment: &Moment,
) -> Outcome {
    let received = Received::again(kept, W::HEADERS_KEPT);
    let delivery = delivery(&received, moment, first_received_at);
    let (admission, mut about) = (Admission::default(), About::default());
    let booked = book(source, ledger, &admission, &received, &delivery, &mut about);
    match AssertUnwindSafe(booked).catch_unwind().await {
        Ok(outcome) => outcome.unwrap_or_else(|outcome| outcome),
        Err(_) => Outcome::Panicked,
    }
}
