//! The rate card as a shop shows it to its buyers: in credits, without what the shop pays and adds.

use ledger::{Amount, Asset};
use serde::Serialize;
use utoipa::ToSchema;

use super::charge::price_in_credits;
use super::{ModelPrice, RateCard};

/// Prices in credits, of the models with this name, or whose names begin so if it ends with `*`. Rounded up to nine
/// decimals; a use is priced without that.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ModelPrice)]
pub struct ModelPriceJson {
    model: String,
    /// Since when; without it always. The newest row that has begun counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    from: Option<String>,
    /// For a million tokens.
    per_million: TokenPricesJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    per_request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    per_image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    per_second: Option<String>,
}

/// Prices by kind of token. Tokens of the cache without a price cost what the input costs, and reasoning what the output
/// costs.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = TokenPrices)]
struct TokenPricesJson {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    cached_input: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    cache_write: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = String)]
    reasoning: Option<String>,
}

impl RateCard {
    pub fn shown(&self) -> Vec<ModelPriceJson> {
        self.prices.iter().map(|row| row.shown(self.credits_per_usd)).collect()
    }
}

impl ModelPrice {
    fn shown(&self, credits_per_usd: Amount) -> ModelPriceJson {
        let credits = |price: Option<Amount>| {
            price_in_credits(price?, credits_per_usd, self.factor).map(|amount| Asset::CREDITS.format(amount))
        };
        let prices = &self.prices;
        ModelPriceJson {
            model: self.model(),
            from: self.from.map(|from| from.to_string()),
            per_million: TokenPricesJson {
                input: credits(prices.input),
                cached_input: credits(prices.cached_input),
                cache_write: credits(prices.cache_write),
                output: credits(prices.output),
                reasoning: credits(prices.reasoning),
            },
            per_request: credits(prices.request),
            per_image: credits(prices.image),
            per_second: credits(prices.second),
        }
    }
}
