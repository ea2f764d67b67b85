//! Nothing due is left behind.

use testkit::Books;

use crate::truth::Truth;

pub(super) fn find(books: &Books, _: &Truth) -> Vec<String> {
    let waiting = books.journal.iter().filter(|(_, row)| row.needs_attention);
    waiting.map(|(key, row)| format!("{key} waits: {}", row.reason.as_deref().unwrap_or_default())).collect()
}
