//! The meaning of a cancelled transaction: a repeat, an idempotency conflict, a stale row or a failed guard. All its
//! reasons are read, since the first one may not be the decisive one.

pub(crate) mod together;

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason};
use ledger::{
    AccountId, Amount, Balance, BudgetCount, CallContext, Effect, Fingerprints, JournalHeader, MoneyKey, REPORTED_KEY,
    Reason, Spent, Timestamp, Writer,
};

use crate::books::spending_terms;
use crate::budget_row::BudgetRead;
use crate::image::{is_of_later_form, known_form};
use crate::plan::OVER_BUDGET;
use crate::role::{AccountGuards, LotsGuard, Role};
use crate::{budget_row, lots_row, names};

type Image = HashMap<String, AttributeValue>;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A conflict with another transaction or a throttled table: the result is unknown, and the call is retried.
    Retry,
    /// The event already has a row.
    ExistingRow(ExistingRow),
    /// Other events have booked these movements, with the same account and amount.
    Moved(Vec<MoneyKey>),
    /// Optimistic locking: an order, a subscription or a pointer has changed since it was read, or no place or use is
    /// left.
    Stale,
    /// Another movement was booked under the same money key.
    Conflict,
    /// The lots of this account are not those that were read, or were not read at all.
    LotsChanged(AccountId),
    /// Lots of this account are past their date, so that no debit is made before they expire.
    Expired(AccountId),
    /// Windows of a budget begin or end, or a limit would be exceeded.
    Budget(Box<BudgetRead>),
    /// The key of a hold has as many open calls as it may have.
    TooManyCalls,
    /// A business guard failed.
    Guarded(Reason),
    /// A retry cannot succeed.
    Invalid(String),
}

/// The event's existing journal row, which the failed condition returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ExistingRow {
    pub(crate) processed_at: Option<Timestamp>,
    pub(crate) fingerprint: String,
    pub(crate) written_by: String,
    /// What wrote it, the account that it charged, and with how much.
    pub(crate) source: String,
    pub(crate) account: Option<String>,
    pub(crate) charged: Option<Amount>,
    /// The short ids of the key that a hold was for, and of the gateway's key that reports the use.
    pub(crate) keys: [Option<String>; 2],
    pub(crate) is_over_budget: bool,
}

impl ExistingRow {
    /// Whether a hold has charged the use of this event: on the same account, or for the same key, which has left its team
    /// or joined one since the hold was opened, or was revoked.
    pub(crate) fn is_charge_of_hold(&self, header: &JournalHeader, effects: &[Effect]) -> bool {
        let charges = effects.iter().filter_map(|effect| {
            if let Effect::Move(movement) = effect { Some(movement.posting.account().to_string()) } else { None }
        });
        let is_of_key = header.short_id_of_key().is_some_and(|key| self.keys.contains(&Some(key)));
        let is_same = charges.eq(self.account.clone()) || is_of_key;
        self.source == Writer::Hold.as_str() && header.kind == "usage" && is_same
    }

    /// Whether a call of this delivery, whose answer was lost, has refused this event. Another event of the same request
    /// may have its id.
    pub(crate) fn is_own_refusal(&self, header: &JournalHeader, context: &CallContext<'_>) -> bool {
        let is_own = self.written_by == context.attempt.as_str() && self.is_same_event(&header.fingerprints);
        self.processed_at.is_none() && is_own
    }

    pub(crate) fn is_same_event(&self, fingerprints: &Fingerprints) -> bool {
        fingerprints.contain(&self.fingerprint)
    }
}

/// Reads the reasons, which are in the order of the rows.
pub(crate) fn read(reasons: &[CancellationReason], roles: &[Role]) -> Verdict {
    let failed: Vec<(&CancellationReason, &Role)> =
        reasons.iter().zip(roles).filter(|(reason, _)| !matches!(reason.code(), None | Some("None"))).collect();
    if failed.is_empty() || failed.iter().any(|(reason, _)| is_transient(reason.code())) {
        return Verdict::Retry;
    }
    let images = |wanted: fn(&Role) -> bool| {
        let of_role = failed.iter().filter(move |(_, role)| wanted(role));
        of_role.filter(|(reason, _)| reason.code() == Some("ConditionalCheckFailed"))
    };
    // An existing row of the event has priority: a balance that is too low now was sufficient when the event was
    // booked.
    if let Some((reason, _)) = images(|role| matches!(role, Role::Receipt)).next() {
        return if is_later_form(reason) { later_form() } else { Verdict::ExistingRow(existing_row(reason.item())) };
    }
    let is_invalid = |reason: &CancellationReason| reason.code() != Some("ConditionalCheckFailed");
    // A budget with an attribute of another type cannot be counted in.
    if let Some((_, Role::Budget(count))) = failed.iter().find(|(reason, _)| is_invalid(reason))
        && failed.iter().filter(|(reason, _)| is_invalid(reason)).count() == 1
    {
        return Verdict::Budget(Box::new(BudgetRead::unreadable(count)));
    }
    if let Some((reason, _)) = failed.iter().find(|(reason, _)| is_invalid(reason)) {
        return Verdict::Invalid(format!(
            "{}: {}",
            reason.code().unwrap_or_default(),
            reason.message().unwrap_or_default()
        ));
    }
    if images(|_| true).any(|(reason, role)| is_later_form_of(reason, role)) {
        return later_form();
    }
    // A stale read has the next priority: all other conditions were derived from it, except those of lots, whose
    // account shows that they have changed.
    let may_be_stale = |role: &Role| {
        matches!(
            role,
            Role::Versioned(_)
                | Role::Pointer
                | Role::Place
                | Role::Code
                | Role::ServiceKey
                | Role::Hold
                | Role::Repaired
                | Role::OwnersKey(_)
                | Role::Member
        )
    };
    if images(may_be_stale).any(|(reason, role)| is_stale(reason.item(), role)) {
        return Verdict::Stale;
    }
    let mut moved = Vec::new();
    for (reason, role) in images(|role| matches!(role, Role::Money(..))) {
        if let Role::Money(key, fingerprint) = role {
            if text(reason.item(), names::FINGERPRINT) != Some(fingerprint.as_str()) {
                return Verdict::Conflict;
            }
            moved.push(key.clone());
        }
    }
    if !moved.is_empty() {
        return Verdict::Moved(moved);
    }
    for (reason, role) in &failed {
        match role {
            Role::Referrer => return Verdict::Guarded(Reason::Overtaken),
            Role::Account(account, guards) => return of_account(account, guards, reason.item()),
            Role::Key => return Verdict::Guarded(Reason::KeyTaken),
            Role::SetBudget(owner) => {
                let is_owners = text(reason.item(), names::OWNER) == Some(owner.as_str());
                return Verdict::Guarded(if is_owners { Reason::Overtaken } else { Reason::UnknownKey });
            }
            Role::Budget(count) => return of_budget(count, reason.item()),
            Role::OwnersKey(_) => return Verdict::Guarded(Reason::UnknownKey),
            Role::Versioned(_) => return Verdict::Guarded(Reason::OrderNotPayable),
            Role::Proof => return Verdict::Guarded(Reason::PaymentUnproven),
            Role::Receipt
            | Role::Money(..)
            | Role::Pointer
            | Role::Place
            | Role::Code
            | Role::ServiceKey
            | Role::Hold
            | Role::Member
            | Role::Lane
            | Role::Lots
            | Role::Breakage
            | Role::Repaired
            | Role::Body => {}
        }
    }
    Verdict::Invalid("a condition failed on a row that has none".to_owned())
}

/// Only an account without an expiry that is due is short.
fn of_account(account: &AccountId, guards: &AccountGuards, image: Option<&Image>) -> Verdict {
    let nothing = Image::new();
    let row = image.unwrap_or(&nothing);
    if guards.terms.is_some_and(|terms| spending_terms(row) != terms) {
        return Verdict::Guarded(Reason::Overtaken);
    }
    let (Ok(version), Ok(next_expiry)) = (lots_row::version(row), lots_row::next_expiry(row)) else {
        return Verdict::Invalid("an account's lots cannot be read".to_owned());
    };
    let are_as_read = match guards.lots {
        LotsGuard::Any => true,
        LotsGuard::Absent => version.is_none(),
        LotsGuard::Version(read) => version.unwrap_or_default() == read,
        LotsGuard::AsRead(read) => lots_row::account(row)
            .is_ok_and(|row| (row.version, row.balance, row.held) == (read.version, read.balance, read.held)),
    };
    if !are_as_read {
        return Verdict::LotsChanged(account.clone());
    }
    let is_due = |now: Timestamp| next_expiry.is_some_and(|next_expiry| next_expiry <= now);
    if guards.debit_at.is_some_and(is_due) {
        return Verdict::Expired(account.clone());
    }
    // Once one of them has ended, there may be credits, too.
    if guards.call.as_ref().is_some_and(|call| call.is_one_too_many(row)) {
        return Verdict::TooManyCalls;
    }
    if !guards.freed.is_zero() && !lots_row::account(row).is_ok_and(|read| read.held >= guards.freed.units()) {
        return Verdict::Invalid(format!(
            "{account} holds less than its open holds: run account repair {account} --holds"
        ));
    }
    Verdict::Guarded(Reason::InsufficientCredits)
}

/// The row says which windows it has. Whether a limit is exceeded follows from the same row.
fn of_budget(count: &BudgetCount, image: Option<&Image>) -> Verdict {
    let Ok(spent) = image.map_or_else(|| Ok(Spent::default()), budget_row::read) else {
        return Verdict::Budget(Box::new(BudgetRead::unreadable(count)));
    };
    let exceeded = spent.exceeded(count);
    Verdict::Budget(Box::new(BudgetRead { key: count.key.clone(), spent: Some(spent), exceeded }))
}

/// A damaged budget stops no use. One of a later release has its meaning, and no write goes over it.
fn is_later_form_of(reason: &CancellationReason, role: &Role) -> bool {
    if let Role::Budget(_) = role { reason.item().is_some_and(is_of_later_form) } else { is_later_form(reason) }
}

/// Nothing can be concluded from a row of a later release.
fn is_later_form(reason: &CancellationReason) -> bool {
    reason.item().is_some_and(|row| known_form(row).is_err())
}

fn later_form() -> Verdict {
    Verdict::Invalid("a row has a later form: deploy the release that wrote it".to_owned())
}

/// If the version is still the one that was read, the row is not stale, and its state forbids the transition.
fn is_stale(image: Option<&Image>, role: &Role) -> bool {
    match role {
        Role::Versioned(read) => version(image) != *read,
        // A key that is still its owner's differs from what was read.
        Role::OwnersKey(owner) => text(image, names::OWNER) == Some(owner.as_str()),
        Role::Receipt
        | Role::Money(..)
        | Role::Proof
        | Role::Account(..)
        | Role::Lots
        | Role::Breakage
        | Role::Key
        | Role::SetBudget(_)
        | Role::Budget(_)
        | Role::Member
        | Role::Referrer
        | Role::Pointer
        | Role::Place
        | Role::Code
        | Role::ServiceKey
        | Role::Hold
        | Role::Lane
        | Role::Repaired
        | Role::Body => true,
    }
}

fn version(image: Option<&Image>) -> Option<u64> {
    image?.get(names::VERSION)?.as_n().ok()?.parse().ok()
}

fn is_transient(code: Option<&str>) -> bool {
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

fn existing_row(image: Option<&Image>) -> ExistingRow {
    let owned = |name| text(image, name).unwrap_or_default().to_owned();
    let processed = text(image, names::STATUS) == Some(names::PROCESSED);
    ExistingRow {
        processed_at: text(image, names::PROCESSED_AT)
            .filter(|_| processed)
            .and_then(|time| Timestamp::parse_rfc3339(time).ok()),
        fingerprint: owned(names::FINGERPRINT),
        written_by: owned(names::WRITTEN_BY),
        source: owned(names::SOURCE),
        account: text(image, names::ACCOUNT).map(str::to_owned),
        charged: image.and_then(charged),
        keys: ["key", REPORTED_KEY]
            .map(|name| image.and_then(|row| row.get(names::FACTS)?.as_m().ok()?.get(name)?.as_s().ok()).cloned()),
        is_over_budget: image
            .and_then(|row| row.get(names::FACTS)?.as_m().ok())
            .is_some_and(|facts| facts.contains_key(OVER_BUDGET)),
    }
}

/// What the entry of this row has taken from its account.
pub(crate) fn charged(row: &Image) -> Option<Amount> {
    let units: i128 = row.get(names::AMOUNT_UNITS)?.as_n().ok()?.parse().ok()?;
    if units == 0 { Some(Amount::ZERO) } else { Amount::owed(Balance::from_units(units)) }
}

fn text<'i>(image: Option<&'i Image>, name: &str) -> Option<&'i str> {
    image?.get(name)?.as_s().ok().map(String::as_str)
}
