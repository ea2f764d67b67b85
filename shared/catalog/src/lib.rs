//! The product catalog: products, prices and grants, and the rate card of models, read from `infra/catalog.json`.
//!
//! A [`Catalog`] is read once and strictly: it rejects everything that it does not know, and names the place. A buyer's
//! [`Choice`] of a [`Product`] becomes the [`ledger::Terms`] of an order, which never change, whatever the catalog says
//! later.
//!
//! ```
//! use catalog::{Catalog, Choice};
//!
//! let catalog = Catalog::parse(
//!     r#"{
//!         "products": {
//!             "credits-100": {
//!                 "name": { "en": "100 credits" },
//!                 "price": { "amount": "9.99", "currency": "USD" },
//!                 "providers": ["stripe"],
//!                 "grants": [{ "credits": "100" }]
//!             }
//!         }
//!     }"#,
//! )?;
//! let product = catalog.product("credits-100").ok_or("not in the catalog")?;
//! let terms = product.terms(&Choice { quantity: 3, ..Choice::default() }, None)?;
//! assert_eq!(terms.price.to_string(), "29.97 USD");
//!
//! let error = Catalog::parse(r#"{ "products": {}, "prices": {} }"#).unwrap_err();
//! assert_eq!(error.to_string(), "prices: is unknown");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod json;
mod product;
mod rate_card;
mod read;
mod shown;
mod wallet;

pub use product::{Choice, ChoiceError, Every, Product};
pub use rate_card::{
    Charge, Consumption, Counts, CountsError, Kind, ModelPrice, ModelPriceJson, Priced, RateCard, Usd,
};
pub use shown::ProductJson;

use std::collections::BTreeSet;

use ledger::Asset;
use thiserror::Error;

/// The catalog of this deployment, as it was at build time.
pub const SHIPPED: &str = include_str!("../../../infra/catalog.json");

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    products: Vec<Product>,
    rate_card: Option<RateCard>,
}

impl Catalog {
    pub fn parse(json: &str) -> Result<Self, CatalogError> {
        read::catalog(json)
    }

    /// Finds a product by its id or an alias. An order stores the id, whichever name the request used.
    pub fn product(&self, name: &str) -> Option<&Product> {
        self.products().find(|product| product.has_name(name))
    }

    /// Finds the product that orders this top-up. Operator, kind and code are the operator's own words, so their case
    /// matters; an alias of the product may replace the code.
    pub fn top_up(&self, operator: &str, kind: &str, code: &str) -> Option<&Product> {
        self.products().find(|product| {
            product.top_up().is_some_and(|(of, is, known)| {
                [of.as_str(), is.as_str()] == [operator, kind] && (known == code || product.has_name(code))
            })
        })
    }

    /// The token with this code, if a product grants it.
    pub fn token(&self, code: &str) -> Option<Asset> {
        self.products().find_map(|product| product.token(code))
    }

    /// What the use of models costs, if that is not left to the senders of usage.
    pub fn rate_card(&self) -> Option<&RateCard> {
        self.rate_card.as_ref()
    }

    /// All assets that an owner may have by these products: credits, what they grant, and commissions in each currency in
    /// which they are sold.
    pub fn assets(&self) -> BTreeSet<Asset> {
        self.products().flat_map(Product::assets).chain([Asset::CREDITS]).collect()
    }

    /// In the order of the catalog.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.iter()
    }
}

/// The place and the kind of an error in the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: {what}")]
pub struct CatalogError {
    at: String,
    what: String,
}

#[cfg(test)]
mod tests;
