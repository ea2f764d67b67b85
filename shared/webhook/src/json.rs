//! Reads a JSON body field by field. Each value knows its path in the body, which an error names:
//! `data.object.amount must be a text`.
//!
//! Unread fields are ignored. A duplicate of a read field is refused, since readers differ in which of the two they
//! take. `null` counts as absent: senders write either. No number passes through a float.

mod elements;

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::stages::ParseError;

pub use elements::{elements, place};

/// An object and its path in the body.
#[derive(Debug)]
pub struct JsonObject<'b> {
    path: String,
    fields: Fields<'b>,
}

/// A value other than null and its path in the body.
#[derive(Debug)]
pub struct JsonField<'b> {
    path: String,
    value: &'b RawValue,
}

const NOT_AN_OBJECT: &str = "must be a JSON object";

impl<'b> JsonObject<'b> {
    pub fn of_body(bytes: &'b [u8]) -> Result<Self, ParseError> {
        let fields = serde_json::from_slice(bytes).map_err(|_| ParseError::new("body", NOT_AN_OBJECT))?;
        Ok(Self { path: String::new(), fields })
    }

    /// Whether the object has this field, even if it is null.
    pub fn has(&self, name: &str) -> bool {
        self.fields.named(name).next().is_some()
    }

    pub fn field(&self, name: &str) -> Result<Option<JsonField<'b>>, ParseError> {
        let mut values = self.fields.named(name);
        let value = values.next().filter(|value| value.get() != "null");
        if values.next().is_some() {
            return Err(self.problem(name, "stands twice"));
        }
        Ok(value.map(|value| JsonField { path: self.path_of(name), value }))
    }

    pub fn required(&self, name: &str) -> Result<JsonField<'b>, ParseError> {
        self.field(name)?.ok_or_else(|| self.problem(name, "is missing"))
    }

    pub fn text(&self, name: &str) -> Result<Option<String>, ParseError> {
        self.field(name)?.map(|field| field.text()).transpose()
    }

    pub fn object(&self, name: &str) -> Result<Option<Self>, ParseError> {
        self.field(name)?.map(|field| field.object()).transpose()
    }

    /// Its JSON without these fields.
    pub fn without(&self, names: &[&str]) -> String {
        let left = self.fields.0.iter().filter(|(name, _)| !names.contains(&&*name.0));
        let left: Vec<String> = left.map(|(name, value)| format!("{}:{}", quoted(&name.0), value.get())).collect();
        format!("{{{}}}", left.join(","))
    }

    /// The error for a field of this object.
    pub fn problem(&self, name: &str, problem: &str) -> ParseError {
        ParseError::new(&self.path_of(name), problem)
    }

    fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }
}

impl<'b> JsonField<'b> {
    pub fn text(&self) -> Result<String, ParseError> {
        self.read("must be a text")
    }

    /// A text that `parse` accepts.
    pub fn parsed<T, E: fmt::Display>(&self, parse: impl FnOnce(&str) -> Result<T, E>) -> Result<T, ParseError> {
        parse(&self.text()?).map_err(|error| self.problem(&error.to_string()))
    }

    pub fn flag(&self) -> Result<bool, ParseError> {
        self.read("must be true or false")
    }

    pub fn whole_number(&self) -> Result<u64, ParseError> {
        self.read("must be a whole number that is not negative")
    }

    pub fn is_object(&self) -> bool {
        self.value.get().starts_with('{')
    }

    pub fn object(&self) -> Result<JsonObject<'b>, ParseError> {
        Ok(JsonObject { path: self.path.clone(), fields: self.read(NOT_AN_OBJECT)? })
    }

    /// The values of an array; the path of the first is `items[0]`.
    pub fn array(&self) -> Result<Vec<Self>, ParseError> {
        let values: Vec<&'b RawValue> = self.read("must be a JSON array")?;
        let field = |(index, value)| Self { path: format!("{}[{index}]", self.path), value };
        Ok(values.into_iter().enumerate().map(field).collect())
    }

    /// A value of another type; `otherwise` is the problem of a value that is none.
    pub fn read<T: Deserialize<'b>>(&self, otherwise: &str) -> Result<T, ParseError> {
        serde_json::from_str(self.value.get()).map_err(|_| self.problem(otherwise))
    }

    /// The error for this field.
    pub fn problem(&self, problem: &str) -> ParseError {
        ParseError::new(&self.path, problem)
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The fields in their order, each as raw text. A map would keep the last of two fields with one name, and a derived
/// struct would also accept an array in place of an object.
#[derive(Debug)]
struct Fields<'b>(Vec<(Name<'b>, &'b RawValue)>);

#[derive(Debug, serde::Deserialize)]
struct Name<'b>(#[serde(borrow)] Cow<'b, str>);

impl<'b> Fields<'b> {
    fn named(&self, name: &str) -> impl Iterator<Item = &'b RawValue> {
        self.0.iter().filter(move |(known, _)| known.0 == name).map(|(_, value)| *value)
    }
}

impl<'b> Deserialize<'b> for Fields<'b> {
    fn deserialize<D: Deserializer<'b>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'b> Visitor<'b> for FieldsVisitor {
    type Value = Fields<'b>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'b>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Fields(fields))
    }
}

#[cfg(test)]
mod tests;
