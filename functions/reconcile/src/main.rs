//! The Lambda function: the sources whose events it tries again, who it can ask, and the books in DynamoDB, put together once per
//! sandbox.

use std::process::ExitCode;

use edge::{Start, chain};
use idempotency::{DynamoLedger, Tables};
use providers::{Http, StripeConfig};
use reconcile::{Providers, Reconcile, StripeApi};
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
    let (providers, ()) = tokio::join!(providers(&start), ledger.warm());
    edge::run_worker(Reconcile { ledger, usage: Usage, stripe, providers: providers? }).await
}

/// One without a key is not asked. What was refused is tried again all the same: that needs none.
async fn providers(start: &Start) -> Result<Providers, lambda_http::Error> {
    let config = StripeConfig::read(|name| start.variable(name), &start.config.stage)?;
    let keys = start.keys(checkout::keys(config.livemode)).await;
    let keys = keys.inspect_err(|error| tracing::warn!(error = %chain(error), "Stripe cannot be asked")).ok();
    let http = Http::new(fastrand::Rng::new());
    Ok(Providers { stripe: keys.map(|keys| StripeApi { http, base: config.base, keys }) })
}
