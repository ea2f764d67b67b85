//! Nothing due is left behind.

use testkit::Books;

use crate::truth::Truth;

pub(super) fn find(books: &Books, truth: &Truth) -> Vec<String> {
    let waiting = books.journal.iter().filter(|(_, row)| row.needs_attention);
    let waiting = waiting.filter(|(key, _)| !truth.may_wait.iter().any(|part| key.contains(part)));
    let waiting = waiting.map(|(key, row)| format!("{key} waits: {}", row.reason.as_deref().unwrap_or_default()));
    let open = books.holds.iter().filter(|(_, hold)| hold.state == "open");
    waiting.chain(open.map(|(id, _)| format!("the hold {id} is open"))).collect()
}
