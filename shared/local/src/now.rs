//! The clock of this machine.

use std::time::Duration;

use edge::Moment;
use ledger::{Delivery, Timestamp};

pub fn now() -> Timestamp {
    Moment::now(Duration::ZERO).now
}

/// A call of the store that begins now, for what a person does.
pub fn delivery(patience: Duration) -> Delivery<'static> {
    Moment::now(patience).delivery()
}
