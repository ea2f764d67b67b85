//! The Lambda function: the books in DynamoDB and whoever delivers what is not ours to give, put together once per sandbox.

use std::process::ExitCode;

use edge::Start;
use fulfil::{Custodian, Fulfil, Operator};
use idempotency::{DynamoLedger, Tables};
use providers::{FireblocksConfig, Http, UnitelConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(Box::pin(serve()).await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let ledger = DynamoLedger::new(&start.sdk, Tables::read(|name| start.variable(name))?, fastrand::Rng::new());
    ledger.warm().await;
    let (operator, custodian) = (operator(&start).await?, custodian(&start).await?);
    edge::run_worker(Fulfil { ledger, operator, custodian }).await
}

/// `None` of a shop that tops up nothing.
async fn operator(start: &Start) -> Result<Option<Operator>, lambda_http::Error> {
    let Some(config) = UnitelConfig::read(|name| start.variable(name), &start.config.stage)? else {
        return Ok(None);
    };
    let keys = start.keys(fulfil::operator_keys).await?;
    Ok(Some(Operator::new(Http::new(fastrand::Rng::new()), config, keys)))
}

/// `None` of a shop whose tokens stay in the books.
async fn custodian(start: &Start) -> Result<Option<Custodian>, lambda_http::Error> {
    let Some(config) = FireblocksConfig::read(|name| start.variable(name), &start.config.stage)? else {
        return Ok(None);
    };
    let keys = start.keys(fulfil::custodian_keys).await?;
    Ok(Some(Custodian { http: Http::new(fastrand::Rng::new()), config, keys }))
}
