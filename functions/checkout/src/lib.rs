//! Checkout over HTTP: one order and one open payment, however often the buyer clicks.
//!
//! What is bought is remembered by a pointer from the owner and the product to the order, and where it is paid by the session on the
//! order. Both are written only over what was read. Stripe is asked for a session under a key that follows from the order, so two
//! clicks that ask at once get the same one; at an epay gateway and at WeChat Pay the order's number is the payment. `pending` finds the
//! order; `page`, `epay` and `wechat` begin its payment; `done` finds out what has become of a page and `running` what of a
//! subscription; `decide` says what is written.

mod assemble;
mod config;
mod decide;
mod done;
mod epay;
mod key;
mod page;
mod parse;
mod pending;
mod reply;
mod running;
mod visit;
mod wechat;

use std::time::Duration;

use api::{Api, ApiCall, ApiOutcome, Failure, Places, Rng};
use catalog::Catalog;
use edge::{Keyring, Reply, Route};
use ledger::Ledger;
use providers::{Http, SecretKey, WechatConfig, WechatKeys};

pub use assemble::assemble;
pub use config::{Config, ConfigError, EpaySettings, EpaySettingsError};
pub use key::{SETTING, epay_keys, keys, wechat_keys};

use parse::Wanted;
use visit::{Visit, Way};

#[derive(Debug)]
pub struct Checkout {
    pub catalog: Catalog,
    pub config: Config,
    pub keys: Keyring<SecretKey>,
    /// Where something can be paid by epay.
    pub epay: Option<EpayPayments>,
    /// Where something can be paid by WeChat Pay.
    pub wechat: Option<WechatPayments>,
    pub http: Http,
    /// For the numbers of new orders.
    pub dice: Rng,
    pub places: Places,
}

#[derive(Debug)]
pub struct EpayPayments {
    pub settings: EpaySettings,
    pub keys: Keyring<signing::epay::Keys>,
}

#[derive(Debug)]
pub struct WechatPayments {
    pub config: WechatConfig,
    pub keys: Keyring<WechatKeys>,
}

/// By whom it is to be paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pay {
    Stripe,
    Epay,
    Wechat,
}

impl Api for Checkout {
    const NAME: &'static str = "checkout";
    const ROUTES: &'static [Route<Pay>] = &[
        Route { method: "POST", path: "/api/pay/checkout", endpoint: Pay::Stripe },
        Route { method: "POST", path: "/api/pay/epay", endpoint: Pay::Epay },
        Route { method: "POST", path: "/payment/create", endpoint: Pay::Wechat },
    ];
    const BODY_BYTES_MAX: usize = 4 * 1024;
    /// Providers answer within a second, and are asked more than once if they do not. A sandbox has ten seconds.
    const REPLY_WITHIN: Duration = Duration::from_secs(9);

    type Call = Pay;

    fn public(&self, _: Pay) -> Option<Reply> {
        None
    }

    async fn call<L: Ledger>(&self, asked: &ApiCall<'_, Pay>, ledger: &L) -> Result<ApiOutcome, Failure> {
        let body = asked.request.body();
        let (wanted, way) = match asked.found.endpoint {
            Pay::Stripe => (parse::of_stripe(body, &self.catalog)?, Way::Stripe),
            Pay::Epay => parse::of_epay(body, &self.catalog).map(|(wanted, wish)| (wanted, Way::Epay(wish)))?,
            Pay::Wechat => parse::of_wechat(body).map(|(number, payer)| (Wanted::Order(number), Way::Wechat(payer)))?,
        };
        let visit = Visit::new(self, asked, ledger, way);
        // On the heap: with every way that a page may have ended in them, they are large.
        match wanted {
            Wanted::Product(mut terms, rates) => {
                terms.commissions = api::commissions(&rates, &asked.caller, ledger, &asked.context()).await?;
                Box::pin(visit.buy(&terms)).await
            }
            Wanted::Order(number) => Box::pin(visit.pay(&number)).await,
        }
    }
}

#[cfg(test)]
mod tests;
