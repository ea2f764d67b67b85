//! The checkout API: a buyer's clicks lead to one order and one open payment, however often the buyer clicks.
//!
//! A pointer from owner and product leads to the order, and the session on the order leads to its payment. Both are
//! conditional writes over the state that was read. Stripe's idempotency key derives from the order, so concurrent
//! clicks get the same session; at an epay gateway and at WeChat Pay the order's number identifies the payment.
//!
//! `pending` finds the order; `page`, `epay` and `wechat` start its payment; `done` decides the outcome of a completed
//! session and `running` that of a subscription; `decide` builds the journal rows.
//!
//! ```
//! use catalog::{Catalog, SHIPPED};
//! use checkout::{Config, ConfigError};
//!
//! let page = |url: &'static str| {
//!     move |name: &str| match name {
//!         "STRIPE_LIVEMODE" => Some("true".to_owned()),
//!         "CHECKOUT_SUCCESS_URL" | "CHECKOUT_CANCEL_URL" => Some(url.to_owned()),
//!         _ => None,
//!     }
//! };
//! let catalog = Catalog::parse(SHIPPED)?;
//! assert_eq!(Config::read(page("https://shop.example"), "prod", &catalog)?.stage, "prod");
//!
//! // A buyer returns over TLS.
//! let over_http = Config::read(page("http://shop.example"), "prod", &catalog);
//! assert!(matches!(over_http, Err(ConfigError::NotHttps(_))));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod assemble;
mod config;
mod decide;
mod done;
mod epay;
mod key;
mod openapi;
mod page;
mod parse;
mod pending;
mod reply;
mod running;
mod visit;
mod wechat;

use std::time::Duration;

use api::{Api, ApiCall, ApiOutcome, Authenticated, Failure, Places, RandomBits, Serve};
use catalog::Catalog;
use edge::{Keyring, Reply, Route};
use ledger::{CallContext, CommitError, Ledger, Owner};
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
    /// `None` if no product can be paid by epay.
    pub epay: Option<EpayPayments>,
    /// `None` if no product can be paid by WeChat Pay.
    pub wechat: Option<WechatPayments>,
    pub http: Http,
    /// The randomness of new order numbers.
    pub order_numbers: RandomBits,
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

/// The provider of the payment, by the request's path.
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
    /// Providers answer within a second, and a call has a retry. A sandbox has ten seconds.
    const REPLY_WITHIN: Duration = Duration::from_secs(9);

    type Call = Pay;

    fn public(&self, _: Pay) -> Option<Reply> {
        None
    }
}

impl<L: Ledger> Serve<L> for Checkout {
    type Caller = Owner;

    async fn authenticate(
        &self,
        key: &str,
        ledger: &L,
        context: &CallContext<'_>,
    ) -> Result<Option<Authenticated<Owner>>, CommitError> {
        api::owner_of(key, ledger, context).await
    }

    async fn call(&self, call: &ApiCall<'_, Pay>, ledger: &L) -> Result<ApiOutcome, Failure> {
        let body = call.request.body();
        let (wanted, way) = match call.found.endpoint {
            Pay::Stripe => (parse::of_stripe(body, &self.catalog)?, Way::Stripe),
            Pay::Epay => parse::of_epay(body, &self.catalog).map(|(wanted, wish)| (wanted, Way::Epay(wish)))?,
            Pay::Wechat => parse::of_wechat(body).map(|(number, wish)| (Wanted::Order(number), Way::Wechat(wish)))?,
        };
        let visit = Visit::new(self, call, ledger, way);
        // Boxed: with the states of every provider in them, the futures are large.
        match wanted {
            Wanted::Product(wanted) => {
                let (context, now) = (call.context(), call.invocation.now);
                let rate = api::rate_in_force(wanted.product.exchange(), ledger, now, &context).await?;
                let mut terms = wanted.terms(rate.as_ref())?;
                let rates = wanted.product.commissions();
                terms.commissions = api::commissions(rates, &call.caller, ledger, &context).await?;
                terms.referral = api::referral(wanted.product.referral(), &call.caller, ledger, &context).await?;
                Box::pin(visit.buy(&terms)).await
            }
            Wanted::Order(number) => Box::pin(visit.pay(&number)).await,
        }
    }
}

#[cfg(test)]
mod tests;
