//! The Lambda function: the sources whose events it tries again, who it can ask, and the books in DynamoDB, put together once per
//! sandbox.

use std::process::ExitCode;
use std::sync::Arc;

use edge::{Keyring, KeyringError, Start, chain};
use epay::{Epay, Gateway};
use fireblocks::Fireblocks;
use fulfil::{Custodian, Fulfil, Operator};
use idempotency::{DynamoLedger, Tables};
use providers::{FireblocksConfig, Http, StripeConfig, UnitelConfig, WechatConfig};
use reconcile::{Reconcile, StripeApi};
use stripe::Stripe;
use usage::Usage;
use wechat::{Api, Wechat};

/// `FULFIL_SECRET_ID`: the secret of the function that fulfils.
const FULFIL_SECRET: &str = "FULFIL_SECRET_ID";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // On the heap: with the ways to all providers in it, it is large.
    edge::ended(Box::pin(serve()).await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let stripe = Stripe { config: stripe::Config::read(|name| start.variable(name))? };
    let tables = Tables::read(|name| start.variable(name))?;
    let ledger = Arc::new(DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new()));
    ledger.warm().await;
    let (stripe_api, wechat, epay) = (stripe_api(&start).await?, wechat(&start).await?, epay(&start).await?);
    let fulfil = fulfil(&start, Arc::clone(&ledger)).await?;
    let fireblocks = FireblocksConfig::read(|name| start.variable(name), &start.config.stage)?.map(|_| Fireblocks);
    edge::run_worker(Reconcile { ledger, usage: Usage, stripe, wechat, epay, fireblocks, stripe_api, fulfil }).await
}

async fn fulfil(start: &Start, ledger: Arc<DynamoLedger>) -> Result<Fulfil<Arc<DynamoLedger>>, lambda_http::Error> {
    let operator = match UnitelConfig::read(|name| start.variable(name), &start.config.stage)? {
        None => None,
        Some(config) => {
            let keys = usable("unitel", start.keys_of(FULFIL_SECRET, fulfil::operator_keys).await);
            keys.map(|keys| Operator::new(http(), config, keys))
        }
    };
    let custodian = match FireblocksConfig::read(|name| start.variable(name), &start.config.stage)? {
        None => None,
        Some(config) => {
            let keys = usable("fireblocks", start.keys_of(FULFIL_SECRET, fulfil::custodian_keys).await);
            keys.map(|keys| Custodian { http: http(), config, keys })
        }
    };
    Ok(Fulfil { ledger, operator, custodian })
}

/// Whoever has no key is not asked. What was refused is tried again all the same: that needs none.
fn usable<K>(provider: &str, keys: Result<Keyring<K>, KeyringError>) -> Option<Keyring<K>> {
    keys.inspect_err(|error| tracing::warn!(provider, error = %chain(error), "nobody can be asked")).ok()
}

async fn stripe_api(start: &Start) -> Result<Option<StripeApi>, lambda_http::Error> {
    let config = StripeConfig::read(|name| start.variable(name), &start.config.stage)?;
    let keys = usable("stripe", start.keys(checkout::keys(config.livemode)).await);
    Ok(keys.map(|keys| StripeApi { http: http(), base: config.base, keys }))
}

/// `None` of a shop that sells nothing through WeChat Pay.
async fn wechat(start: &Start) -> Result<Option<Wechat>, lambda_http::Error> {
    if start.variable("WECHAT_MCH_ID").is_none_or(|id| id.trim().is_empty()) {
        return Ok(None);
    }
    let config = wechat::Config::read(|name| start.variable(name))?;
    let api = match WechatConfig::read(|name| start.variable(name))? {
        None => None,
        Some(config) => {
            let keys = usable("wechat", start.keys_of("WECHAT_SECRET_ID", wechat::api_keys).await);
            keys.map(|keys| Api { http: http(), config, keys })
        }
    };
    Ok(Some(Wechat { config, api }))
}

async fn epay(start: &Start) -> Result<Option<Epay>, lambda_http::Error> {
    if start.variable("EPAY_MERCHANTS").is_none_or(|merchants| merchants.trim().is_empty()) {
        return Ok(None);
    }
    let config = epay::Config::read(|name| start.variable(name), &start.config.stage)?;
    let keys = usable("epay", start.keys_of("EPAY_SECRET_ID", checkout::epay_keys).await);
    Ok(Some(Epay { config, gateway: keys.map(|keys| Gateway { http: http(), keys }) }))
}

fn http() -> Http {
    Http::new(fastrand::Rng::new())
}
