//! Strict JSON objects: raw field texts, without floats and without duplicate fields.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use thiserror::Error;

/// The fields in their order, each as raw text, so that no number passes through a float. A derived struct would also
/// accept an array in place of an object.
#[derive(Debug)]
pub struct Fields<'b>(Vec<(Name<'b>, &'b RawValue)>);

#[derive(Debug, serde::Deserialize)]
struct Name<'b>(#[serde(borrow)] Cow<'b, str>);

/// A duplicate field: one reader would use the first and another the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("stands twice")]
pub struct StandsTwice;

impl<'b> Fields<'b> {
    /// The value of a field that must occur at most once. `null` counts as absent.
    pub fn once(&self, name: &str) -> Result<Option<&'b RawValue>, StandsTwice> {
        let mut values = self.0.iter().filter(|(known, _)| known.0 == name).map(|(_, value)| *value);
        let value = values.next();
        if values.next().is_some() { Err(StandsTwice) } else { Ok(value.filter(|value| value.get() != "null")) }
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(known, _)| known.0 == name)
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
