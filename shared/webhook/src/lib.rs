//! The spine that every webhook function shares. Read `handle.rs` first: it is the whole of it, one line a stage.
//!
//! A source says what is its own by implementing [`Webhook`]: how its requests are verified, parsed, decided on and answered.
//! What it cannot do is skip a stage, answer before the commit, or see a request that was not verified.

mod config;
mod gateway;
mod handle;
mod log;
mod outcome;
mod request;
mod run;
mod secrets;
mod stages;

pub use config::{Config, ConfigError};
pub use handle::{Function, Moment};
pub use log::{log_lines, log_targets, panics_without_message};
pub use outcome::{Outcome, Reply};
pub use request::{HeaderError, Request};
pub(crate) use request::{Incoming, MalformedEvent, OpenError};
pub use run::{Start, ended, run};
pub use secrets::{Keyring, KeyringError, Settings, Vault};
pub use stages::{Endpoint, ParseError, Route, Webhook};
