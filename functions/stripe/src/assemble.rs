//! Assembles the function from its settings, its keys and the ledger.

use edge::{OWN_SECRET, Start, StartError};
use ledger::Ledger;
use webhook::Function;

use crate::{Config, Stripe};

impl Stripe {
    pub fn configured(start: &Start) -> Result<Self, StartError> {
        let config = start.read(|variable| Config::read(variable, &start.config.stage))?;
        Ok(Self { config })
    }
}

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Function<Stripe, L>, StartError> {
    Function::open(start, &[OWN_SECRET], Stripe::configured(start)?, ledger).await
}
