//! Assembles the worker from the clients of the operator and the custodian, and the ledger.

use edge::{OWN_SECRET, Start, StartError};
use ledger::Ledger;
use providers::{FireblocksConfig, Http, UnitelConfig};

use crate::{Custodian, Fulfil, Operator, custodian_keys, operator_keys};

impl Operator {
    /// With the keys in this secret. `None` if the deployment tops up no phones.
    pub async fn open(start: &Start, secret: &str) -> Result<Option<Self>, StartError> {
        let config = start.read(|variable| UnitelConfig::read(variable, &start.config.stage))?;
        let Some(config) = config else { return Ok(None) };
        let keys = start.keys_of(&[secret], operator_keys).await?;
        Ok(Some(Self::new(Http::new(fastrand::Rng::new()), config, keys)))
    }
}

impl Custodian {
    /// With the keys in this secret. `None` if tokens stay in the ledger.
    pub async fn open(start: &Start, secret: &str) -> Result<Option<Self>, StartError> {
        let config = start.read(|variable| FireblocksConfig::read(variable, &start.config.stage))?;
        let Some(config) = config else { return Ok(None) };
        let keys = start.keys_of(&[secret], custodian_keys).await?;
        Ok(Some(Self { http: Http::new(fastrand::Rng::new()), config, keys }))
    }
}

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Fulfil<L>, StartError> {
    // During init, when CPU is free and no order waits.
    ledger.warm().await;
    let operator = Operator::open(start, OWN_SECRET).await?;
    let custodian = Custodian::open(start, OWN_SECRET).await?;
    Ok(Fulfil { ledger, operator, custodian })
}
