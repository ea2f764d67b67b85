//! Credits expire at their date, once, and only what was not spent by then.

use testkit::Books;

use crate::truth::{DatedTruth, Truth};

/// Whether the key is of what expires, or comes back.
pub(super) fn is_expiry(key: &str) -> bool {
    key.starts_with("expire#")
}

/// What of an account has expired.
pub(super) fn expired(books: &Books, account: &str) -> i128 {
    let prefix = format!("expire#{account}.");
    -books.journal.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, row)| row.change).sum::<i128>()
}

pub(super) fn find(books: &Books, truth: &Truth) -> Vec<String> {
    let change = |key: &String| books.journal.get(key).map_or(0, |row| row.change);
    let mut wrong = Vec::new();
    for (account, DatedTruth { granted, grants, early, late }) in &truth.dated {
        let uses = truth.postings.iter().filter(|(key, _)| key.starts_with("usage#") && !late.contains(*key));
        let uses = uses.filter(|(_, expected)| expected.account == *account);
        let used_at_most = -uses.map(|(key, _)| change(key)).sum::<i128>();
        // They are spent before all others.
        let used_at_least = (-early.iter().map(change).sum::<i128>()).min(*granted);
        let granted = granted + grants.iter().map(change).sum::<i128>();
        let (least, most) = ((granted - used_at_most).max(0), granted - used_at_least);
        let expired = expired(books, account);
        if !(least..=most).contains(&expired) {
            wrong.push(format!("{expired} of {account} have expired instead of {least} to {most}"));
        }
    }
    for account in &truth.expiring {
        let of_orders = books.journal.iter().filter(|(key, row)| row.order.is_some() && !is_expiry(key));
        let bought = of_orders.filter(|(_, row)| row.account.as_ref() == Some(account));
        // What a clawback takes comes back from what has expired.
        let bought: i128 = bought.map(|(_, row)| row.change).sum();
        let expired = expired(books, account);
        if !(0..=bought).contains(&expired) {
            wrong.push(format!("{expired} of {account} have expired, which has bought {bought}"));
        }
    }
    wrong
}
