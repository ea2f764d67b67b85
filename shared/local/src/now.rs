//! The system clock.

use std::time::Duration;

use edge::Invocation;
use ledger::{CallContext, Timestamp};

/// The current time.
pub fn now() -> Timestamp {
    Invocation::now(Duration::ZERO).now
}

/// The context of a store call that starts now and has `patience` as its timeout.
pub fn context(patience: Duration) -> CallContext<'static> {
    Invocation::now(patience).context()
}
