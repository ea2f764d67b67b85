//! The Lambda function: the sources whose events it tries again, who it can ask, and the books in DynamoDB, put together once per
//! sandbox, and anew while somebody's key is missing.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use edge::{Keyring, KeyringError, MakeKeys, Moment, Start, chain};
use epay::{Epay, Gateway};
use fireblocks::{Fireblocks, Workspace};
use fulfil::{Custodian, Fulfil, Operator};
use futures_util::future::BoxFuture;
use idempotency::{DynamoLedger, Tables};
use providers::{FireblocksConfig, Http, StripeConfig, UnitelConfig, WechatConfig};
use reconcile::{Assembled, LiveKeys, PublishedKeys, Reconcile, ReplayKeys, RetiredKeys, StripeApi};
use stripe::Stripe;
use usage::Usage;
use wechat::{Api, Wechat};

/// Whose key could not be had.
type Keyless = BTreeSet<&'static str>;

/// `FULFIL_SECRET_ID`: the secret of the function that fulfils.
const FULFIL_SECRET: &str = "FULFIL_SECRET_ID";
/// `USAGE_SECRET_ID`: the secret of the function that takes usage events.
const USAGE_SECRET: &str = "USAGE_SECRET_ID";
/// `STRIPE_SECRET_ID`: the secret of the function that takes Stripe's events.
const STRIPE_SECRET: &str = "STRIPE_SECRET_ID";
/// `RETIRED_SECRET_ID`: the keys that were replaced, which this function alone reads.
const RETIRED_SECRET: &str = "RETIRED_SECRET_ID";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // On the heap: with the ways to all providers in it, it is large.
    edge::ended(Box::pin(serve()).await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Arc::new(Start::new()?);
    let tables = Tables::read(|name| start.variable(name))?;
    let ledger = Arc::new(DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new()));
    ledger.warm().await;
    let assemble = move || Box::pin(assembled(Arc::clone(&start), Arc::clone(&ledger))) as BoxFuture<'static, _>;
    let now = Moment::now(Duration::ZERO).now;
    edge::run_worker(Assembled::new(Box::new(assemble), now).await?).await
}

async fn assembled(
    start: Arc<Start>,
    ledger: Arc<DynamoLedger>,
) -> Result<Reconcile<Arc<DynamoLedger>>, lambda_http::Error> {
    let stripe = Stripe { config: stripe::Config::read(|name| start.variable(name), &start.config.stage)? };
    let mut keyless = BTreeSet::new();
    let stripe_api = stripe_api(&start, &mut keyless).await?;
    let (wechat, epay) = (wechat(&start, &mut keyless).await?, epay(&start, &mut keyless).await?);
    let fulfil = fulfil(&start, Arc::clone(&ledger), &mut keyless).await?;
    let fireblocks = Workspace::read(|name| start.variable(name))?.map(|workspace| Fireblocks { workspace });
    let keys = Box::pin(replay_keys(&start, wechat.is_some(), epay.is_some(), fireblocks.is_some())).await?;
    Ok(Reconcile { ledger, usage: Usage, stripe, wechat, epay, fireblocks, stripe_api, fulfil, keys, keyless })
}

/// Those of the sources that are set up. Where some cannot be had, what is kept of their source waits, and they are looked for again.
async fn replay_keys(
    start: &Start,
    has_wechat: bool,
    has_epay: bool,
    has_fireblocks: bool,
) -> Result<ReplayKeys, lambda_http::Error> {
    let of_set_up = |is_set_up: bool, variable: &'static str| if is_set_up { Some(variable) } else { None };
    let (usage, stripe, wechat, epay, retired) = tokio::join!(
        found(start, Some(USAGE_SECRET), LiveKeys::<Usage>::read),
        found(start, Some(STRIPE_SECRET), LiveKeys::<Stripe>::read),
        found(start, of_set_up(has_wechat, "WECHAT_SECRET_ID"), LiveKeys::<Wechat>::read),
        found(start, of_set_up(has_epay, "EPAY_SECRET_ID"), LiveKeys::<Epay>::read),
        found(start, Some(RETIRED_SECRET), RetiredKeys::read),
    );
    let is_incomplete = usage.is_none()
        || stripe.is_none()
        || (has_wechat && wechat.is_none())
        || (has_epay && epay.is_none())
        || retired.is_none();
    let fireblocks = if has_fireblocks {
        let config = fireblocks::Config::read(|name| start.variable(name), &start.config.stage)?;
        Some(PublishedKeys::new(config, http()))
    } else {
        None
    };
    Ok(ReplayKeys { usage, stripe, wechat, epay, fireblocks, retired, is_incomplete })
}

async fn found<K>(start: &Start, secret: Option<&'static str>, make: MakeKeys<K>) -> Option<Keyring<K>> {
    let secret = secret?;
    let keys = start.keys_of(secret, make).await;
    keys.inspect_err(|error| tracing::warn!(secret, error = %chain(error), "nothing can be verified again")).ok()
}

async fn fulfil(
    start: &Start,
    ledger: Arc<DynamoLedger>,
    keyless: &mut Keyless,
) -> Result<Fulfil<Arc<DynamoLedger>>, lambda_http::Error> {
    let operator = match UnitelConfig::read(|name| start.variable(name), &start.config.stage)? {
        None => None,
        Some(config) => {
            let keys = usable("unitel", keyless, start.keys_of(FULFIL_SECRET, fulfil::operator_keys).await);
            keys.map(|keys| Operator::new(http(), config, keys))
        }
    };
    let custodian = match FireblocksConfig::read(|name| start.variable(name), &start.config.stage)? {
        None => None,
        Some(config) => {
            let keys = usable("fireblocks", keyless, start.keys_of(FULFIL_SECRET, fulfil::custodian_keys).await);
            keys.map(|keys| Custodian { http: http(), config, keys })
        }
    };
    Ok(Fulfil { ledger, operator, custodian })
}

/// A provider without a key is not called until there is one.
fn usable<K>(
    provider: &'static str,
    keyless: &mut Keyless,
    keys: Result<Keyring<K>, KeyringError>,
) -> Option<Keyring<K>> {
    if let Err(error) = &keys {
        tracing::warn!(provider, error = %chain(error), "nobody can be asked");
        keyless.insert(provider);
    }
    keys.ok()
}

async fn stripe_api(start: &Start, keyless: &mut Keyless) -> Result<Option<StripeApi>, lambda_http::Error> {
    let config = StripeConfig::read(|name| start.variable(name), &start.config.stage)?;
    let keys = usable("stripe", keyless, start.keys(checkout::keys(config.livemode)).await);
    Ok(keys.map(|keys| StripeApi { http: http(), config, keys }))
}

/// `None` of a shop that sells nothing through WeChat Pay.
async fn wechat(start: &Start, keyless: &mut Keyless) -> Result<Option<Wechat>, lambda_http::Error> {
    if !wechat::Config::is_set_up(|name| start.variable(name)) {
        return Ok(None);
    }
    let config = wechat::Config::read(|name| start.variable(name))?;
    let api = match WechatConfig::read(|name| start.variable(name), &start.config.stage)? {
        None => None,
        Some(config) => {
            let keys = usable("wechat", keyless, start.keys_of("WECHAT_SECRET_ID", wechat::api_keys).await);
            keys.map(|keys| Api { http: http(), config, keys })
        }
    };
    Ok(Some(Wechat { config, api }))
}

async fn epay(start: &Start, keyless: &mut Keyless) -> Result<Option<Epay>, lambda_http::Error> {
    if !epay::Config::is_set_up(|name| start.variable(name)) {
        return Ok(None);
    }
    let config = epay::Config::read(|name| start.variable(name), &start.config.stage)?;
    let keys = usable("epay", keyless, start.keys_of("EPAY_SECRET_ID", checkout::epay_keys).await);
    Ok(Some(Epay { config, gateway: keys.map(|keys| Gateway { http: http(), keys }) }))
}

fn http() -> Http {
    Http::new(fastrand::Rng::new())
}
