//! The values of WeChat's JSON: an empty text is an absent one, and money is CNY unless it names another currency.

use ledger::{Amount, Currency, Money};
use webhook::{JsonObject, ParseError};

use super::MISSING;

pub(super) fn text(object: &JsonObject<'_>, name: &str) -> Result<Option<String>, ParseError> {
    Ok(object.text(name)?.filter(|text| !text.is_empty()))
}

pub(super) fn required(object: &JsonObject<'_>, name: &str) -> Result<String, ParseError> {
    text(object, name)?.ok_or_else(|| object.problem(name, MISSING))
}

/// An amount in its currency's smallest unit.
pub(super) fn money(object: &JsonObject<'_>, amount: &str, currency: &str) -> Result<Option<Money>, ParseError> {
    let units = object.field(amount)?.map(|amount| amount.whole_number()).transpose()?;
    let Some(units) = units else { return Ok(None) };
    let named = text(object, currency)?.map_or(Ok(Currency::CNY), |code| Currency::parse(&code));
    let currency = named.map_err(|error| object.problem(currency, &error.to_string()))?;
    Ok(Some(Money { amount: Amount::from_units(units), currency }))
}

pub(super) fn required_money(object: &JsonObject<'_>, amount: &str, currency: &str) -> Result<Money, ParseError> {
    money(object, amount, currency)?.ok_or_else(|| object.problem(amount, MISSING))
}
