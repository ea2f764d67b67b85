//! The Lambda function: the source, its keys, the way to WeChat and the books in DynamoDB, put together once per sandbox.

use std::process::ExitCode;

use edge::{NotSetUp, Start};
use idempotency::{DynamoLedger, Tables};
use providers::{Http, WechatConfig};
use webhook::{Admission, Function, Webhook as _};
use wechat::{Api, Config, Wechat};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // On the heap: with the way to WeChat in it, it is large.
    edge::ended(Box::pin(serve()).await)
}

async fn serve() -> Result<(), lambda_http::Error> {
    let start = Start::new()?;
    if !Config::is_set_up(|name| start.variable(name)) {
        return edge::run(NotSetUp { source: Wechat::SOURCE }).await;
    }
    let config = Config::read(|name| start.variable(name))?;
    let interface = WechatConfig::read(|name| start.variable(name), &start.config.stage)?;
    let admission = Admission::read(|name| start.variable(name))?;
    let tables = Tables::read(|name| start.variable(name))?;
    let ledger = DynamoLedger::new(&start.sdk, tables, fastrand::Rng::new());
    // During init, when CPU is free and nobody waits: the keys, and the connection to the store.
    let (keys, ()) = tokio::join!(start.keys(Wechat::keys), ledger.warm());
    let api = match interface {
        None => None,
        Some(config) => {
            let keys = start.keys(wechat::api_keys).await?;
            Some(Api { http: Http::new(fastrand::Rng::new()), config, keys })
        }
    };
    edge::run(Function::new(Wechat { config, api }, keys?, admission, ledger)).await
}
