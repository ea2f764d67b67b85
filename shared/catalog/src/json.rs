//! A strict JSON reader: each value carries its path for error messages, and fields that no code reads are errors, so
//! that a misspelt field is not taken for an absent one.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::CatalogError;

const ROOT: &str = "the catalog";

/// A JSON value and its path.
#[derive(Debug)]
pub(crate) struct Node<'j> {
    path: String,
    json: &'j RawValue,
}

impl<'j> Node<'j> {
    pub(crate) fn root(json: &'j str) -> Result<Self, CatalogError> {
        let path = ROOT.to_owned();
        match serde_json::from_str(json) {
            Ok(json) => Ok(Self { path, json }),
            Err(error) => Err(CatalogError { at: path, what: format!("is not JSON: {error}") }),
        }
    }

    pub(crate) fn error(&self, what: impl fmt::Display) -> CatalogError {
        CatalogError { at: self.path.clone(), what: what.to_string() }
    }

    pub(crate) fn object(&self) -> Result<Object<'j>, CatalogError> {
        let Fields(fields) = self.json_as("must be an object")?;
        let mut nodes: Vec<(String, Self)> = Vec::new();
        for (name, json) in fields {
            let path = if self.path == ROOT { name.clone() } else { format!("{}.{name}", self.path) };
            let node = Self { path, json };
            if nodes.iter().any(|(other, _)| *other == name) {
                return Err(node.error("appears twice"));
            }
            nodes.push((name, node));
        }
        Ok(Object { path: self.path.clone(), fields: nodes })
    }

    pub(crate) fn list(&self) -> Result<Vec<Self>, CatalogError> {
        let items: Vec<&'j RawValue> = self.json_as("must be a list")?;
        let node = |(index, json)| Self { path: format!("{}[{index}]", self.path), json };
        Ok(items.into_iter().enumerate().map(node).collect())
    }

    pub(crate) fn text(&self) -> Result<String, CatalogError> {
        self.json_as("must be a text")
    }

    pub(crate) fn count(&self) -> Result<u64, CatalogError> {
        self.json_as("must be a whole number")
    }

    pub(crate) fn integer(&self) -> Result<i64, CatalogError> {
        self.json_as("must be a whole number")
    }

    /// A text that `read` parses.
    pub(crate) fn read<T, E: fmt::Display>(&self, read: impl FnOnce(&str) -> Result<T, E>) -> Result<T, CatalogError> {
        read(&self.text()?).map_err(|error| self.error(error))
    }

    fn json_as<T: Deserialize<'j>>(&self, what: &str) -> Result<T, CatalogError> {
        serde_json::from_str(self.json.get()).map_err(|_| self.error(what))
    }
}

/// The fields of an object that were not taken yet.
#[derive(Debug)]
pub(crate) struct Object<'j> {
    path: String,
    fields: Vec<(String, Node<'j>)>,
}

impl<'j> Object<'j> {
    pub(crate) fn take(&mut self, name: &str) -> Option<Node<'j>> {
        let index = self.fields.iter().position(|(field, _)| field == name)?;
        Some(self.fields.remove(index).1)
    }

    pub(crate) fn need(&mut self, name: &str) -> Result<Node<'j>, CatalogError> {
        self.take(name).ok_or_else(|| CatalogError { at: self.path.clone(), what: format!("has no {name}") })
    }

    pub(crate) fn end(self) -> Result<(), CatalogError> {
        match self.fields.first() {
            None => Ok(()),
            Some((_, node)) => Err(node.error("is unknown")),
        }
    }

    /// All fields, for an object with arbitrary names.
    pub(crate) fn into_fields(self) -> Vec<(String, Node<'j>)> {
        self.fields
    }
}

/// The fields of an object in their original form: a map would silently keep the last of two with one name.
struct Fields<'j>(Vec<(String, &'j RawValue)>);

impl<'j> Deserialize<'j> for Fields<'j> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'j> Visitor<'j> for Each {
            type Value = Fields<'j>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'j>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Each)
    }
}
