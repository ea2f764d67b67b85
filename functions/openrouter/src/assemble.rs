//! Assembles the function from its keys, the rate card and the ledger.

use edge::{OWN_SECRET, Start, StartError};
use ledger::Ledger;
use webhook::Function;

use crate::Openrouter;

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Function<Openrouter, L>, StartError> {
    Function::open(start, &[OWN_SECRET], Openrouter::configured(start)?, ledger).await
}
