//! The alarm about a use for which two channels report another cost: a hold and a usage event. The first that was booked
//! stands, and neither is a conflict.

use ledger::{Amount, EventKey};

use crate::uncounted::ALARM;

/// Raised where a use is found booked, so again at each repeat of the second report.
pub(crate) fn alarm_unless_equal(usage: &EventKey, booked: Option<Amount>, reported: Option<Amount>) {
    if booked != reported {
        tracing::warn!(target: ALARM, source = "usage", alarm = "price_differs", subject = usage.as_str(), alarms = 1);
    }
}
