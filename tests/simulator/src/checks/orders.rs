//! Orders, journal and grants agree with what the provider says was paid: each buyer has what was paid for, and no one
//! has anything else.

use std::collections::BTreeMap;

use testkit::{Books, OrderRow};

use crate::truth::{OrderTruth, PaymentTruth, Truth};

/// What each account has of an order.
fn postings<'b>(books: &'b Books, order: &str) -> BTreeMap<&'b str, i128> {
    let mut sums = BTreeMap::new();
    for row in books.journal.values().filter(|row| row.order.as_deref() == Some(order)) {
        if let Some(account) = &row.account {
            *sums.entry(account.as_str()).or_default() += row.change;
        }
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

/// The payment that the books say has paid the order, as the provider has it.
fn booked<'t>(order: &OrderRow, truth: &'t OrderTruth) -> Option<&'t PaymentTruth> {
    truth.payments.get(order.paid_by.as_ref()?.rsplit('#').next()?)
}

/// Orders that are paid by no payment, and postings beyond what an order buys.
pub(super) fn find_foreign(books: &Books, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    for row in books.journal.values().filter(|row| row.account.is_some()) {
        let is_foreign = |order: &String| !books.orders.contains_key(order);
        if let Some(order) = row.order.as_ref().filter(|order| is_foreign(order)) {
            wrong.push(format!("{} was moved for the order {order}, which does not exist", row.change));
        }
    }
    for (number, order) in &books.orders {
        let known = truth.orders.get(number);
        let payment = known.and_then(|known| booked(order, known));
        if let Some(by) = order.paid_by.as_ref().filter(|_| payment.is_none()) {
            wrong.push(format!("order {number} is paid by {by}, which the provider does not have"));
        }
        for (account, sum) in postings(books, number) {
            let grant = known.filter(|_| payment.is_some()).and_then(|known| known.grants.get(account));
            if grant.is_none_or(|grant| sum < 0 || sum > grant.whole) {
                wrong.push(format!("order {number} brings {sum} to {account} instead of up to {grant:?}"));
            }
        }
    }
    wrong
}

/// Paid orders that have not delivered what is left of their payment.
pub(super) fn find_missing(books: &Books, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, known) in truth.orders.iter().filter(|(_, known)| !known.payments.is_empty()) {
        let Some(order) = books.orders.get(number) else {
            wrong.push(format!("order {number} was paid and does not exist"));
            continue;
        };
        let Some(payment) = booked(order, known) else {
            wrong.push(format!("order {number} was paid and is {}: {:?}", order.payment, known.payments));
            continue;
        };
        let has = postings(books, number);
        for (account, grant) in &known.grants {
            let (has, keeps) = (has.get(account.as_str()).copied().unwrap_or_default(), payment.keeps(*grant));
            if has != keeps {
                wrong.push(format!("order {number} brings {has} to {account} instead of {keeps}: {payment:?}"));
            }
        }
        // A second payment of one order needs a person, and so does a top-up whose call was not answered.
        let is_expected = known.payments.len() > 1 || known.is_top_up;
        if let Some(anomaly) = order.anomaly.as_ref().filter(|_| !is_expected) {
            wrong.push(format!("order {number} is flagged: {anomaly}"));
        }
        if order.fulfilment == "pending" {
            wrong.push(format!("order {number} is not fulfilled"));
        }
    }
    wrong
}
