//! The clock of this machine.

use std::time::Duration;

use edge::Invocation;
use ledger::{CallContext, Timestamp};

pub fn now() -> Timestamp {
    Invocation::now(Duration::ZERO).now
}

/// A call of the store that begins now, for what a person does.
pub fn context(patience: Duration) -> CallContext<'static> {
    Invocation::now(patience).context()
}
