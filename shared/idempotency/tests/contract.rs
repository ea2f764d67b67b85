//! Both ledgers do what the contract says.

use std::sync::Arc;

use testkit::{MemoryLedger, World, contract};

#[tokio::test(start_paused = true)]
async fn the_books_in_dynamodb() {
    contract(|| {
        let world = World::new();
        (Arc::new(world.ledger(1)), Box::new(move || world.books()))
    })
    .await;
}

#[tokio::test]
async fn the_books_in_memory() {
    contract(|| {
        let ledger = Arc::new(MemoryLedger::default());
        (Arc::clone(&ledger), Box::new(move || ledger.books()))
    })
    .await;
}
