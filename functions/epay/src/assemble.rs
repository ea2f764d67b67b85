//! Assembles the function from its settings, its keys, the gateway's client and the ledger.

use edge::{Configured, KeyringError, OWN_SECRET, Start, StartError, Unconfigured};
use ledger::Ledger;
use providers::Http;
use webhook::{Function, Webhook as _};

use crate::{Config, Epay, Gateway};

impl Config {
    /// `None` if the deployment has no merchant of a gateway.
    pub fn configured(start: &Start) -> Result<Option<Self>, StartError> {
        if !Self::is_set_up(|name| start.variable(name)) {
            return Ok(None);
        }
        start.read(|variable| Self::read(variable, &start.config.stage)).map(Some)
    }
}

impl Gateway {
    /// With the keys in this secret.
    pub async fn open(start: &Start, secret: &str) -> Result<Self, KeyringError> {
        let keys = start.keys_of(&[secret], Epay::keys).await?;
        Ok(Self { http: Http::new(fastrand::Rng::new()), keys })
    }
}

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Configured<Function<Epay, L>>, StartError> {
    let Some(config) = Config::configured(start)? else {
        return Ok(Configured::Unconfigured(Unconfigured { source: Epay::SOURCE }));
    };
    if config.md5_key_alone_pays {
        tracing::warn!("EPAY_MD5_KEY_ALONE_PAYS is true: anyone who has a merchant's key can pay any order");
    }
    let gateway = if config.confirms_any() { Some(Gateway::open(start, OWN_SECRET).await?) } else { None };
    let function = Function::open(start, &[OWN_SECRET], Epay { config, gateway }, ledger).await?;
    function.source.config.check(&function.keys.current()).map_err(StartError::setting)?;
    Ok(Configured::Function(function))
}
