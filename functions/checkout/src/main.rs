//! The Lambda function: the catalog, the settings, the key, the way to Stripe and the books, put together once per sandbox.

use std::process::ExitCode;

use api::{Dice, Function};
use catalog::{Catalog, SHIPPED};
use checkout::{Checkout, Config};
use edge::Start;
use idempotency::{DynamoLedger, Tables};
use providers::Http;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let catalog = Catalog::parse(SHIPPED)?;
    let config = Config::read(|name| start.variable(name), &start.config.stage, &catalog)?;
    let tables = Tables::read(|name| start.variable(name))?;
    let ledger = DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new());
    // During init, when CPU is free and nobody waits: the key, and the connection to the store.
    let (keys, ()) = tokio::join!(start.keys(checkout::keys(config.stripe.livemode)), ledger.warm());
    let (http, dice) = (Http::new(fastrand::Rng::new()), Dice::new(fastrand::Rng::new()));
    edge::run(Function { api: Checkout { catalog, config, keys: keys?, http, dice }, ledger }).await
}
