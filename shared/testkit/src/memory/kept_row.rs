//! A journal row in memory.

use ledger::{Amount, House, Timestamp, Writer};

use crate::Row;

#[derive(Debug)]
pub(super) struct KeptRow {
    pub(super) row: Row,
    pub(super) fingerprint: String,
    pub(super) processed_at: Option<Timestamp>,
    pub(super) first_received_at: Timestamp,
    pub(super) reversed_by: Option<String>,
    pub(super) house: Option<House>,
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
