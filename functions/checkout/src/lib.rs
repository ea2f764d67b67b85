//! Checkout over HTTP: one order and one open Stripe session, however often the buyer clicks.
//!
//! What is bought is remembered by a pointer from the owner and the product to the order, and where it is paid by the session on the
//! order. Both are written only over what was read. Stripe is asked for a session under a key that follows from the order, so two
//! clicks that ask at once get the same one. `pending` finds the order, `page` its session, `decide` says what is written.

mod config;
mod decide;
mod key;
mod page;
mod parse;
mod pending;
mod reply;
mod visit;

use std::time::Duration;

use api::{Api, Asked, Dice, Failure, Told};
use catalog::Catalog;
use edge::{Keyring, Reply, Route};
use ledger::Ledger;
use providers::{Http, SecretKey};

pub use config::{Config, ConfigError};
pub use key::{SETTING, keys};

use parse::Wanted;
use visit::Visit;

#[derive(Debug)]
pub struct Checkout {
    pub catalog: Catalog,
    pub config: Config,
    pub keys: Keyring<SecretKey>,
    pub http: Http,
    /// For the numbers of new orders.
    pub dice: Dice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pay;

impl Api for Checkout {
    const NAME: &'static str = "checkout";
    const ROUTES: &'static [Route<Pay>] = &[Route { method: "POST", path: "/api/pay/checkout", endpoint: Pay }];
    const BODY_BYTES_MAX: usize = 4 * 1024;
    /// Stripe answers within a second, and is asked more than once if it does not. A sandbox has ten seconds.
    const REPLY_WITHIN: Duration = Duration::from_secs(9);

    type Call = Pay;

    fn public(&self, _: Pay) -> Option<Reply> {
        None
    }

    async fn call<L: Ledger>(&self, asked: &Asked<'_, Pay>, ledger: &L) -> Result<Told, Failure> {
        let wanted = parse::wanted(asked.request.body(), &self.catalog)?;
        let visit = Visit::new(self, asked, ledger);
        match wanted {
            Wanted::Product(terms) => visit.buy(&terms).await,
            Wanted::Order(number) => visit.pay(&number).await,
        }
    }
}

#[cfg(test)]
mod tests;
