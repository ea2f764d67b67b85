//! The Lambda function: the source, its keys and the books in DynamoDB, put together once per sandbox.

use std::process::ExitCode;

use edge::Start;
use idempotency::{DynamoLedger, Tables};
use stripe::{Config, Stripe};
use webhook::{Admission, Function, Webhook as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let config = Config::read(|name| start.variable(name), &start.config.stage)?;
    let admission = Admission::read(|name| start.variable(name))?;
    let tables = Tables::read(|name| start.variable(name))?;
    let ledger = DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new());
    // During init, when CPU is free and nobody waits: the keys, and the connection to the store.
    let (keys, ()) = tokio::join!(start.keys(Stripe::keys), ledger.warm());
    edge::run(Function::new(Stripe { config }, keys?, admission, ledger)).await
}
