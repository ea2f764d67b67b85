//! A store that fails, and how long a refused body is kept. The suites have the refusals.

use edge::Service as _;
use embedded::{DATA_YAML, Template};
use idempotency::Tables;
use testkit::{STAGE, World, usage};
use usage::Usage;
use webhook::{Admission, Webhook as _};

use crate::sandbox::{function, invocation, open_account};

/// A store that fails or does not answer gives a temporary error, so that the sender retries.
#[tokio::test(start_paused = true)]
#[expect(clippy::disallowed_methods, reason = "how long it took, by the clock of the test")]
async fn store_error_is_not_acknowledged() {
    use testkit::Fault;
    let always = [
        Fault::DropRequest,
        Fault::Disconnect,
        Fault::Throttle,
        Fault::Conflict,
        Fault::ServerError,
        Fault::InProgress,
    ];
    for fault in always {
        let world = books().await;
        let before = world.books();
        let sandbox = crate::sandbox::Sandbox::new(&world, 5, move |_, _| fault).await;
        let waited = tokio::time::Instant::now();
        let reply = sandbox.deliver(&usage("e1", "k1", "3").to_string(), &invocation(1)).await.expect("alive");
        assert_eq!(
            (reply.status, crate::sandbox::message(&reply).as_str()),
            (503, "Temporarily unavailable"),
            "{fault:?}"
        );
        assert!(reply.headers.contains(&("retry-after", "5".to_owned())), "{fault:?}");
        assert!(
            waited.elapsed() <= Usage::REPLY_WITHIN + std::time::Duration::from_millis(10),
            "{fault:?}: {:?}",
            waited.elapsed()
        );
        let calls = sandbox.faults.calls().len();
        assert!((2..=40).contains(&calls), "{fault:?}: {calls} calls");
        assert_eq!(world.books(), before, "{fault:?}");
    }
    let empty = embedded::Engine::memory().expect("a store without tables");
    let ledger = idempotency::DynamoLedger::new(
        &empty.sdk_config(),
        idempotency::Tables::of_stage("local"),
        fastrand::Rng::with_seed(1),
    );
    let reply = function(ledger, Admission::default())
        .await
        .answer(&crate::sandbox::signed(&usage("e1", "k1", "3").to_string()), &invocation(1))
        .await;
    assert_eq!(reply.status, 503, "a missing table is our trouble too");
}

pub(crate) async fn books() -> World {
    let world = World::new();
    two_accounts(&world).await;
    world
}

/// `alice` with ten credits and the key `k1`, `bob` with `k2`, and one event booked.
pub(crate) async fn two_accounts(world: &World) {
    open_account(world, "alice", "k1", "11").await;
    open_account(world, "bob", "k2", "11").await;
    let function = function(world.ledger(9), Admission::default()).await;
    let reply = function.answer(&crate::sandbox::signed(&usage("booked", "k1", "1").to_string()), &invocation(9)).await;
    assert_eq!(reply.status, 200);
}

/// A refused body is kept for ninety days: it has the TTL attribute of its table.
#[tokio::test(start_paused = true)]
async fn refused_body_expires_after_ninety_days() {
    let world = World::new();
    let function = function(world.ledger(1), Admission::default()).await;
    function.answer(&crate::sandbox::signed("no JSON"), &invocation(1)).await;
    let rows = world
        .engine
        .request("Scan", &serde_json::json!({ "TableName": Tables::of_stage(STAGE).bodies }))
        .expect("rows");
    let data = Template::parse(DATA_YAML, &[("Stage", STAGE)]).expect("a template");
    let attribute = data.tables().iter().find_map(|table| table.expires_by.clone()).expect("a table with a TTL");
    let expires_at = rows["Items"][0][&attribute]["N"].as_str().expect("a time").parse::<i64>().expect("seconds");
    assert_eq!(expires_at - testkit::now().unix_s(), 90 * 86_400);
}
