//! The Lambda function: the catalog, the settings, the keys, the way to the providers and the books, put together once per sandbox.

use std::process::ExitCode;

use api::{Dice, Function, Places};
use catalog::{Catalog, SHIPPED};
use checkout::{Checkout, Config, EpaySettings, EpayTill, WechatTill};
use edge::Start;
use idempotency::{DynamoLedger, Tables};
use providers::{Http, WechatConfig};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::ended(serve().await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    let catalog = Catalog::parse(SHIPPED)?;
    let config = Config::read(|name| start.variable(name), &start.config.stage, &catalog)?;
    let tables = Tables::read(|name| start.variable(name))?;
    let places = Places::read(|name| start.variable(name))?;
    let ledger = DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new());
    // During init, when CPU is free and nobody waits: the keys, and the connection to the store. The others' keys come one after the
    // other: mostly there are none.
    let (keys, ()) = tokio::join!(start.keys(checkout::keys(config.stripe.livemode)), ledger.warm());
    let (epay, wechat) = (epay(&start).await, wechat(&start).await);
    let (http, dice) = (Http::new(fastrand::Rng::new()), Dice::of_system());
    let api = Checkout { catalog, config, keys: keys?, epay: epay?, wechat: wechat?, http, dice, places };
    edge::run(Function { api, ledger }).await
}

async fn epay(start: &Start) -> Result<Option<EpayTill>, lambda_http::Error> {
    let settings = EpaySettings::read(|name| start.variable(name), &start.config.stage)?;
    let Some(settings) = settings else { return Ok(None) };
    let keys = start.keys_of("EPAY_SECRET_ID", checkout::epay_keys).await?;
    settings.signed_by(&keys.current())?;
    Ok(Some(EpayTill { settings, keys }))
}

async fn wechat(start: &Start) -> Result<Option<WechatTill>, lambda_http::Error> {
    let Some(config) = WechatConfig::read(|name| start.variable(name), &start.config.stage)? else { return Ok(None) };
    let keys = start.keys_of("WECHAT_SECRET_ID", checkout::wechat_keys).await?;
    Ok(Some(WechatTill { config, keys }))
}
