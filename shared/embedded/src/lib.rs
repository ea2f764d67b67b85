//! The stack on one machine: what the templates in `infra/` declare, and an embedded DynamoDB that holds those tables.
//!
//! The [`Template`] is read from the very files that are deployed, so a table or a route cannot be one thing here and another
//! there. The [`Engine`] stands where the network would: the SDK signs, sends, times out and parses as it always does, but the
//! request is answered in this process.

mod engine;
mod records;
mod stream;
mod template;

pub use engine::{Engine, EngineError, sdk_config};
pub use records::Cursor;
pub use stream::{Filter, Stream, StreamError};
pub use template::{Function, Route, Schedule, Table, Template, TemplateError};

/// The templates, as they were when this was compiled.
pub const DATA_YAML: &str = include_str!("../../../infra/data.yaml");
pub const APP_YAML: &str = include_str!("../../../infra/app.yaml");

#[cfg(test)]
mod tests;
