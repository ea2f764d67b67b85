//! Assembles the function from the catalog, the settings, the keys, the providers' clients and the ledger.

use api::{Function, Places, RandomBits};
use catalog::{Catalog, SHIPPED};
use edge::{OWN_SECRET, Start, StartError};
use futures_util::future;
use ledger::Ledger;
use providers::{Http, WechatConfig, WechatKeys};

use crate::{Checkout, Config, EpayPayments, EpaySettings, WechatPayments, epay_keys, keys, wechat_keys};

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Function<Checkout, L>, StartError> {
    let catalog = Catalog::parse(SHIPPED).map_err(StartError::setting)?;
    let config = start.read(|variable| Config::read(variable, &start.config.stage, &catalog))?;
    let places = start.read(Places::read)?;
    // During init, when CPU is free and no buyer waits: this fetches the keys and opens the connection to DynamoDB. The
    // other providers' keys follow sequentially, since most deployments have none.
    let own = start.keys_of(&[OWN_SECRET], keys(config.stripe.livemode));
    let (keys, ()) = future::join(own, ledger.warm()).await;
    let (keys, http, order_numbers) = (keys?, Http::new(fastrand::Rng::new()), RandomBits::of_system());
    let (epay, wechat) = (EpayPayments::open(start).await?, WechatPayments::open(start).await?);
    Ok(Function { api: Checkout { catalog, config, keys, epay, wechat, http, order_numbers, places }, ledger })
}

impl EpayPayments {
    /// `None` if the deployment has no merchant of a gateway.
    async fn open(start: &Start) -> Result<Option<Self>, StartError> {
        let settings = start.read(|variable| EpaySettings::read(variable, &start.config.stage))?;
        let Some(settings) = settings else { return Ok(None) };
        let keys = start.keys_of(&["EPAY_SECRET_ID"], epay_keys).await?;
        settings.signed_by(&keys.current()).map_err(StartError::setting)?;
        Ok(Some(Self { settings, keys }))
    }
}

impl WechatPayments {
    /// `None` if the deployment does not call WeChat.
    async fn open(start: &Start) -> Result<Option<Self>, StartError> {
        let config = start.read(|variable| WechatConfig::read(variable, &start.config.stage))?;
        let Some(config) = config else { return Ok(None) };
        let keys = start.keys_of(&[WechatKeys::SECRET_ID], wechat_keys).await?;
        Ok(Some(Self { config, keys }))
    }
}
