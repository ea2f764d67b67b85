//! What is sold: the products of the catalog and the prices of models, as a shop shows them to buyers.

use api::openapi::{Parameter, ProviderWord};
use api::{ApiCall, ApiOutcome, Caller, Failure, Query};
use catalog::{Catalog, ModelPriceJson, Product, ProductJson, RateCard};
use edge::Reply;
use ledger::Provider;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Call, shown};

/// The providers by which a buyer can pay at checkout of this stage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaidBy(Vec<Provider>);

impl PaidBy {
    /// The settings of checkout that decide it; it has Stripe whenever it starts.
    ///
    /// `CHECKOUT_SUCCESS_URL`: without it checkout does not start.
    /// `CHECKOUT_CANCEL_URL`: likewise.
    /// `EPAY_MERCHANTS`: our merchants at the epay gateway. Empty: none.
    /// `WECHAT_API`: the API of WeChat Pay that is called. Empty: none.
    pub const VARIABLES: [&str; 4] = ["CHECKOUT_SUCCESS_URL", "CHECKOUT_CANCEL_URL", "EPAY_MERCHANTS", "WECHAT_API"];

    pub const NONE: Self = Self(Vec::new());

    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        let [success, cancel, merchants, wechat] =
            Self::VARIABLES.map(|name| variable(name).is_some_and(|value| !value.trim().is_empty()));
        let has_checkout = success && cancel;
        let providers = Provider::ALL.into_iter().filter(|provider| match provider {
            Provider::Stripe => has_checkout,
            Provider::Epay => has_checkout && merchants,
            Provider::Wechat => has_checkout && wechat,
        });
        Self(providers.collect())
    }

    fn words(&self) -> Vec<&'static str> {
        self.0.iter().map(|provider| provider.as_str()).collect()
    }
}

/// What is sold.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Catalog)]
pub(crate) struct CatalogJson<'c> {
    products: Vec<ProductJson<'c>>,
    /// The providers by which a buyer can pay here: those of a product that are not among them are not set up.
    #[schema(value_type = Vec<ProviderWord>)]
    paid_by: Vec<&'static str>,
    /// What the use of models costs, if the shop's rate card prices it.
    models: Vec<ModelPriceJson>,
}

pub(crate) const PARAMETERS: [Parameter; 0] = [];

/// Any key sees it, since every buyer does.
pub(crate) fn show(
    catalog: &Catalog,
    paid_by: &PaidBy,
    call: &ApiCall<'_, Call, Caller>,
) -> Result<ApiOutcome, Failure> {
    Query::parse(&call.request.query, &PARAMETERS)?;
    let models = catalog.rate_card().map(RateCard::shown).unwrap_or_default();
    let products = catalog.products().map(Product::shown).collect();
    Ok(shown(Reply::json(200, &CatalogJson { products, paid_by: paid_by.words(), models })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_those_that_checkout_is_set_up_for() {
        let pages = ["CHECKOUT_SUCCESS_URL", "CHECKOUT_CANCEL_URL"];
        for (set, expected) in [
            (vec![], vec![]),
            (vec!["EPAY_MERCHANTS", "WECHAT_API", pages[0]], vec![]),
            (pages.to_vec(), vec!["stripe"]),
            ([&pages[..], &["EPAY_MERCHANTS"]].concat(), vec!["stripe", "epay"]),
            ([&pages[..], &["EPAY_MERCHANTS", "WECHAT_API"]].concat(), vec!["stripe", "epay", "wechat"]),
        ] {
            let value = |name: &str| Some(if set.contains(&name) { "x" } else { " " }.to_owned());
            let mut found = PaidBy::read(value).words();
            found.sort_by_key(|word| expected.iter().position(|known| known == word));
            assert_eq!(found, expected, "{set:?}");
        }
    }
}
