//! The Lambda function: the catalog and the books in DynamoDB, put together once per sandbox.

use std::process::ExitCode;

use api::{Dice, Function, Places};
use catalog::{Catalog, SHIPPED};
use edge::Start;
use idempotency::{DynamoLedger, Tables};
use orders::Orders;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let catalog = Catalog::parse(SHIPPED)?;
    let tables = Tables::read(|name| start.variable(name))?;
    let places = Places::read(|name| start.variable(name))?;
    let ledger = DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new());
    // During init, when CPU is free and nobody waits.
    ledger.warm().await;
    edge::run(Function { api: Orders::new(catalog, Dice::of_system(), places), ledger }).await
}
