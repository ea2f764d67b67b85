//! The rows of the rate card that the actors know, with prices that change once.

use ledger::Timestamp;
use serde_json::{Value, json};

pub(crate) const MODEL: &str = "sim-metered";
/// Its one row comes into force after the end of every world.
pub(crate) const UNPRICED: &str = "sim-unpriced";
/// The second prices come into force so long before the world begins. No clock is that far off.
const CHANGED_BEFORE_S: i64 = 2 * 3_600;
const YEAR_S: i64 = 365 * 24 * 3_600;

/// Billionths of a dollar for a million tokens: plain, cached and written input, output and reasoning.
pub(crate) type Prices = [u64; 5];
pub(crate) const BEFORE: Prices = [333_333, 33_331, 416_667, 777_777, 999_983];
pub(crate) const SINCE: Prices = [500_009, 50_021, 625_001, 1_500_001, 1_750_003];

pub(crate) fn changed_at() -> Timestamp {
    testkit::now().plus_seconds(-CHANGED_BEFORE_S)
}

pub(crate) fn rows() -> Vec<Value> {
    let row = |prices: Prices| {
        let [input, cached_input, cache_write, output, reasoning] = prices.map(|price| format!("0.{price:0>9}"));
        let per_million = json!({
            "input": input, "cached_input": cached_input, "cache_write": cache_write, "output": output,
            "reasoning": reasoning,
        });
        json!({ "model": "sim-m*", "markup": 2000, "per_million": per_million })
    };
    let mut since = row(SINCE);
    since["from"] = changed_at().to_string().into();
    let ahead = testkit::now().plus_seconds(YEAR_S);
    vec![row(BEFORE), since, json!({ "model": "sim*", "from": ahead.to_string(), "per_request": "1" })]
}
