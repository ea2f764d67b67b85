//! No machine calls the operator twice for one order, and a top-up that was delivered was paid for.

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
    for (number, _) in books.orders.iter().filter(|(_, order)| order.top_up_call.as_deref() == Some("done")) {
        if truth.top_ups.get(number).is_none_or(|(_, given)| *given == 0) {
            wrong.push(format!("order {number} counts as topped up, and the operator has not topped up"));
        }
    }
    wrong
}
