//! Tests of the ledger's types: tables of cases and properties. This file has the fixtures that they share.

mod accepted;
mod account_transfers;
mod amounts;
mod anomalies;
mod audit;
mod breakers;
mod budgets;
mod codes;
mod convergence;
mod disputes;
mod entries;
mod erasing;
mod fulfilment;
mod in_doubt;
mod lots;
mod members;
mod metered;
mod money;
mod names;
mod orders;
mod payments;
mod periods;
mod rates;
mod refunds;
mod reports;
mod subscriptions;
mod times;
mod transfers;
mod transitions;
mod trial_balances;
mod usage_reversals;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use reports::{Report, applied, applied_all, summaries};

fn alice() -> Owner {
    Owner::new("alice").expect("valid")
}

fn number() -> OrderNumber {
    OrderNumber::new("HL1").expect("valid")
}

fn reference(provider: Provider, id: &str) -> Reference {
    Reference::new(provider, id).expect("valid")
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_unix_ms(second.saturating_mul(1_000)).expect("in range")
}

fn word(text: &str) -> Word {
    Word::new(text).expect("valid")
}

fn cents(count: u64) -> Amount {
    Amount::from_units(count)
}

fn usd(count: u64) -> Money {
    Money { amount: cents(count), currency: Currency::parse("USD").expect("valid") }
}

fn credits(text: &str) -> Amount {
    Asset::CREDITS.parse(text).expect("valid")
}

/// A Stripe order by alice.
fn order(price: Money, grants: Vec<Grant>) -> Order {
    let terms = Terms {
        provider: Provider::Stripe,
        product: "credits-100".to_owned(),
        quantity: 1,
        price,
        exchange: None,
        grants,
        commissions: Vec::new(),
        referral: None,
        site: None,
    };
    Order::new(number(), alice(), terms, at(0))
}

/// 100 credits for 10 USD.
fn hundred() -> Order {
    order(usd(1_000), vec![Grant::Credits(credits("100"))])
}
