//! Both ledgers do what the contract says, and the one on DynamoDB does it on any engine.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures_util::FutureExt as _;
use testkit::{MemoryLedger, SecondEngine, World, contract};

#[tokio::test(start_paused = true)]
async fn the_books_in_dynamodb() {
    contract(async || {
        let world = World::new();
        (Arc::new(world.ledger(1)), async move || world.books())
    })
    .await;
}

#[tokio::test]
async fn the_books_in_memory() {
    contract(async || {
        let ledger = Arc::new(MemoryLedger::default());
        (Arc::clone(&ledger), async move || ledger.books())
    })
    .await;
}

/// Each call of the contract is made to the engine that is named and to the embedded one, which must agree on rows, errors, cancellation
/// reasons and old images. Nothing is left out for any engine.
#[tokio::test]
#[ignore = "name an engine: CONTRACT_ENDPOINT=http://127.0.0.1:8000, with credentials and a region in the environment"]
#[expect(clippy::disallowed_methods, reason = "whoever runs the test names the engine")]
async fn the_books_in_a_second_engine() {
    let endpoint = std::env::var("CONTRACT_ENDPOINT").expect("CONTRACT_ENDPOINT names an engine");
    let second = SecondEngine::open(&endpoint).await;
    let kept = contract(async || {
        let both = second.emptied().await;
        (Arc::new(both.ledger(1)), async move || both.books().await)
    });
    let kept = AssertUnwindSafe(kept).catch_unwind().await;
    second.drop_tables().await;
    if let Err(broken) = kept {
        resume_unwind(broken);
    }
    assert!(second.compared() > 200, "only {} answers were compared", second.compared());
}
