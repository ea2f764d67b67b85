//! The Lambda function: the source, the keys that Fireblocks publishes and the books, put together once per sandbox.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use edge::{Moment, NotSetUp, Start};
use fireblocks::{Config, Fireblocks, Published, Workspace};
use idempotency::{DynamoLedger, Tables};
use providers::Http;
use webhook::{Admission, Function, Webhook as _};

/// Lambda gives a sandbox ten seconds to start in.
const START_WITHIN: Duration = Duration::from_secs(6);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let Some(workspace) = Workspace::read(|name| start.variable(name))? else {
        return edge::run(NotSetUp { source: Fireblocks::SOURCE }).await;
    };
    let config = Config::read(|name| start.variable(name), &start.config.stage)?;
    let admission = Admission::read(|name| start.variable(name))?;
    let tables = Tables::read(|name| start.variable(name))?;
    let ledger = Arc::new(DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new()));
    // During init, when CPU is free and nobody waits: the copy of the keys is read over the connection to the store.
    let (http, copies) = (Http::new(fastrand::Rng::new()), Arc::clone(&ledger));
    let keys = Published::open(config, http, copies, &Moment::now(START_WITHIN)).await;
    edge::run(Function::new(Fireblocks { workspace }, keys, admission, ledger)).await
}
