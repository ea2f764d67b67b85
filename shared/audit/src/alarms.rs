//! The alarms of the audit, each after a line with the reason.

use ledger::{Difference, Open, OrderNumber, Subject, Timestamp};

use crate::SOURCE;

/// Logs drift, at each comparison that finds it: only a person repairs it.
pub(crate) fn report_drift(drift: &Open) {
    let Open { difference, equal_checks, since, .. } = drift;
    let Difference { difference_kind, suspect, account, order, line, recorded, found, missing } = difference;
    let (order, line) = (order.as_ref().map(OrderNumber::as_str), line.as_deref());
    let (recorded, found, amount) = (recorded.units(), found.units(), difference.amount().units());
    tracing::error!(
        difference_kind = difference_kind.as_str(), account, order, line, recorded = %recorded, found = %found, difference = %amount, missing,
        equal_checks, since = %since, likely = suspect.likely(), repair = difference.remedy(), "the books disagree"
    );
    drift_of(subject_of(difference));
}

pub(crate) fn drift_of(subject: &str) {
    edge::alarm(SOURCE, "drift", subject);
}

/// Reports an account without a comparison for a day: it is written, or its difference changes, all the time.
pub(crate) fn unsettled(subject: &str, since: Timestamp) {
    tracing::error!(subject, since = %since, "no audit could compare this account");
    edge::alarm(SOURCE, "unsettled", subject);
}

/// Reports a difference that is in no list: only its place is kept.
pub(crate) fn unlisted(at: &Subject) {
    let subject = match at {
        Subject::Account(subject) | Subject::Line(subject) => subject.as_str(),
        Subject::Order(order) => order.as_str(),
    };
    tracing::error!(subject, "the list of differences is full: repair those that it has");
    edge::alarm(SOURCE, "unlisted", subject);
}

pub(crate) fn subject_of(difference: &Difference) -> &str {
    difference.order.as_ref().map_or(difference.account.as_str(), OrderNumber::as_str)
}
