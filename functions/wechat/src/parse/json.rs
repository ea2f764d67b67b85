//! Reads JSON field by field: duplicate names are refused, numbers are whole, and `null` counts as absent.

use ledger::{Amount, Currency, Money};
use serde::de::Deserialize;
use webhook::{Fields, ParseError};

use super::{MISSING, problem};

const NOT_AN_OBJECT: &str = "must be a JSON object";

/// An object and its path in the body.
pub(super) struct Object<'b> {
    place: String,
    fields: Fields<'b>,
}

impl<'b> Object<'b> {
    pub(super) fn of_body(bytes: &'b [u8]) -> Result<Self, ParseError> {
        let fields = serde_json::from_slice(bytes).map_err(|_| problem("body", NOT_AN_OBJECT))?;
        Ok(Self { place: String::new(), fields })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.fields.has(name)
    }

    /// A text that is not empty: WeChat writes an empty one for an absent value.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ParseError> {
        let text: Option<String> = self.read(name, "must be a text")?;
        Ok(text.filter(|text| !text.is_empty()))
    }

    pub(super) fn required(&self, name: &str) -> Result<String, ParseError> {
        self.text(name)?.ok_or_else(|| self.problem(name, MISSING))
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, ParseError> {
        let fields = self.read(name, NOT_AN_OBJECT)?;
        Ok(fields.map(|fields| Self { place: self.place_of(name), fields }))
    }

    /// An amount in its currency's smallest unit. WeChat may leave out the currency; then it is CNY.
    pub(super) fn money(&self, amount: &str, currency: &str) -> Result<Money, ParseError> {
        self.money_if_named(amount, currency)?.ok_or_else(|| self.problem(amount, MISSING))
    }

    pub(super) fn money_if_named(&self, amount: &str, currency: &str) -> Result<Option<Money>, ParseError> {
        let units: Option<u64> = self.read(amount, "must be a whole number that is not negative")?;
        let Some(units) = units else { return Ok(None) };
        let named = self.text(currency)?.map_or(Ok(Currency::CNY), |code| Currency::parse(&code));
        let currency = named.map_err(|error| self.problem(currency, &error.to_string()))?;
        Ok(Some(Money { amount: Amount::from_units(units), currency }))
    }

    pub(super) fn problem(&self, name: &str, why: &str) -> ParseError {
        problem(&self.place_of(name), why)
    }

    fn read<T: Deserialize<'b>>(&self, name: &str, otherwise: &str) -> Result<Option<T>, ParseError> {
        let value = self.fields.once(name).map_err(|error| self.problem(name, &error.to_string()))?;
        value.map(|value| serde_json::from_str(value.get()).map_err(|_| self.problem(name, otherwise))).transpose()
    }

    fn place_of(&self, name: &str) -> String {
        if self.place.is_empty() { name.to_owned() } else { format!("{}.{name}", self.place) }
    }
}
