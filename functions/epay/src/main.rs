//! The Lambda function: the source, its keys, the way to the gateway and the books, put together once per sandbox.

use std::process::ExitCode;

use edge::{NotSetUp, Start};
use epay::{Config, Epay, Gateway};
use idempotency::{DynamoLedger, Tables};
use providers::Http;
use webhook::{Admission, Function, Webhook as _};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    if !Config::is_set_up(|name| start.variable(name)) {
        return edge::run(NotSetUp { source: Epay::SOURCE }).await;
    }
    let config = Config::read(|name| start.variable(name), &start.config.stage)?;
    let admission = Admission::read(|name| start.variable(name))?;
    let tables = Tables::read(|name| start.variable(name))?;
    let ledger = DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new());
    // During init, when CPU is free and nobody waits: the keys, and the connection to the store.
    let (keys, ()) = tokio::join!(start.keys(Epay::keys), ledger.warm());
    let keys = keys?;
    config.check(&keys.current())?;
    if config.md5_key_alone_pays {
        tracing::warn!("EPAY_MD5_KEY_ALONE_PAYS is true: whoever has a merchant's key can pay any order");
    }
    let gateway = if config.confirms_any() {
        Some(Gateway { http: Http::new(fastrand::Rng::new()), keys: start.keys(Epay::keys).await? })
    } else {
        None
    };
    edge::run(Function::new(Epay { config, gateway }, keys, admission, ledger)).await
}
