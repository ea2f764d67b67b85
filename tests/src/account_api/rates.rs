//! Rates of keys: exactly as many calls pass in a minute, of each API, and a counter that fails stops none.

use std::time::Duration;

use api::{Api, Serve};
use futures_util::future::join_all;
use ledger::{CallRate, CallerKey, Effect, KeyChange, KeySettings, Owner};
use testkit::{Rules, deadline, instant, mark};

use super::holds::{body_of, post, sent};
use super::*;
use crate::log_capture::{captured_lines, start_capture};
use crate::sandbox::by_hand;

const MINUTE: i64 = 60;
const CALLERS: u64 = 64;

/// The owner's API key may make so many calls a minute.
pub(crate) async fn limit(world: &World, owner: &str, calls: u32) {
    let (key, owner) = (CallerKey::api(&format!("key-of-{owner}")), Owner::new(owner).expect("an owner"));
    let to = KeySettings { rate: Some(CallRate::a_minute(calls).expect("a rate")), ..KeySettings::default() };
    let change = KeyChange::Set { key, owner, from: KeySettings::default(), to };
    by_hand(world, "limited", vec![Effect::Key(Box::new(change))]).await;
}

/// The status of calls of this key, so many seconds after the beginning of a minute.
async fn statuses(world: &World, key: &str, seconds: &[i64]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for second in seconds {
        statuses.push(at(world, get("/v1/accounts/alice", "", key), now().plus_seconds(*second)).await.status);
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn key_makes_as_many_calls_a_minute_as_its_rate() {
    for (body, read) in [
        (r#"{"kind":"owner","owner":"alice","reason":"r"}"#, "/v1/account"),
        (r#"{"kind":"service","name":"till","scopes":["read"],"reason":"r"}"#, "/v1/accounts/alice"),
    ] {
        let world = world().await;
        let made = body_of(&sent(&world, post("/v1/keys", body, "hs_admin", "k1")).await);
        let (key, path) =
            (made["secret"].as_str().expect("a secret"), format!("/v1/keys/{}", made["key"].as_str().expect("an id")));
        let set = |rate: &str, name: &str| {
            let body = format!(r#"{{"rate":{rate},"reason":"r"}}"#);
            let (path, name) = (path.clone(), name.to_owned());
            let world = &world;
            async move { sent(world, Sent { method: "PATCH", ..post(&path, &body, "hs_admin", &name) }).await.status }
        };
        assert_eq!(statuses(&world, key, &[0; 5]).await, [200; 5], "{read}: without a rate none is counted");
        assert_eq!(set("3", "k2").await, 200);
        assert_eq!(shown(&world, &path, "", "hs_admin", now()).await["rate"], 3);
        assert_eq!(
            statuses(&world, key, &[0, 1, 59, 59, 60, 61, 119, 119, 120]).await,
            [200, 200, 200, 429, 200, 200, 200, 429, 200]
        );
        let refused = at(&world, get(read, "", key), now().plus_seconds(2 * MINUTE + 45)).await;
        assert_eq!(refused.status, 200, "the second of that minute");
        at(&world, get(read, "", key), now().plus_seconds(2 * MINUTE + 45)).await;
        let refused = at(&world, get(read, "", key), now().plus_seconds(2 * MINUTE + 45)).await;
        assert_eq!((refused.status, header(&refused, "retry-after")), (429, Some("15")));
        let body = json!({
            "error": "rate_exceeded",
            "message": "This key may make 3 calls a minute; try again when the next minute begins.",
        });
        assert_eq!(body_of(&refused), body);
        // A key of its own, and its rate removed.
        assert_eq!(statuses(&world, "hs_read", &[0; 5]).await, [200; 5]);
        assert_eq!(set("null", "k3").await, 200);
        assert_eq!(statuses(&world, key, &[0; 5]).await, [200; 5]);
    }
    let world = world().await;
    let made = body_of(
        &sent(
            &world,
            post("/v1/keys", r#"{"kind":"gateway","owner":"alice","remoteKeyId":"1","reason":"r"}"#, "hs_admin", "k1"),
        )
        .await,
    );
    let path = format!("/v1/keys/{}", made["key"].as_str().expect("an id"));
    for (rate, code) in [
        ("60", "fields_conflict"),
        ("0", "rate_invalid"),
        ("60001", "rate_invalid"),
        ("-1", "rate_invalid"),
        ("1.5", "rate_invalid"),
        ("\"9\"", "rate_invalid"),
    ] {
        let body = format!(r#"{{"rate":{rate},"reason":"r"}}"#);
        let reply = sent(&world, Sent { method: "PATCH", ..post(&path, &body, "hs_admin", "k2") }).await;
        assert_eq!((reply.status, body_of(&reply)["error"].as_str()), (400, Some(code)), "{rate}");
    }
}

/// A retry that is refused has no effect, and what a guess finds is counted as well.
#[tokio::test(start_paused = true)]
async fn every_call_of_the_key_is_counted() {
    let world = world().await;
    limit(&world, "alice", 2).await;
    for (path, status) in [("/v1/holds/guess-1", 404), ("/v1/keys/guess-2", 404), ("/v1/account", 429)] {
        assert_eq!(at(&world, get(path, "", "key-of-alice"), now()).await.status, status, "{path}");
    }
    let before = world.books();
    let order = Sent::post("/orders", br#"{"product":"credits-100"}"#).with("authorization", "Bearer key-of-alice");
    let function = Function { api: runs::orders(), ledger: world.ledger(9) };
    assert_eq!(function.answer(&order.event(Shape::HttpApi), &invocation(9)).await.status, 429);
    assert_eq!(world.books(), before);
}

async fn answers<A: Serve<DynamoLedger>>(function: Function<A, DynamoLedger>, sent: Sent<'_>) -> [u16; 2] {
    let event = sent.with("authorization", "Bearer key-of-alice").event(Shape::HttpApi);
    let mut statuses = [0; 2];
    for (attempt, status) in (1..).zip(&mut statuses) {
        let invocation = edge::Invocation {
            now: now(),
            started: instant(),
            deadline: deadline(<A as Api>::REPLY_WITHIN),
            attempt: mark(attempt),
        };
        *status = function.answer(&event, &invocation).await.status;
    }
    statuses
}

#[tokio::test(start_paused = true)]
async fn each_api_counts_the_calls_of_a_key() {
    let order = || Sent::post("/orders", br#"{"product":"credits-100"}"#);
    let world = world().await;
    limit(&world, "alice", 1).await;
    assert_eq!(answers(Function { api: runs::orders(), ledger: world.ledger(1) }, order()).await, [201, 429]);
    let world = super::world().await;
    limit(&world, "alice", 1).await;
    assert_eq!(answers(function(world.ledger(1)), Sent::get("/v1/account", "")).await, [200, 429]);
    let world = super::world().await;
    limit(&world, "alice", 1).await;
    let net = testkit::StripeNet::new(fakes::Stripe::new("https://pay.invalid", false, "s"));
    let click = Sent::post("/api/pay/checkout", br#"{"product":"credits-100"}"#);
    let checkout = Function { api: runs::checkout(&net).await, ledger: world.ledger(1) };
    assert_eq!(answers(checkout, click).await, [201, 429]);
}

/// 64 sandboxes at once: exactly ten calls pass.
#[tokio::test(start_paused = true)]
async fn calls_at_once_pass_as_many_as_the_rate() {
    let world = world().await;
    limit(&world, "alice", 10).await;
    let store = world.under_load(1, Rules::default());
    let calls = (0..CALLERS).map(|caller| {
        let function = function(store.ledger(caller));
        async move {
            let event = get("/v1/account", "", "key-of-alice").event(Shape::HttpApi);
            function.answer(&event, &invocation(caller)).await.status
        }
    });
    let statuses = join_all(calls).await;
    let of = |status: u16| statuses.iter().filter(|other| **other == status).count();
    assert_eq!((of(200), of(429)), (10, 54), "{statuses:?}");
}

/// A counter that cannot be written delays a call by a quarter of a second at most, stops none, and is a metric.
#[tokio::test(start_paused = true)]
async fn call_that_cannot_be_counted_goes_on() {
    let world = world().await;
    limit(&world, "alice", 1).await;
    let expected = at(&world, get("/v1/account", "", "key-of-alice"), now()).await;
    assert_eq!(expected.status, 200);
    for fault in Fault::ALL.into_iter().filter(|fault| ![Fault::Kill, Fault::KillApplied].contains(fault)) {
        let plan = move |_: usize, operation: &str| if operation == "UpdateItem" { fault } else { Fault::None };
        let (ledger, faults) = world.faulty(1, plan);
        let function = function(ledger);
        let event = get("/v1/account", "", "key-of-alice").event(Shape::HttpApi);
        start_capture();
        let began = instant();
        let reply = function.answer(&event, &invocation(1)).await;
        let took = instant().duration_since(began);
        let uncounted: Vec<_> = captured_lines().into_iter().filter(|line| line.get("uncounted").is_some()).collect();
        let (status, body) = (reply.status, reply.body.as_str());
        // A store that answers has counted it.
        let is_counted = status == 429 && uncounted.is_empty();
        let goes_on = (status, body) == (200, expected.body.as_str()) && uncounted.len() == 1;
        assert!(is_counted || goes_on, "{fault:?}: {status} {body} {uncounted:?}");
        assert!(uncounted.iter().all(|line| line["source"] == "credits"), "{uncounted:?}");
        assert!(took <= Duration::from_millis(300), "{fault:?}: {took:?}");
        let updates = faults.calls().iter().filter(|call| call.operation == "UpdateItem").count();
        assert_eq!(updates, 1, "{fault:?}");
    }
}
