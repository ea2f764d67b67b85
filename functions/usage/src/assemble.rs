//! Assembles the function from its keys and the ledger.

use edge::{OWN_SECRET, Start, StartError};
use ledger::Ledger;
use webhook::Function;

use crate::Usage;

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Function<Usage, L>, StartError> {
    Function::open(start, &[OWN_SECRET], Usage, ledger).await
}
