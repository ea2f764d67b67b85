//! The first purchase of a referred buyer gives referral credits, once, and keeps them in proportion.

use std::collections::BTreeMap;

use testkit::Books;

use super::orders::{payment, postings};
use crate::truth::{OrderTruth, PaymentTruth, Truth};

pub(super) fn find(books: &Books, truth: &Truth) -> Vec<String> {
    let mut of_owners: BTreeMap<&str, Vec<(&String, &OrderTruth)>> = BTreeMap::new();
    for (number, order) in truth.orders.iter().filter(|(_, order)| order.referral.is_some()) {
        of_owners.entry(&order.owner).or_default().push((number, order));
    }
    let mut wrong = Vec::new();
    for (owner, orders) in of_owners {
        let is_given = |number: &str| books.journal.keys().any(|key| key.starts_with(&format!("referral#{number}#")));
        let given: Vec<_> = orders.iter().filter(|(number, _)| is_given(number)).collect();
        // One that was given back before its credits were given is still the first, and no other takes its place.
        let first = books.pointers.get(&format!("first_purchase#{owner}"));
        let firsts = orders.iter().filter(|(number, _)| first.is_none_or(|first| first == *number));
        let mut payments = firsts.filter_map(|(number, order)| payment(books, number, order));
        if given.len() > 1 || (given.is_empty() && payments.any(PaymentTruth::keeps_anything)) {
            wrong.push(format!("{} purchases of {owner} give referral credits: {given:?}", given.len()));
        }
        for (number, order) in given {
            let (Some(paid), Some((to, grant))) = (payment(books, number, order), &order.referral) else {
                continue;
            };
            let has = postings(books, number).get(to.as_str()).copied().unwrap_or_default();
            let keeps = paid.keeps(*grant);
            if has != keeps {
                wrong.push(format!("order {number} brings {has} to the referrer {to} instead of {keeps}"));
            }
        }
    }
    wrong
}
