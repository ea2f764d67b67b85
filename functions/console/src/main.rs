//! The Lambda function: the library's `assemble` over the ledger in DynamoDB.

use std::process::ExitCode;

use console::CloudWatch;
use edge::Start;
use idempotency::{DynamoLedger, Tables};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let ledger = DynamoLedger::new(&start.sdk, start.read(Tables::read)?, fastrand::Rng::new()).showing_pauses();
    let monitor = CloudWatch::new(&start.sdk, &start.config.stage);
    edge::run(console::assemble(&start, ledger).await?.monitored_by(monitor)).await
}
