//! Both ledgers pass the same contract, the DynamoDB one also against another engine.

use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt as _;
use testkit::{MemoryLedger, SecondEngine, World, contract};

#[tokio::test(start_paused = true)]
async fn dynamodb_ledger_passes_the_contract() {
    contract(async || {
        let world = World::new();
        (world.ledger(1).noting_use().minding_pauses(), async move || world.books())
    })
    .await;
}

#[tokio::test]
async fn memory_ledger_passes_the_contract() {
    contract(async || {
        let ledger = MemoryLedger::default();
        (ledger.clone(), async move || ledger.books())
    })
    .await;
}

/// Each call of the contract runs against the named engine and against the embedded one. Both must agree on rows, errors,
/// cancellation reasons and old images. No call is skipped for any engine.
#[tokio::test]
#[ignore = "name an engine: CONTRACT_ENDPOINT=http://127.0.0.1:8000, with credentials and a region in the environment"]
#[expect(clippy::disallowed_methods, reason = "the environment names the engine")]
async fn second_engine_passes_the_contract() {
    let endpoint = std::env::var("CONTRACT_ENDPOINT").expect("CONTRACT_ENDPOINT names an engine");
    let second = SecondEngine::open(&endpoint).await;
    let run = contract(async || {
        let both = second.emptied().await;
        (both.ledger(1).noting_use().minding_pauses(), async move || both.books().await)
    });
    let outcome = AssertUnwindSafe(run).catch_unwind().await;
    second.drop_tables().await;
    if let Err(failure) = outcome {
        resume_unwind(failure);
    }
    assert!(second.compared() > 200, "only {} answers were compared", second.compared());
}
