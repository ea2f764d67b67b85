//! The rate card's JSON form, and the limits within which every calculation fits.

use ledger::{Amount, AmountError, Timestamp};

use super::charge::{RATE_DECIMALS, USD_DECIMALS};
use super::{BASIS_POINTS, ModelPrice, Pattern, RateCard, UnitPrices};
use crate::CatalogError;
use crate::json::Node;

/// As many as the name of a model in a usage event has at most.
const MODEL_BYTES_MAX: usize = 128;
/// Millions of dollars for a million tokens, or for one image, are a mistyped price.
const USD_MAX: u64 = 1_000_000;
const CREDITS_PER_USD_MAX: u64 = 1_000_000;
/// In basis points. At −100 % all would be free, which a price of 0 says.
const MARKUP: std::ops::RangeInclusive<i64> = -9_999..=100_000;
const TOLERANCE_MAX: u64 = 10_000;

pub(crate) fn rate_card(node: &Node<'_>) -> Result<RateCard, CatalogError> {
    let mut fields = node.object()?;
    let rate = fields.need("credits_per_usd")?;
    let credits_per_usd = bounded(&rate, RATE_DECIMALS, CREDITS_PER_USD_MAX)?;
    if credits_per_usd.is_zero() {
        return Err(rate.error("must not be 0"));
    }
    let factor = fields.take("markup").as_ref().map(factor).transpose()?.unwrap_or(BASIS_POINTS);
    let tolerance = fields.take("check").as_ref().map(tolerance).transpose()?;
    let rows = fields.need("prices")?;
    fields.end()?;
    let mut prices: Vec<ModelPrice> = Vec::new();
    for node in rows.list()? {
        let price = model_price(&node, factor)?;
        let equal = |other: &ModelPrice| other.pattern == price.pattern && other.from == price.from;
        if let Some(first) = prices.iter().position(equal) {
            return Err(node.error(format_args!("has the model and the time of prices[{first}]")));
        }
        prices.push(price);
    }
    Ok(RateCard { credits_per_usd, factor, tolerance, prices })
}

fn model_price(node: &Node<'_>, default_factor: u32) -> Result<ModelPrice, CatalogError> {
    let mut fields = node.object()?;
    let pattern = fields.need("model")?.read(pattern)?;
    let from = fields.take("from").map(|node| node.read(Timestamp::parse_rfc3339)).transpose()?;
    let factor = fields.take("markup").as_ref().map(factor).transpose()?.unwrap_or(default_factor);
    let usd = |node: Option<Node<'_>>| node.map(|node| bounded(&node, USD_DECIMALS, USD_MAX)).transpose();
    let mut prices = UnitPrices::default();
    if let Some(node) = fields.take("per_million") {
        let mut kinds = node.object()?;
        prices.input = usd(kinds.take("input"))?;
        prices.cached_input = usd(kinds.take("cached_input"))?;
        prices.cache_write = usd(kinds.take("cache_write"))?;
        prices.output = usd(kinds.take("output"))?;
        prices.reasoning = usd(kinds.take("reasoning"))?;
        kinds.end()?;
    }
    prices.request = usd(fields.take("per_request"))?;
    prices.image = usd(fields.take("per_image"))?;
    prices.second = usd(fields.take("per_second"))?;
    fields.end()?;
    if prices == UnitPrices::default() {
        return Err(node.error("has no price"));
    }
    Ok(ModelPrice { pattern, from, factor, prices })
}

/// A name, or the start of names with a `*` after it.
fn pattern(text: &str) -> Result<Pattern, String> {
    if text.is_empty() || text.len() > MODEL_BYTES_MAX || text.chars().any(char::is_control) {
        return Err(format!("must be a name of at most {MODEL_BYTES_MAX} bytes"));
    }
    let (start, is_prefix) = text.strip_suffix('*').map_or((text, false), |start| (start, true));
    if start.contains('*') {
        return Err("may have one *, at its end".to_owned());
    }
    Ok(if is_prefix { Pattern::Prefix(start.to_owned()) } else { Pattern::Exact(start.to_owned()) })
}

fn bounded(node: &Node<'_>, decimals: u8, max: u64) -> Result<Amount, CatalogError> {
    let amount = node.read(|text| Amount::parse(text, decimals))?;
    let one = Amount::parse("1", decimals).map_err(|error: AmountError| node.error(error))?;
    if one.checked_mul(max).is_some_and(|max| amount <= max) {
        Ok(amount)
    } else {
        Err(node.error(format_args!("must be at most {max}")))
    }
}

fn factor(node: &Node<'_>) -> Result<u32, CatalogError> {
    let markup = Some(node.integer()?).filter(|markup| MARKUP.contains(markup));
    let factor = markup.and_then(|markup| u32::try_from(markup.checked_add(BASIS_POINTS.into())?).ok());
    factor.ok_or_else(|| node.error(format_args!("must be {} to {} basis points", MARKUP.start(), MARKUP.end())))
}

fn tolerance(node: &Node<'_>) -> Result<u16, CatalogError> {
    let tolerance = Some(node.count()?).filter(|tolerance| *tolerance <= TOLERANCE_MAX);
    let tolerance = tolerance.and_then(|tolerance| u16::try_from(tolerance).ok());
    tolerance.ok_or_else(|| node.error(format_args!("must be 0 to {TOLERANCE_MAX} basis points")))
}
