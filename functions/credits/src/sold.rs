//! What is sold: the products of the catalog, as a shop shows them to buyers.

use api::openapi::Parameter;
use api::{ApiCall, ApiOutcome, Caller, Failure, Query};
use catalog::{Catalog, Product, ProductJson};
use edge::Reply;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Call, shown};

/// What is sold.
#[derive(Serialize, ToSchema)]
#[schema(as = Catalog)]
pub(crate) struct CatalogJson<'c> {
    products: Vec<ProductJson<'c>>,
}

pub(crate) const PARAMETERS: [Parameter; 0] = [];

/// Any key sees it, since every buyer does.
pub(crate) fn show(catalog: &Catalog, call: &ApiCall<'_, Call, Caller>) -> Result<ApiOutcome, Failure> {
    Query::parse(&call.request.query, &PARAMETERS)?;
    Ok(shown(Reply::json(200, &CatalogJson { products: catalog.products().map(Product::shown).collect() })))
}
