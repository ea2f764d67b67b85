//! What a cancelled transaction means. Every reason is read: the first one is not the one that matters.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use ledger::{Fingerprints, MoneyKey, Reason, Timestamp};

use crate::books::spending_terms;
use crate::names;
use crate::role::Role;

type Image = HashMap<String, AttributeValue>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Something else was writing, or the table was too busy: nothing is known about the event.
    Again,
    /// The event has a row already.
    Found(Found),
    /// Other events have moved this money: the same movements, to the letter.
    Moved(Vec<MoneyKey>),
    /// An order, a subscription or a pointer is no longer as it was read, or no place is left.
    Stale,
    /// Something else was moved under the same money key.
    Contradicted,
    /// A business guard did not hold.
    Guarded(Reason),
    /// A reason that no repetition cures.
    Invalid(String),
}

/// The row that an event has already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) processed_at: Option<Timestamp>,
    pub(crate) fingerprint: String,
    pub(crate) written_by: String,
}

impl Found {
    pub(crate) fn is_same_event(&self, fingerprints: &Fingerprints) -> bool {
        fingerprints.contain(&self.fingerprint)
    }
}

/// Reads the reasons, which come in the order of the rows.
pub(crate) fn read(reasons: &[CancellationReason], roles: &[Role]) -> Verdict {
    let failed: Vec<(&CancellationReason, &Role)> =
        reasons.iter().zip(roles).filter(|(reason, _)| !matches!(reason.code(), None | Some("None"))).collect();
    if failed.is_empty() || failed.iter().any(|(reason, _)| passes(reason.code())) {
        return Verdict::Again;
    }
    let images = |wanted: fn(&Role) -> bool| {
        let of_role = failed.iter().filter(move |(_, role)| wanted(role));
        of_role.filter(|(reason, _)| reason.code() == Some("ConditionalCheckFailed"))
    };
    // That the event is booked outranks every other reason: a balance that is too low now was not when it was booked.
    if let Some((reason, _)) = images(|role| matches!(role, Role::Receipt)).next() {
        return Verdict::Found(found(reason.item()));
    }
    if let Some((reason, _)) = failed.iter().find(|(reason, _)| reason.code() != Some("ConditionalCheckFailed")) {
        return Verdict::Invalid(format!(
            "{}: {}",
            reason.code().unwrap_or_default(),
            reason.message().unwrap_or_default()
        ));
    }
    // Whatever else failed was decided on what has changed.
    if images(|role| matches!(role, Role::Versioned(_) | Role::Pointer | Role::LinePosition | Role::Repaired))
        .any(|(reason, role)| is_stale(reason.item(), role))
    {
        return Verdict::Stale;
    }
    let mut moved = Vec::new();
    for (reason, role) in images(|role| matches!(role, Role::Money(..))) {
        if let Role::Money(key, fingerprint) = role {
            if text(reason.item(), names::FINGERPRINT) != Some(fingerprint.as_str()) {
                return Verdict::Contradicted;
            }
            moved.push(key.clone());
        }
    }
    if !moved.is_empty() {
        return Verdict::Moved(moved);
    }
    for (reason, role) in &failed {
        match role {
            Role::Account(Some(terms)) if reason.item().map(spending_terms).unwrap_or_default() != *terms => {
                return Verdict::Guarded(Reason::Overtaken);
            }
            Role::Referrer => return Verdict::Guarded(Reason::Overtaken),
            Role::Account(_) => return Verdict::Guarded(Reason::InsufficientCredits),
            Role::Key => return Verdict::Guarded(Reason::KeyTaken),
            Role::Revoked => return Verdict::Guarded(Reason::UnknownKey),
            Role::Versioned(_) => return Verdict::Guarded(Reason::OrderNotPayable),
            Role::Proof => return Verdict::Guarded(Reason::PaymentUnproven),
            Role::Receipt
            | Role::Money(..)
            | Role::Pointer
            | Role::LinePosition
            | Role::Lane
            | Role::Repaired
            | Role::Body => {}
        }
    }
    Verdict::Invalid("a condition failed that no row carries".to_owned())
}

/// A version that was read and is still there was not overtaken: then it is the state that does not allow it.
fn is_stale(image: Option<&Image>, role: &Role) -> bool {
    match role {
        Role::Versioned(read) => version(image) != *read,
        Role::Receipt
        | Role::Money(..)
        | Role::Proof
        | Role::Account(_)
        | Role::Key
        | Role::Revoked
        | Role::Referrer
        | Role::Pointer
        | Role::LinePosition
        | Role::Lane
        | Role::Repaired
        | Role::Body => true,
    }
}

fn version(image: Option<&Image>) -> Option<u64> {
    image?.get(names::VERSION)?.as_n().ok()?.parse().ok()
}

fn passes(code: Option<&str>) -> bool {
    matches!(
        code,
        Some(
            "TransactionConflict"
                | "ThrottlingError"
                | "ProvisionedThroughputExceeded"
                | "RequestLimitExceeded"
                | "TransactionInProgress"
        )
    )
}

fn found(image: Option<&Image>) -> Found {
    let owned = |name| text(image, name).unwrap_or_default().to_owned();
    let processed = text(image, names::STATUS) == Some(names::PROCESSED);
    Found {
        processed_at: text(image, names::PROCESSED_AT)
            .filter(|_| processed)
            .and_then(|time| Timestamp::parse_rfc3339(time).ok()),
        fingerprint: owned(names::FINGERPRINT),
        written_by: owned(names::WRITTEN_BY),
    }
}

fn text<'i>(image: Option<&'i Image>, name: &str) -> Option<&'i str> {
    image?.get(name)?.as_s().ok().map(String::as_str)
}
