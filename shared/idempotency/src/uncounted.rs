//! The alarm about a budget that cannot be read. What has been used is booked all the same, without being counted.

use ledger::{BoundKey, CallerKey};

/// As `edge` names it, which is above the store: every function and sweep that books a use raises this alarm here.
pub(crate) const ALARM: &str = "hookledger::alarm";

pub(crate) fn alarm(key: &CallerKey) {
    let subject = key.short_id();
    tracing::warn!(target: ALARM, source = "budgets", alarm = "budget_unreadable", subject, alarms = 1);
}

/// Of a key as it is read, and not as it is remembered: once a minute for each sandbox that uses it.
pub(crate) fn alarm_of_limits(key: &CallerKey, bound: &BoundKey) {
    if bound.budget.is_err() {
        alarm(key);
    }
}
