//! Assembles the function from its keys, the rate card and the ledger.

use edge::{OWN_SECRET, Start, StartError};
use ledger::Ledger;
use webhook::Function;

use crate::Usage;

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Function<Usage, L>, StartError> {
    let usage = Usage::shipped().map_err(StartError::setting)?;
    Function::open(start, &[OWN_SECRET], usage, ledger).await
}
