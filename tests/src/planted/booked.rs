//! What a booking changes.

use std::collections::{BTreeMap, BTreeSet};

use testkit::Books;

/// Everything that a booking changes: balances, entries, and the payments and fulfilment of orders.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Booked {
    balances: BTreeMap<String, i128>,
    pub(super) lines: BTreeSet<String>,
    orders: BTreeMap<String, Sold>,
}

/// The state of an order without its flag: a planted order is flagged.
#[derive(Debug, PartialEq, Eq)]
struct Sold {
    payment: String,
    posted: i128,
    delivered: BTreeMap<String, i128>,
    top_up_call: Option<String>,
    transfer: Option<String>,
}

impl Booked {
    pub(super) fn of(books: &Books) -> Self {
        let lines = books.journal.iter().filter(|(_, row)| row.account.is_some()).map(|(id, _)| id.clone());
        let orders = books.orders.iter().map(|(number, order)| {
            let sold = Sold {
                payment: order.payment.clone(),
                posted: order.posted,
                delivered: order.delivered.clone(),
                top_up_call: order.top_up_call.clone(),
                transfer: order.transfer.clone(),
            };
            (number.clone(), sold)
        });
        Self {
            balances: books.accounts.iter().map(|(id, account)| (id.clone(), account.balance)).collect(),
            lines: lines.collect(),
            orders: orders.collect(),
        }
    }
}
