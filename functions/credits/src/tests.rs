//! Whole requests over the ledger in memory. `tests/src/account_api.rs` has those over the store.

use api::{Function, RandomBits};
use edge::{Invocation, Service as _};
use serde_json::Value;
use testkit::{MemoryLedger, Sent, Shape, api_key, deadline, instant, mark, now, service_key};

use super::*;

async fn function() -> Function<Credits, MemoryLedger> {
    let ledger = MemoryLedger::default();
    api_key(&ledger, "alice", "key-of-alice").await;
    service_key(&ledger, "shop", "read").await;
    let secrets = RandomBits::new(testkit::seeded_bits(1));
    let catalog = Catalog::parse(catalog::SHIPPED).expect("a valid catalog");
    Function { api: Credits::new(catalog, secrets, testkit::code_pepper()), ledger }
}

async fn get(function: &Function<Credits, MemoryLedger>, path: &str, key: &str) -> Reply {
    let sent = Sent::get(path, "").with("authorization", format!("Bearer {key}"));
    let (started, deadline) = (instant(), deadline(Credits::REPLY_WITHIN));
    let invocation = Invocation { now: now(), started, deadline, attempt: mark(1) };
    function.answer(&sent.event(Shape::HttpApi), &invocation).await
}

#[tokio::test(start_paused = true)]
async fn owner_without_an_account_has_nothing_yet() {
    let function = function().await;
    let own = get(&function, "/v1/account", "key-of-alice").await;
    let body: Value = serde_json::from_str(&own.body).expect("JSON");
    assert_eq!((own.status, body["balance"].as_str()), (200, Some("0")));
    assert_eq!(get(&function, "/v1/accounts/alice", "hs_shop").await.status, 404);
    let lines = get(&function, "/v1/accounts/alice/statement", "hs_shop").await;
    assert_eq!(
        (lines.status, lines.body.as_str()),
        (200, r#"{"account":"alice/credits","lines":[],"next":null}"#),
        "no lines are no secret of a service key"
    );
    assert_eq!(lines.headers.iter().filter(|(name, _)| *name == "link").count(), 0);
}
