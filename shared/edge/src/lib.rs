//! Where a function meets the world: what a gateway hands over and takes back, settings, secrets, the clock, the dice, the log,
//! and the Lambda runtime.
//!
//! A function says what it does by implementing [`Service`]; [`Start`] is what it starts from, and [`run`] serves it. Nothing here
//! knows what a webhook is.

mod config;
mod gateway;
mod log;
mod reply;
mod request;
mod route;
mod run;
mod secrets;

pub use config::{Config, ConfigError};
pub use gateway::read;
pub use log::{alarm, chain, line, log_lines, log_targets, panics_without_message};
pub use reply::Reply;
pub use request::{HeaderError, Incoming, MalformedEvent, OpenError, Request};
pub use route::{Found, NoRoute, Route, find};
pub use run::{Moment, Service, Start, ended, run};
pub use secrets::{Keyring, KeyringError, MakeKeys, Settings, Vault};
