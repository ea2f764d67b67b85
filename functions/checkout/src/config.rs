//! Configuration: the stage, Stripe, the buyer's return pages and the ids of Stripe's prices.

mod epay;

use std::collections::BTreeMap;

use catalog::Catalog;
use providers::{StripeConfig, StripeConfigError};
use thiserror::Error;

pub use epay::{EpaySettings, EpaySettingsError};

const LOCAL: &str = "local";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `STAGE`: written as metadata on every object that is created at Stripe.
    pub stage: String,
    pub stripe: StripeConfig,
    /// `CHECKOUT_SUCCESS_URL`: the page for a buyer who has paid. Stripe replaces `{CHECKOUT_SESSION_ID}` in it with
    /// the session's id.
    pub success_url: String,
    /// `CHECKOUT_CANCEL_URL`: the page for a buyer who has not.
    pub cancel_url: String,
    /// Stripe's price ids by product, from the settings that the catalog names. A product without an entry is sold at
    /// the catalog's price.
    pub prices: BTreeMap<String, String>,
}

impl Config {
    /// The environment variables that [`Config::read`] reads beside those of [`StripeConfig`] and every `stripe_price`
    /// of the catalog.
    ///
    /// `CHECKOUT_HTTP_URLS`: `true` if the two pages may be http, for a shop on a developer's machine. Empty: `false`,
    /// except in the stage `local`.
    pub const VARIABLES: [&str; 3] = ["CHECKOUT_SUCCESS_URL", "CHECKOUT_CANCEL_URL", "CHECKOUT_HTTP_URLS"];

    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        stage: &str,
        catalog: &Catalog,
    ) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [success, cancel, http_urls] = Self::VARIABLES;
        let takes_http = match set(http_urls).as_deref() {
            None | Some("false") => stage == LOCAL,
            Some("true") => true,
            Some(_) => return Err(ConfigError::HttpUrls),
        };
        let page = |name: &'static str| match set(name).filter(|url| is_page(url)) {
            None => Err(ConfigError::Url(name)),
            Some(url) if takes_http || url.starts_with("https://") => Ok(url),
            Some(_) => Err(ConfigError::NotHttps(name)),
        };
        let mut prices = BTreeMap::new();
        for product in catalog.products() {
            let Some(name) = product.stripe_price() else { continue };
            if let Some(price) = set(name) {
                if !is_price(&price) {
                    return Err(ConfigError::Price(name.to_owned()));
                }
                prices.insert(product.id().to_owned(), price);
            }
        }
        Ok(Self {
            stage: stage.to_owned(),
            stripe: StripeConfig::read(&variable, stage)?,
            success_url: page(success)?,
            cancel_url: page(cancel)?,
            prices,
        })
    }
}

fn is_page(url: &str) -> bool {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    rest.is_some_and(|rest| rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '['))
        && url.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_price(id: &str) -> bool {
    let plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    id.strip_prefix("price_").is_some_and(plain)
}

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConfigError {
    #[error(transparent)]
    Stripe(#[from] StripeConfigError),
    #[error("{0} must be the address of a page")]
    Url(&'static str),
    #[error("CHECKOUT_HTTP_URLS must be true or false")]
    HttpUrls,
    #[error("{0} must be https: the buyer's session is in it, and only CHECKOUT_HTTP_URLS=true permits http")]
    NotHttps(&'static str),
    #[error("{0} must be the id of a price, price_...")]
    Price(String),
}
