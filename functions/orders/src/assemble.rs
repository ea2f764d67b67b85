//! Assembles the function from the catalog and the ledger.

use api::{Function, Places, RandomBits};
use catalog::{Catalog, SHIPPED};
use edge::{Start, StartError};
use ledger::Ledger;

use crate::Orders;

pub async fn assemble<L: Ledger>(start: &Start, ledger: L) -> Result<Function<Orders, L>, StartError> {
    let catalog = Catalog::parse(SHIPPED).map_err(StartError::setting)?;
    let places = start.read(Places::read)?;
    // During init, when CPU is free and no caller waits.
    ledger.warm().await;
    Ok(Function { api: Orders::new(catalog, RandomBits::of_system(), places), ledger })
}
