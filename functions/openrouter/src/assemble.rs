//! Assembles the function from its keys, the rate card and the ledger.

use edge::{OWN_SECRET, Start, StartError};
use ledger::Ledger;
use webhook::Function;

use crate::{Config, Openrouter};

impl Openrouter {
    /// With the settings of this deployment, and the card of the catalog that this program was built with.
    pub fn configured(start: &Start) -> Result<Self, StartError> {
        Self::shipped(start.read(Config::read)?).map_err(StartError::setting)
    }
}

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Function<Openrouter, L>, StartError> {
    Function::open(start, &[OWN_SECRET], Openrouter::configured(start)?, ledger).await
}
