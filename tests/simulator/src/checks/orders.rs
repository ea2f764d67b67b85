//! Orders, journal and grants agree with what the provider says was paid: each buyer has what was paid for, and no one
//! has anything else.

use std::collections::BTreeMap;

use testkit::{Books, OrderRow};

use super::dates::is_expiry;
use crate::truth::{OrderTruth, PaymentTruth, Truth};

/// What each account has of an order. What comes back from breakage for a clawback names the order, too, and is not of it.
pub(super) fn postings<'b>(books: &'b Books, order: &str) -> BTreeMap<&'b str, i128> {
    let mut sums = BTreeMap::new();
    let rows = books.journal.iter().filter(|(key, row)| row.order.as_deref() == Some(order) && !is_expiry(key));
    for (_, row) in rows {
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

/// The payment that the books say has paid the order of this number.
pub(super) fn payment<'t>(books: &Books, number: &str, truth: &'t OrderTruth) -> Option<&'t PaymentTruth> {
    booked(books.orders.get(number)?, truth)
}

/// What has arrived on chain of an order.
fn sent(truth: &Truth, order: &str) -> i128 {
    let transfers = truth.transfers.get(order).into_iter().flatten();
    transfers.filter(|transfer| transfer.has_arrived).map(|transfer| transfer.units).sum()
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
            // The invoice of a subscription may be booked before its order.
            let known = known.filter(|known| payment.is_some() || !known.periods.is_empty());
            let range = known.and_then(|known| known.range(account, sent(truth, number)));
            if range.is_none_or(|(least, most)| sum < least || sum > most) {
                wrong.push(format!("order {number} brings {sum} to {account} instead of {range:?}"));
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
        for (account, keeps) in known.keeps(payment, sent(truth, number)) {
            let has = has.get(account).copied().unwrap_or_default();
            if has != keeps {
                wrong.push(format!("order {number} brings {has} to {account} instead of {keeps}: {known:?}"));
            }
        }
        let transfers = truth.transfers.get(number).map(Vec::as_slice).unwrap_or_default();
        let hangs = transfers.iter().any(|transfer| !transfer.has_arrived);
        // A second payment of one order needs a person, and so does a top-up whose call was not answered, and a transfer
        // that does not arrive.
        let is_expected = known.payments.len() > 1 || known.is_top_up || known.needs_a_person || hangs;
        if let Some(anomaly) = order.anomaly.as_ref().filter(|_| !is_expected) {
            wrong.push(format!("order {number} is flagged: {anomaly}"));
        }
        // A second payment that was refunded needs no person any more.
        let kept = known.payments.values().filter(|payment| payment.refunded < payment.paid).count();
        let others = kept - usize::from(payment.refunded < payment.paid);
        if others > 0 && order.anomaly.is_none() {
            wrong.push(format!("order {number} was paid {} times, and no person is called", known.payments.len()));
        }
        if order.fulfilment == "pending" && !hangs {
            wrong.push(format!("order {number} is not fulfilled"));
        }
        if transfers.len() > 1 {
            wrong.push(format!("order {number} was sent {} times", transfers.len()));
        }
        if known.is_on_chain && transfers.is_empty() && payment.keeps_anything() {
            wrong.push(format!("order {number} was never sent"));
        }
    }
    wrong
}
