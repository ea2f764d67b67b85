//! Reads JSON field by field: duplicate names are refused, times are whole numbers, and `null` counts as absent.

use ledger::Timestamp;
use serde::de::Deserialize;
use webhook::{Fields, ParseError};

use super::{is_word, problem};

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

    pub(super) fn text(&self, name: &str) -> Result<Option<String>, ParseError> {
        self.read(name, "must be a text")
    }

    pub(super) fn required(&self, name: &str) -> Result<String, ParseError> {
        self.text(name)?.ok_or_else(|| self.problem(name, "is missing"))
    }

    /// An id, asset or address.
    pub(super) fn word(&self, name: &str) -> Result<String, ParseError> {
        let word = self.required(name)?;
        if is_word(&word) { Ok(word) } else { Err(self.problem(name, "must be 1 to 128 visible ASCII characters")) }
    }

    pub(super) fn object(&self, name: &str) -> Result<Option<Self>, ParseError> {
        let fields = self.read(name, NOT_AN_OBJECT)?;
        Ok(fields.map(|fields| Self { place: self.place_of(name), fields }))
    }

    /// Documented as seconds, sent as milliseconds.
    pub(super) fn time(&self, name: &str) -> Result<Option<Timestamp>, ParseError> {
        let count: Option<i64> = self.read(name, "must be a whole number")?;
        let time = |count| Timestamp::from_unix(count).map_err(|error| self.problem(name, &error.to_string()));
        count.map(time).transpose()
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
