//! No spend goes beyond what is available.

use testkit::Books;

use crate::truth::Truth;

pub(super) fn find(books: &Books, truth: &Truth) -> Vec<String> {
    let overdrawn = truth.solvent.iter().filter_map(|id| books.accounts.get(id).map(|account| (id, account)));
    let overdrawn = overdrawn.filter(|(_, account)| account.available < 0);
    overdrawn.map(|(id, account)| format!("{id} is overdrawn: {}", account.available)).collect()
}
