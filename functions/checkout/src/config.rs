//! What a deployment sets on this function.

use std::collections::BTreeMap;

use catalog::Catalog;
use thiserror::Error;

const LOCAL: &str = "local";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// `STRIPE_API_BASE`: where Stripe's API is. Only the stage `local` may call anything without TLS.
    pub stripe_base: String,
    /// `STRIPE_LIVEMODE`: whether money is real, `true` or `false`.
    pub livemode: bool,
    /// `MOCK_STRIPE`: `true` where a stand-in answers at `STRIPE_API_BASE`; only ever in the stage `local`.
    pub mock_stripe: bool,
    /// `CHECKOUT_SUCCESS_URL`: where a buyer goes who has paid. Stripe writes the session's id where it says
    /// `{CHECKOUT_SESSION_ID}`.
    pub success_url: String,
    /// `CHECKOUT_CANCEL_URL`: where a buyer goes who has not.
    pub cancel_url: String,
    /// Stripe's ids of prices, by product: each from the setting that the catalog names. Of a product that is not here Stripe is
    /// told the price.
    pub prices: BTreeMap<String, String>,
}

impl Config {
    /// The environment variables that [`Config::read`] reads; with them, every `stripe_price` of the catalog.
    pub const VARIABLES: [&str; 5] =
        ["STRIPE_API_BASE", "STRIPE_LIVEMODE", "MOCK_STRIPE", "CHECKOUT_SUCCESS_URL", "CHECKOUT_CANCEL_URL"];

    pub fn read(
        variable: impl Fn(&str) -> Option<String>,
        stage: &str,
        catalog: &Catalog,
    ) -> Result<Self, ConfigError> {
        let set = |name: &str| variable(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
        let [base, livemode, mock, success, cancel] = Self::VARIABLES;
        let mock_stripe = yes_or_no(mock, set(mock).as_deref().unwrap_or("false"))?;
        if mock_stripe && stage != LOCAL {
            return Err(ConfigError::MockDeployed);
        }
        let stripe_base = set(base).unwrap_or_else(|| "https://api.stripe.com".to_owned());
        if !is_address(&stripe_base) || (stage != LOCAL && !stripe_base.starts_with("https://")) {
            return Err(ConfigError::Base);
        }
        let page = |name: &'static str| set(name).filter(|url| is_page(url)).ok_or(ConfigError::Url(name));
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
            stripe_base,
            livemode: set(livemode)
                .ok_or(ConfigError::YesOrNo(livemode))
                .and_then(|said| yes_or_no(livemode, &said))?,
            mock_stripe,
            success_url: page(success)?,
            cancel_url: page(cancel)?,
            prices,
        })
    }
}

fn yes_or_no(name: &'static str, said: &str) -> Result<bool, ConfigError> {
    said.parse().map_err(|_| ConfigError::YesOrNo(name))
}

/// Scheme, host and perhaps a port and a path: nothing that could lead a key elsewhere.
fn is_address(url: &str) -> bool {
    is_page(url) && !url.contains(['?', '#', '@', '{'])
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
    #[error("MOCK_STRIPE is true: payments that nobody makes are for the stage `local` alone")]
    MockDeployed,
    #[error("STRIPE_API_BASE must be an https address without a query")]
    Base,
    #[error("{0} must be true or false")]
    YesOrNo(&'static str),
    #[error("{0} must be the address of a page")]
    Url(&'static str),
    #[error("{0} must be the id of a price, price_...")]
    Price(String),
}
