//! Tests of whole requests: products, refusals, retries under an idempotency key, and the order's reply.

mod creating;
mod places;
mod rates;
mod referrals;
mod repeating;
mod showing;

use api::Function;
use edge::{Invocation, Service as _};
use ledger::{CallCounts, Owner, Timestamp};
use serde_json::{Value, json};
use testkit::{Sent, Shape, api_key, deadline, exchange_rate, instant, mark, now};

use super::*;

fn orders(seed: u64) -> Orders {
    orders_within(seed, "")
}

/// With this limit of places for each owner.
fn orders_within(seed: u64, places: &str) -> Orders {
    let catalog = Catalog::parse(catalog::SHIPPED).expect("a valid catalog");
    let places = Places::read(|_| Some(places.to_owned())).expect("a number");
    Orders::new(catalog, RandomBits::new(testkit::seeded_bits(seed)), places)
}

/// With callers `alice` and `bob`, whose keys are `key-of-alice` and `key-of-bob`.
async fn function<L: Ledger>(ledger: L) -> Function<Orders, L> {
    api_key(&ledger, "alice", "key-of-alice").await;
    api_key(&ledger, "bob", "key-of-bob").await;
    exchange_rate(&ledger, "MNT/CNY", "0.00204", now()).await;
    Function { api: orders(1), ledger }
}

fn invocation(attempt: u64, now: Timestamp) -> Invocation {
    Invocation { now, started: instant(), deadline: deadline(Orders::REPLY_WITHIN), attempt: mark(attempt) }
}

async fn sent<L: CallCounts + Ledger>(function: &Function<Orders, L>, attempt: u64, sent: &Sent<'_>) -> Reply {
    function.answer(&sent.event(Shape::HttpApi), &invocation(attempt, now())).await
}

fn post<'r>(path: &'r str, body: &'r str) -> Sent<'r> {
    Sent::post(path, body.as_bytes()).with("authorization", "Bearer key-of-alice")
}

fn get(path: &str) -> Sent<'_> {
    Sent { method: "GET", ..post(path, "") }
}

fn body_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).expect("JSON")
}

fn header<'r>(reply: &'r Reply, name: &str) -> Option<&'r str> {
    reply.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn number_of(owner: &str, key: &str) -> String {
    OrderNumber::from_key(&Owner::new(owner).expect("an owner"), key).to_string()
}
