//! Chat: each call is charged at most once, under its own name or under that of its upstream's report, for what was
//! generated; each answer is paid for, and no other.

use std::collections::BTreeMap;

use ledger::{Amount, Asset};
use testkit::{Books, HoldRow};

use crate::truth::{CallTruth, Charge, ChatTruth, Truth};

/// Charges that no call has caused, or that are wrong.
pub(super) fn find(books: &Books, truth: &Truth) -> Vec<String> {
    truth.chats.iter().flat_map(|(account, chat)| of_account(books, account, chat)).collect()
}

/// Answers that are not paid for.
pub(super) fn find_missing(books: &Books, truth: &Truth) -> Vec<String> {
    let calls = truth.chats.values().flat_map(|chat| &chat.calls);
    let due = calls.filter(|call| call.charge == Charge::Due && charges(books, call).is_empty());
    due.map(|call| format!("{} was answered and is not charged", call.hold)).collect()
}

fn of_account(books: &Books, account: &str, chat: &ChatTruth) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut known: BTreeMap<&str, &CallTruth> = BTreeMap::new();
    for call in &chat.calls {
        known.extend(call.keys.iter().map(|key| (key.as_str(), call)));
        let charged = charges(books, call);
        if charged.len() > 1 {
            wrong.push(format!("{} is charged more than once: {charged:?}", call.hold));
        }
        if call.late > 0 {
            wrong.push(format!("{} was generated again after its first part was sent", call.hold));
        }
        if call.charge == Charge::Never && call.generated > 0 {
            wrong.push(format!("{} was generated although it cannot be paid for", call.hold));
        }
        wrong.extend(charged.into_iter().filter_map(|(key, change)| wrong_charge(books, call, key, change)));
    }
    let mut sum = chat.funds;
    let of_account = books.journal.iter().filter(|(_, row)| row.account.as_deref() == Some(account));
    for (key, row) in of_account.filter(|(key, _)| !key.starts_with("manual#")) {
        sum += row.change;
        if !known.contains_key(key.as_str()) {
            wrong.push(format!("{key} moves {} of {account}, and no call has caused it", row.change));
        }
    }
    let balance = books.balance(account);
    if sum != balance {
        wrong.push(format!("{account} has {balance}, and its calls leave {sum}"));
    }
    wrong
}

fn charges<'b>(books: &'b Books, call: &'b CallTruth) -> Vec<(&'b str, i128)> {
    let row = |key: &'b String| books.journal.get(key).filter(|row| row.account.is_some()).map(|row| (key, row));
    call.keys.iter().filter_map(row).map(|(key, row)| (key.as_str(), row.change)).collect()
}

fn wrong_charge(books: &Books, call: &CallTruth, key: &str, change: i128) -> Option<String> {
    let state = books.holds.get(&call.hold).map(|hold: &HoldRow| hold.state.as_str());
    let own = format!("usage#{}", call.hold);
    if state == Some("expired") {
        let is_right = key == own && change == call.at_expiry && call.charge != Charge::Never;
        return (!is_right).then(|| format!("{} expired, and {key} moves {change} instead of {call:?}", call.hold));
    }
    let named = call.named.as_deref().and_then(|cost| Asset::CREDITS.parse(cost).ok()).map(Amount::units);
    let is_as_named = named.is_none_or(|named| i128::try_from(named) == Ok(-change));
    let is_cost = match call.exact {
        Some(exact) => change == exact,
        None => call.costs.contains(&change) || call.estimates.contains(&change),
    };
    let is_under_name = call.key_if_settled.as_deref().is_none_or(|named| named == key);
    let may_be = matches!(call.charge, Charge::Due | Charge::Maybe);
    let is_right = state == Some("settled") && may_be && is_as_named && is_cost && is_under_name;
    (!is_right).then(|| format!("{} is {state:?}, and {key} moves {change} instead of {call:?}", call.hold))
}
