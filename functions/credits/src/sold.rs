//! What is sold: the products of the catalog and the prices of models, as a shop shows them to buyers.

use api::openapi::Parameter;
use api::{ApiCall, ApiOutcome, Caller, Failure, Query};
use catalog::{Catalog, ModelPriceJson, Product, ProductJson, RateCard};
use edge::Reply;
use serde::Serialize;
use utoipa::ToSchema;

use crate::{Call, shown};

/// What is sold.
#[derive(Serialize, ToSchema)]
#[schema(as = Catalog)]
pub(crate) struct CatalogJson<'c> {
    products: Vec<ProductJson<'c>>,
    /// What the use of models costs, if the shop's rate card prices it.
    models: Vec<ModelPriceJson>,
}

pub(crate) const PARAMETERS: [Parameter; 0] = [];

/// Any key sees it, since every buyer does.
pub(crate) fn show(catalog: &Catalog, call: &ApiCall<'_, Call, Caller>) -> Result<ApiOutcome, Failure> {
    Query::parse(&call.request.query, &PARAMETERS)?;
    let models = catalog.rate_card().map(RateCard::shown).unwrap_or_default();
    Ok(shown(Reply::json(200, &CatalogJson { products: catalog.products().map(Product::shown).collect(), models })))
}
