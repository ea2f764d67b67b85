//! Assembles the function from its workspace, the keys that Fireblocks publishes and the ledger.

use std::time::Duration;

use edge::{Configured, Invocation, Start, StartError, Unconfigured};
use ledger::{JwksCache, Ledger};
use providers::Http;
use webhook::{Admission, Function, Webhook as _};

use crate::{Config, Fireblocks, Published, Workspace};

/// Lambda limits a sandbox's init phase to ten seconds.
const START_WITHIN: Duration = Duration::from_secs(6);

impl Fireblocks {
    /// `None` if the deployment sends nothing on chain.
    pub fn configured(start: &Start) -> Result<Option<Self>, StartError> {
        Ok(start.read(Workspace::read)?.map(|workspace| Self { workspace }))
    }
}

impl Config {
    pub fn configured(start: &Start) -> Result<Self, StartError> {
        start.read(|variable| Self::read(variable, &start.config.stage))
    }
}

pub async fn assemble<L: Ledger + JwksCache + Clone>(
    start: &Start,
    ledger: L,
) -> Result<Configured<Function<Fireblocks, L, Published<L>>>, StartError> {
    let Some(source) = Fireblocks::configured(start)? else {
        return Ok(Configured::Unconfigured(Unconfigured { source: Fireblocks::SOURCE }));
    };
    let (config, admission) = (Config::configured(start)?, start.read(Admission::read)?);
    // During init, when CPU is free and no sender waits: this reads the cached keys and opens the connection to
    // DynamoDB.
    let http = Http::new(fastrand::Rng::new());
    let keys = Published::open(config, http, ledger.clone(), &Invocation::now(START_WITHIN)).await;
    Ok(Configured::Function(Function::new(source, keys, admission, ledger)))
}
