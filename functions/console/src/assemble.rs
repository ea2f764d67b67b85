//! Assembles the function from its settings, the pepper of redeem codes and the ledger.

use api::{RandomBits, code_pepper};
use edge::{OWN_SECRET, Start, StartError};
use futures_util::future;

use crate::assets::Assets;
use crate::monitor::Unmonitored;
use crate::{Books, Config, Console, Parts};

pub async fn assemble<L: Books>(start: &Start, ledger: L) -> Result<Console<L>, StartError> {
    let config = start.read(|variable| Config::read(variable, &start.config.stage))?;
    // During init, when CPU is free and no caller waits.
    let (pepper, ()) = future::join(start.keys_of(&[OWN_SECRET], code_pepper), ledger.warm()).await;
    let (pepper, ids) = (pepper?.current(), RandomBits::of_system());
    let parts = Parts { config, assets: Assets::new(), pepper, ids, monitor: Box::new(Unmonitored) };
    Ok(Console::new(parts, ledger))
}
