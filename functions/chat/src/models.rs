//! The list of models: those that an upstream has and the rate card prices.

use std::collections::BTreeSet;

use catalog::{ModelPrice, RateCard};
use ledger::Timestamp;
use providers::LlmConfig;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelList)]
pub(crate) struct ModelsJson<'c> {
    object: &'static str,
    data: Vec<ModelJson<'c>>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Model)]
struct ModelJson<'c> {
    id: &'c str,
    object: &'static str,
    /// Not known here.
    created: u8,
    owned_by: &'static str,
}

pub(crate) fn list<'c>(config: &'c LlmConfig, card: Option<&RateCard>, now: Timestamp) -> ModelsJson<'c> {
    let names: BTreeSet<&str> =
        config.upstreams.iter().flat_map(|upstream| &upstream.models).map(String::as_str).collect();
    let is_priced = |name: &&str| card.is_some_and(|card| card.row(name, now).is_some_and(ModelPrice::is_by_tokens));
    let model = |id| ModelJson { id, object: "model", created: 0, owned_by: "hookledger" };
    ModelsJson { object: "list", data: names.into_iter().filter(is_priced).map(model).collect() }
}
