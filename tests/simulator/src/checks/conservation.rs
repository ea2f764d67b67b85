//! Postings add up to balances and orders, and the balances are what the actors know.

use testkit::Books;

use super::dates::expired;
use crate::panics;
use crate::truth::Truth;

pub(super) fn find(books: &Books, truth: &Truth) -> Vec<String> {
    let (_, mut wrong) = panics::caught(|| books.check());
    for (account, by_hand) in &truth.by_hand {
        let of_account = |key: &&String| truth.postings[*key].account == *account;
        let known = truth.postings.keys().filter(of_account).filter_map(|key| books.journal.get(key));
        let sum: i128 = by_hand + known.map(|row| row.change).sum::<i128>();
        let sum = sum - expired(books, account);
        let balance = books.balance(account);
        if sum != balance {
            wrong.push(format!("{account} has {balance}, and its events add up to {sum}"));
        }
    }
    wrong
}
