//! The cost of an account and of a page of its statement, as the API shows them, and of changes over it.

use ledger::PaymentState;
use serde_json::json;
use testkit::{Sent, World, api_key, now, service_key};

use super::clicks::Clicks;
use super::meter::{Cost, Meter};
use super::{Path, path};
use crate::account_api::{rates::limit, used};
use crate::fulfil::{PHONE, airtime};
use crate::lots::{committed, spend, world};
use crate::policies::runs;
use crate::stripe::{made, order};

const LINES: usize = 100;

/// Alice has credits that last a day, and more lines than a page.
async fn account() -> World {
    let world = world().await;
    api_key(&world.ledger(0), "alice", "key-of-alice").await;
    for number in 0..LINES {
        committed(&world, &spend("alice", &format!("line{number}"), "0.001"), 0).await;
    }
    world
}

pub(super) async fn of_credits() -> Vec<Path> {
    let world = account().await;
    for number in ["N1", "N2"] {
        made(&world, order(number)).await;
    }
    let (ledger, meter) = Meter::new(&world);
    let mut api = Clicks::of(runs::credits(), ledger, meter);
    let mut get = async |path: &str| -> Cost {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        api.call(now(), Sent::get(path, query), 200).await
    };
    let mut paths = vec![
        path("credits: an account, at a new sandbox", get("/v1/account").await),
        path("credits: an account", get("/v1/account").await),
        path("credits: an account with the budgets of one key", get("/v1/account?include=budgets").await),
        path("credits: a page of a statement, of a hundred lines", get("/v1/accounts/alice/statement").await),
        path("credits: a page of two orders", get("/v1/orders").await),
    ];
    let mut export = async |query: &str| -> Cost {
        let sent = Sent { query, ..Sent::post("/v1/owners/alice/export", b"") };
        api.call(now(), sent, 200).await
    };
    // `account credits`, and `orders`.
    paths.push(path("credits: the first page of an export", export("").await));
    paths.push(path("credits: an account and a hundred lines, exported", export("cursor=YWNjb3VudCBjcmVkaXRz").await));
    paths.push(path("credits: two orders, exported", export("cursor=b3JkZXJz").await));
    paths
}

/// Calls of a key with a rate, which a function remembers.
pub(super) async fn of_rates() -> Vec<Path> {
    let world = account().await;
    limit(&world, "alice", 2).await;
    let (ledger, meter) = Meter::new(&world);
    let mut api = Clicks::of(runs::credits(), ledger, meter);
    let mut get = async |status: u16| -> Cost { api.call(now(), Sent::get("/v1/account", ""), status).await };
    get(200).await;
    vec![
        path("credits: an account, by a key with a rate", get(200).await),
        path("credits: a call beyond the rate of its key", get(429).await),
    ]
}

/// Changes by a shop's server, whose key is remembered.
pub(super) async fn of_changes() -> Vec<Path> {
    let world = account().await;
    service_key(&world.ledger(0), "shop", "admin").await;
    let code = crate::codes::make(&world, 7, 1, None).await;
    committed(&world, &used("bob", "evt_1", "0.001"), 0).await;
    let (ledger, meter) = Meter::new(&world);
    let mut api = Clicks::of(runs::credits(), ledger, meter);
    api.call_by("hs_shop", now(), Sent::get("/v1/accounts/alice", ""), 200).await;
    let mut change = async |path: &str, name: &str, body: &str| -> Cost {
        let sent = Sent::post(path, body.as_bytes()).with("idempotency-key", name);
        api.call_by("hs_shop", now(), sent, 201).await
    };
    let codes = r#"{"campaign":"sale","credits":"5","count":10,"reason":"a sale"}"#;
    let redemption = json!({ "code": code.as_str(), "owner": "bob" }).to_string();
    let revoke = Sent { method: "DELETE", ..Sent::post("/v1/codes/sale", br#"{"reason":"it is over"}"#) };
    let revoke = revoke.with("idempotency-key", "k4");
    let reversal = r#"{"use":"evt_1","reason":"a wrong price"}"#;
    vec![
        path("credits: a charge is reversed", change("/v1/reversals", "k1", reversal).await),
        path("credits: the same reversal again", change("/v1/reversals", "k1", reversal).await),
        path("credits: ten codes are made", change("/v1/codes", "k2", codes).await),
        path("credits: a code is redeemed", change("/v1/redeem", "k3", &redemption).await),
        path("credits: the same redemption again", change("/v1/redeem", "k3", &redemption).await),
        path("credits: a page of ten codes", api.call_by("hs_shop", now(), Sent::get("/v1/codes/sale", ""), 200).await),
        path("credits: ten codes are revoked", api.call_by("hs_shop", now(), revoke, 200).await),
        path("credits: a page of two campaigns", api.call_by("hs_shop", now(), Sent::get("/v1/codes", ""), 200).await),
    ]
}

/// What names a person is erased from ten orders and a key, and a repeat.
pub(super) async fn of_erasures() -> Vec<Path> {
    let world = account().await;
    service_key(&world.ledger(0), "shop", "admin").await;
    for number in 0..10 {
        let mut order = order(&format!("N{number}"));
        order.terms.grants = vec![airtime(PHONE)];
        order.payment = PaymentState::Expired;
        made(&world, order).await;
    }
    let (ledger, meter) = Meter::new(&world);
    let mut api = Clicks::of(runs::credits(), ledger, meter);
    let named = Sent::post("/v1/keys", br#"{"kind":"owner","owner":"alice","name":"laptop","reason":"r"}"#);
    api.call_by("hs_shop", now(), named.with("idempotency-key", "k1"), 201).await;
    let mut erase = async || -> Cost {
        let sent = Sent::post("/v1/owners/alice/personal-data", br#"{"reason":"a request of hers"}"#);
        let sent = Sent { method: "DELETE", ..sent.with("idempotency-key", "k2") };
        api.call_by("hs_shop", now(), sent, 200).await
    };
    vec![
        path("credits: ten orders and the name of a key are erased", erase().await),
        path("credits: the same erasure again", erase().await),
    ]
}
