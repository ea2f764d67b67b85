//! What is sold: the products of the catalog, as a shop shows them to buyers.

use api::{ApiCall, ApiOutcome, Caller, Failure, Query};
use catalog::{Catalog, Product, ProductJson};
use edge::Reply;
use serde::Serialize;

use crate::{Call, shown};

/// The members that the API documents.
#[derive(Serialize)]
struct CatalogJson<'c> {
    products: Vec<ProductJson<'c>>,
}

/// Any key sees it, since every buyer does.
pub(crate) fn show(catalog: &Catalog, call: &ApiCall<'_, Call, Caller>) -> Result<ApiOutcome, Failure> {
    Query::parse(&call.request.query, &[])?;
    Ok(shown(Reply::json(200, &CatalogJson { products: catalog.products().map(Product::shown).collect() })))
}
