//! The OpenAPI 3.1 document of the HTTP APIs, from the types that their parsers read and their replies write.
//!
//! An API implements [`Described`]: an exhaustive match over its calls, so that no route is without an operation. What every
//! call shares, such as the answers to a missing key, is written here once. The functions serve the document as a file
//! (`docs/openapi.json`) and call nothing of this.

mod common;
mod operation;
mod parameter;
mod texts;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::Api;

pub use operation::{Access, IdempotencyKey, Operation};
pub use parameter::{Kind, Named, Parameter, Place};
pub use texts::{
    AmountText, AssetCode, BudgetWindowWord, ExportPartWord, FulfilmentWord, HoldStateWord, KeptBecauseWord,
    KeyKindWord, KeyStateWord, LotKindWord, OwnerName, PaymentWord, PolicyWord, ProviderWord, ReasonText, ScopeWord,
    SignedAmountText, TimeText,
};

/// A schema, by the name that references to it have. Null if it is not JSON.
type NamedSchema = (String, Value);

/// An API whose calls are described.
pub trait Described: Api {
    /// The heading under which its calls stand.
    const TAG: &'static str;
    const ABOUT: &'static str;

    fn operation(call: Self::Call) -> Operation;
}

#[derive(Debug, PartialEq, Eq, Error)]
pub enum DocumentError {
    #[error("two operations are called {0}")]
    SameId(String),
    #[error("two different schemas are called {0}")]
    SameName(String),
    #[error("{0}: the path and the description have different parameters")]
    PathParameters(&'static str),
    #[error("HEAD {0} is not that of its GET")]
    Head(&'static str),
    #[error("a schema is not JSON")]
    NotJson,
}

/// The document while APIs are added to it.
#[derive(Debug, Default)]
pub struct Document {
    tags: Vec<Value>,
    paths: BTreeMap<&'static str, Map<String, Value>>,
    schemas: BTreeMap<String, Value>,
    ids: Vec<String>,
}

impl Document {
    /// Adds each route of an API. A second route to a call is an older address of it.
    pub fn with<A: Described>(mut self) -> Result<Self, DocumentError>
    where
        A::Call: PartialEq,
    {
        self.tags.push(json!({ "name": A::TAG, "description": A::ABOUT }));
        for (index, route) in A::ROUTES.iter().enumerate() {
            if route.method == "HEAD" {
                let get = A::ROUTES.iter().find(|other| other.method == "GET" && other.path == route.path);
                if get.is_none_or(|get| get.endpoint != route.endpoint) {
                    return Err(DocumentError::Head(route.path));
                }
                continue;
            }
            let earlier = A::ROUTES.iter().take(index);
            let aliased =
                earlier.filter(|other| other.method == route.method && other.endpoint == route.endpoint).count();
            let operation = A::operation(route.endpoint);
            if !operation.fits(route.path) {
                return Err(DocumentError::PathParameters(route.path));
            }
            self.add(route.method, route.path, A::TAG, &operation, aliased)?;
        }
        Ok(self)
    }

    fn add(
        &mut self,
        method: &'static str,
        path: &'static str,
        tag: &'static str,
        operation: &Operation,
        aliased: usize,
    ) -> Result<(), DocumentError> {
        for (name, schema) in operation.schemas() {
            if self.schemas.insert(name.clone(), schema.clone()).is_some_and(|before| before != *schema) {
                return Err(DocumentError::SameName(name.clone()));
            }
        }
        let id = operation.id(aliased);
        if self.ids.contains(&id) {
            return Err(DocumentError::SameId(id));
        }
        let described = operation.json(&id, tag, aliased > 0);
        self.ids.push(id);
        self.paths.entry(path).or_default().insert(method.to_ascii_lowercase(), described);
        Ok(())
    }

    /// The whole document.
    pub fn json(self, version: &str) -> Result<Value, DocumentError> {
        let mut schemas = self.schemas;
        schemas.extend(common::schemas());
        if schemas.values().any(Value::is_null) {
            return Err(DocumentError::NotJson);
        }
        Ok(json!({
            "openapi": "3.1.0",
            "info": common::info(version),
            "tags": self.tags,
            "paths": self.paths,
            "components": {
                "schemas": schemas,
                "responses": common::responses(),
                "headers": common::headers(),
                "securitySchemes": common::security_schemes(),
            },
        }))
    }
}

#[cfg(test)]
mod tests;
