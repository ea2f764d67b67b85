//! What is sold: product, price, and what it grants, as `infra/catalog.json` says it.
//!
//! A [`Catalog`] is read once and strictly: what it does not understand it refuses, and says where. A buyer's [`Choice`] of a
//! [`Product`] becomes the [`ledger::Terms`] of an order, which stay as they are whatever the catalog says later.

mod exchange;
mod place;
mod product;
mod read;
mod wallet;

pub use product::{Choice, ChoiceError, Every, Product};

use ledger::Asset;
use thiserror::Error;

/// What this deployment sells, as it was when it was built.
pub const SHIPPED: &str = include_str!("../../../infra/catalog.json");

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    products: Vec<Product>,
}

impl Catalog {
    pub fn parse(json: &str) -> Result<Self, CatalogError> {
        read::products(json).map(|products| Self { products })
    }

    /// By its id or one of its aliases. An order has the id, whatever the request called it.
    pub fn product(&self, name: &str) -> Option<&Product> {
        self.products().find(|product| product.goes_by(name))
    }

    /// The product that orders this of an operator. The words are the operator's own, so their case counts; for its code an alias of the
    /// product may stand.
    pub fn top_up(&self, operator: &str, kind: &str, code: &str) -> Option<&Product> {
        self.products().find(|product| {
            product.top_up().is_some_and(|(of, is, known)| {
                [of.as_str(), is.as_str()] == [operator, kind] && (known == code || product.goes_by(code))
            })
        })
    }

    /// The token of this code, if any product grants it.
    pub fn token(&self, code: &str) -> Option<Asset> {
        self.products().find_map(|product| product.token(code))
    }

    /// In the order in which the catalog names them.
    pub fn products(&self) -> impl Iterator<Item = &Product> {
        self.products.iter()
    }
}

/// Where the catalog is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: {what}")]
pub struct CatalogError {
    at: String,
    what: String,
}

#[cfg(test)]
mod tests;
