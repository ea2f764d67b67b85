//! The time, which the bench measures and signs its events with.

#![expect(clippy::disallowed_methods, reason = "the bench measures time")]

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ledger::Timestamp;

use crate::error::Error;

pub(crate) fn instant() -> Instant {
    Instant::now()
}

pub(crate) fn now() -> Result<Timestamp, Error> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    Timestamp::from_unix_ms(i64::try_from(since).unwrap_or_default()).map_err(|error| Error::failed(error.to_string()))
}

/// The end of an invocation that begins now, in milliseconds since 1970.
pub(crate) fn deadline_ms(patience: Duration) -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().saturating_add(patience).as_millis()
}
