//! An embedded DynamoDB for tests and the local stack, with the tables that the templates in `infra/` declare.
//!
//! The [`Template`] is parsed from the deployed files, so that tables, routes and schedules are the same locally and in
//! AWS. The [`Engine`] replaces the SDK's HTTP client: the SDK signs, sends, times out and parses as usual, and the
//! engine answers the request in this process.
//!
//! ```
//! use embedded::{DATA_YAML, Engine, Template};
//! use serde_json::json;
//!
//! let template = Template::parse(DATA_YAML, &[("Stage", "local")])?;
//! let engine = Engine::memory()?;
//! engine.create_tables(&template)?;
//!
//! let table = "hookledger-local-orders";
//! engine.request("PutItem", &json!({ "TableName": table, "Item": { "id": { "S": "HL1" } } }))?;
//! let rows = engine.request("Scan", &json!({ "TableName": table }))?;
//! assert_eq!(rows["Count"], 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engine;
mod group_sync;
mod records;
mod stream;
mod template;

pub use engine::{Engine, EngineError, sdk_config};
pub use records::Cursor;
pub use stream::{Filter, Stream, StreamError};
pub use template::{Function, InvokeMode, Route, Schedule, Table, Template, TemplateError};

/// The templates at the time of compilation.
pub const DATA_YAML: &str = include_str!("../../../infra/data.yaml");
pub const APP_YAML: &str = include_str!("../../../infra/app.yaml");

/// The minimal case of the page runs as a test.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/local-engine.md")]
const _LOCAL_ENGINE: () = ();

#[cfg(test)]
mod tests;
