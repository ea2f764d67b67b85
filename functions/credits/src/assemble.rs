//! Assembles the function from the catalog, the pepper of redeem codes and the ledger.

use std::convert::Infallible;

use api::{Function, RandomBits, code_pepper};
use catalog::{Catalog, SHIPPED};
use edge::{OWN_SECRET, Start, StartError};
use futures_util::future;

use crate::{Books, Credits, PaidBy};

pub async fn assemble<L: Books>(start: &Start, ledger: L) -> Result<Function<Credits, L>, StartError> {
    let catalog = Catalog::parse(SHIPPED).map_err(StartError::setting)?;
    // During init, when CPU is free and no caller waits.
    let (pepper, ()) = future::join(start.keys_of(&[OWN_SECRET], code_pepper), ledger.warm()).await;
    let paid_by = start.read(|variable| Ok::<_, Infallible>(PaidBy::read(variable)))?;
    let api = Credits::new(catalog, RandomBits::of_system(), pepper?.current()).paid_by(paid_by);
    Ok(Function { api, ledger })
}
