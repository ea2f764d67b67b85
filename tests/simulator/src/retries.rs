//! The minutes in which refused events are due, from the documented backoff, which doubles from a minute to a day.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use ledger::{CallContext, Timestamp};
use testkit::now;
use tokio::sync::Notify;

const MINUTE_MS: i64 = 60_000;
const BACKOFF_MS_MAX: i64 = 24 * 60 * MINUTE_MS;
/// The clocks of two sandboxes differ by less.
const SKEW_MS: i64 = 40_000;

/// The minutes of a world in which events are due.
#[derive(Debug, Default)]
pub(crate) struct Retries {
    minutes: Mutex<BTreeSet<u64>>,
    pub(crate) added: Notify,
}

impl Retries {
    /// An event is refused, for the first time or again: its pause is the time that it has waited so far.
    pub(crate) fn add_refused(&self, context: &CallContext<'_>) {
        let waited_ms = context.received_at.unix_ms() - context.first_received_at.unix_ms();
        self.add_ms(context.received_at.unix_ms() + waited_ms.clamp(MINUTE_MS, BACKOFF_MS_MAX));
    }

    /// A row is due at this time, if it is due again.
    pub(crate) fn add(&self, until: Option<Timestamp>) {
        if let Some(until) = until {
            self.add_ms(until.unix_ms());
        }
    }

    fn add_ms(&self, due_ms: i64) {
        let after_ms = u64::try_from(due_ms + SKEW_MS - now().unix_ms()).unwrap_or_default();
        self.add_minute(after_ms.div_ceil(MINUTE_MS.unsigned_abs()));
    }

    pub(crate) fn add_minute(&self, minute: u64) {
        self.minutes.lock().expect("one thread").insert(minute);
        self.added.notify_one();
    }

    /// The first minute that is over at this time.
    pub(crate) fn take(&self, elapsed: Duration) -> Option<u64> {
        let mut minutes = self.minutes.lock().expect("one thread");
        let first = *minutes.first()?;
        (Duration::from_mins(first) <= elapsed).then(|| minutes.pop_first()).flatten()
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.minutes.lock().expect("one thread").first().map(|minute| Duration::from_mins(*minute))
    }
}
