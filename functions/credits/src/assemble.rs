//! Assembles the function from the catalog and the ledger.

use api::{Function, SecretRng};
use catalog::{Catalog, SHIPPED};
use edge::{Start, StartError};

use crate::{Books, Credits};

pub async fn assemble<L: Books>(_: &Start, ledger: L) -> Result<Function<Credits, L>, StartError> {
    let catalog = Catalog::parse(SHIPPED).map_err(StartError::setting)?;
    // During init, when CPU is free and no caller waits.
    ledger.warm().await;
    Ok(Function { api: Credits::new(catalog, SecretRng::of_system()), ledger })
}
