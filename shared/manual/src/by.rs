//! Who changes something and why, and the id under which it is booked once.

use ledger::{EventKey, KeyError, Writer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct By<'b> {
    pub writer: Writer,
    /// The idempotency key: the same id is booked once.
    pub id: &'b str,
    pub author: &'b str,
    pub reason: &'b str,
}

impl By<'_> {
    /// The key of the journal row.
    pub fn receipt(&self) -> Result<EventKey, KeyError> {
        EventKey::new(self.writer, self.id)
    }
}
