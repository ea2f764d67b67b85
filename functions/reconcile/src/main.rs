//! The Lambda function: the sources whose events it tries again, and the books in DynamoDB, put together once per sandbox.

use std::process::ExitCode;

use edge::Start;
use idempotency::{DynamoLedger, Tables};
use reconcile::Reconcile;
use stripe::{Config, Stripe};
use usage::Usage;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let stripe = Stripe { config: Config::read(|name| start.variable(name))? };
    let tables = Tables::read(|name| start.variable(name))?;
    let ledger = DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new());
    ledger.warm().await;
    edge::run_worker(Reconcile { ledger, usage: Usage, stripe }).await
}
