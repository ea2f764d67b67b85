//! One effect for each business object: every posting is one that an actor caused, of the amount that it caused, and what
//! was acknowledged is there.

use testkit::Books;

use super::dates::is_expiry;
use crate::truth::Truth;

/// Postings that no actor caused.
pub(super) fn find_foreign(books: &Books, truth: &Truth) -> Vec<String> {
    let mut wrong = truth.broken.clone();
    // Stripe counts in each delivery how many are left, and changes nothing else.
    let conflicts = books.journal.keys().filter(|key| key.starts_with("stripe#") && key.contains("#conflict#"));
    wrong.extend(conflicts.map(|key| format!("{key} contradicts an event of which all deliveries say the same")));
    for (key, row) in books.journal.iter().filter(|(_, row)| row.account.is_some()) {
        let account = row.account.as_deref().unwrap_or_default();
        let expires = truth.dated.contains_key(account) || truth.expiring.contains(account);
        // The rows of orders have a check of their own.
        // What chat charges has a check of its own.
        if truth.chats.contains_key(account) {
            continue;
        }
        let is_elsewhere = if is_expiry(key) { expires } else { key.starts_with("manual#") || row.order.is_some() };
        if is_elsewhere {
            continue;
        }
        match truth.postings.get(key) {
            None => wrong.push(format!("{key} moves {} of {account}, and nothing caused it", row.change)),
            Some(expected) if expected.account != account || !expected.any_of.contains(&row.change) => {
                wrong.push(format!("{key} moves {} of {account} instead of {expected:?}", row.change));
            }
            Some(_) => {}
        }
    }
    wrong
}

/// Acknowledged events without a posting.
pub(super) fn find_missing(books: &Books, truth: &Truth) -> Vec<String> {
    let is_booked = |key: &String| books.journal.get(key).is_some_and(|row| row.account.is_some());
    let missing = truth.postings.iter().filter(|(key, expected)| expected.is_due && !is_booked(key));
    missing.map(|(key, expected)| format!("{key} was acknowledged and is not booked: {expected:?}")).collect()
}
