//! The OpenAPI document of all HTTP APIs.

mod page;

use std::io;

use api::openapi::{Document, DocumentError};

use crate::Generated;

/// For people and programs, and on one line for the function that serves it.
pub(crate) fn files() -> io::Result<Vec<Generated>> {
    let document = of_apis().map_err(io::Error::other)?;
    let read = Generated { path: "docs/openapi.json", text: format!("{}\n", serde_json::to_string_pretty(&document)?) };
    let served = Generated { path: "functions/credits/openapi.min.json", text: serde_json::to_string(&document)? };
    let page = Generated { path: "docs/api-reference.md", text: page::page(&document) };
    Ok(vec![read, served, page])
}

fn of_apis() -> Result<serde_json::Value, DocumentError> {
    Document::default()
        .with::<orders::Orders>()?
        .with::<checkout::Checkout>()?
        .with::<credits::Credits>()?
        .with::<chat::ChatApi>()?
        .json(env!("CARGO_PKG_VERSION"))
}
