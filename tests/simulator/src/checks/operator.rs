//! No machine calls the operator twice for one order, a top-up that was delivered was paid for, and no
//! refunded payment is topped up any more.

use testkit::Books;

use crate::truth::Truth;

pub(super) fn find(books: &Books, truth: &Truth) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, (calls, given)) in &truth.top_ups {
        if *calls > 1 || *given > 1 {
            wrong
                .push(format!("the operator was called {calls} times for order {number}, and topped up {given} times"));
        }
        if truth.orders.get(number).is_none_or(|known| !known.is_top_up) {
            wrong.push(format!("the operator was called for order {number}, which was not paid"));
        }
        if books.orders.get(number).is_none_or(|order| order.top_up_call.is_none()) {
            wrong.push(format!("the operator was called for order {number} without a claim"));
        }
    }
    for (payment, before) in &truth.refunded {
        let is_paid_by = |by: &String| by.rsplit('#').next() == Some(payment);
        let of_payment = books.orders.iter().filter(|(_, order)| order.paid_by.as_ref().is_some_and(is_paid_by));
        for (number, _) in of_payment {
            let (calls, _) = truth.top_ups.get(number).copied().unwrap_or_default();
            if calls > before.get(number).copied().unwrap_or_default() {
                wrong.push(format!("the operator was called for order {number} after its payment was refunded"));
            }
        }
    }
    for (number, _) in books.orders.iter().filter(|(_, order)| order.top_up_call.as_deref() == Some("done")) {
        if truth.top_ups.get(number).is_none_or(|(_, given)| *given == 0) {
            wrong.push(format!("order {number} counts as topped up, and the operator has not topped up"));
        }
    }
    wrong
}
