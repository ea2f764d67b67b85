//! The meaning of a cancelled transaction with several events: as for one, and which of its rows it concerns.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::CancellationReason;
use ledger::{AccountId, Reason};

use super::{ExistingRow, Verdict, existing_row, is_later_form, of_account, of_budget};
use crate::budget_row::BudgetRead;
use crate::image::parsed;
use crate::names;
use crate::role::Role;

#[derive(Debug)]
pub(crate) enum Together {
    Retry,
    /// Events that have a row already, by their place in the transaction.
    Existing(Vec<(usize, ExistingRow)>),
    Expired(AccountId),
    Budgets(Vec<BudgetRead>),
    /// Accounts that cannot pay for all their events, and what each has available.
    Short(BTreeMap<AccountId, i128>),
    /// A row or our code is at fault. Alone, the event at fault has an error that says more.
    Invalid,
}

/// Receipts come first, in the order of the events.
pub(crate) fn read(reasons: &[CancellationReason], roles: &[Role]) -> Together {
    let failed = || {
        let all = reasons.iter().zip(roles).enumerate();
        all.filter(|(_, (reason, _))| reason.code() == Some("ConditionalCheckFailed"))
    };
    match super::read(reasons, roles) {
        Verdict::Retry => Together::Retry,
        Verdict::ExistingRow(_) => {
            let receipts = || failed().filter(|(_, (_, role))| matches!(role, Role::Receipt));
            if receipts().any(|(_, (reason, _))| is_later_form(reason)) {
                return Together::Invalid;
            }
            Together::Existing(receipts().map(|(n, (reason, _))| (n, existing_row(reason.item()))).collect())
        }
        Verdict::Expired(account) => Together::Expired(account),
        Verdict::Budget(first) => {
            let others = failed().filter_map(|(_, (reason, role))| {
                let Role::Budget(count) = role else { return None };
                if let Verdict::Budget(read) = of_budget(count, reason.item()) { Some(*read) } else { None }
            });
            let others = others.filter(|read| read.key != first.key).collect::<Vec<_>>();
            Together::Budgets(std::iter::once(*first).chain(others).collect())
        }
        Verdict::Guarded(Reason::InsufficientCredits) => {
            let short = failed().filter_map(|(_, (reason, role))| {
                let Role::Account(account, guards) = role else { return None };
                let verdict = of_account(account, guards, reason.item());
                let available = || reason.item().map_or(0, |row| parsed(row, names::AVAILABLE_UNITS));
                (verdict == Verdict::Guarded(Reason::InsufficientCredits)).then(|| (account.clone(), available()))
            });
            let mut available = BTreeMap::new();
            available.extend(short);
            Together::Short(available)
        }
        Verdict::Moved(_)
        | Verdict::Stale
        | Verdict::Conflict
        | Verdict::LotsChanged(_)
        | Verdict::TooManyCalls
        | Verdict::Guarded(_)
        | Verdict::Invalid(_) => Together::Invalid,
    }
}
