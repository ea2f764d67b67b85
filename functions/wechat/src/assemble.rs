//! Assembles the function from its settings, its keys, the client of WeChat's API and the ledger.

use edge::{Configured, OWN_SECRET, Start, StartError, Unconfigured};
use ledger::Ledger;
use providers::{Http, WechatConfig, WechatKeys};
use webhook::{Function, Webhook as _};

use crate::{Api, Config, Wechat, api_keys};

impl Config {
    /// `None` if the deployment has no WeChat Pay merchant.
    pub fn configured(start: &Start) -> Result<Option<Self>, StartError> {
        if Self::is_set_up(|name| start.variable(name)) { start.read(Self::read).map(Some) } else { Ok(None) }
    }
}

impl Api {
    /// `None` if the deployment does not call WeChat.
    pub async fn open(start: &Start) -> Result<Option<Self>, StartError> {
        let Some(config) = start.read(|variable| WechatConfig::read(variable, &start.config.stage))? else {
            return Ok(None);
        };
        let keys = start.keys_of(&[WechatKeys::SECRET_ID], api_keys).await?;
        Ok(Some(Self { http: Http::new(fastrand::Rng::new()), config, keys }))
    }
}

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Configured<Function<Wechat, L>>, StartError> {
    let Some(config) = Config::configured(start)? else {
        return Ok(Configured::Unconfigured(Unconfigured { source: Wechat::SOURCE }));
    };
    let api = Api::open(start).await?;
    let secrets = [OWN_SECRET, WechatKeys::SECRET_ID];
    Ok(Configured::Function(Function::open(start, &secrets, Wechat { config, api }, ledger).await?))
}
