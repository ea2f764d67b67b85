//! A journal row in memory, and the body that is kept of its event.

use ledger::{Amount, CallContext, EventKey, House, KeptBody, RawBody, Timestamp, Writer};

use super::State;
use crate::Row;

#[derive(Debug)]
pub(super) struct KeptRow {
    pub(super) row: Row,
    pub(super) fingerprint: String,
    pub(super) processed_at: Option<Timestamp>,
    pub(super) first_received_at: Timestamp,
    pub(super) reversed_by: Option<String>,
    pub(super) house: Option<House>,
    pub(super) kind: &'static str,
    /// What wrote the row of an event.
    pub(super) writer: Option<Writer>,
    pub(super) due: Option<Due>,
}

/// The index word of a waiting row, its next retry time, and the amount owed.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) word: String,
    pub(super) at: Timestamp,
    pub(super) owed: Amount,
}

impl State {
    pub(super) fn keep_body(&mut self, receipt: &EventKey, context: &CallContext<'_>) {
        if let Some(RawBody { method, path, query, headers, bytes, bytes_at }) = context.body {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
            let [method, path, query] = [method, path, query].map(str::to_owned);
            let kept = KeptBody { method, path, query, headers, bytes: bytes.to_vec(), bytes_at };
            self.bodies.insert(receipt.to_string(), kept);
        }
    }
}
