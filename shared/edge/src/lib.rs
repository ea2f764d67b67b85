//! Where a function meets the world: what a gateway hands over and takes back, settings, secrets, the clock, the dice, the log,
//! and the Lambda runtime.
//!
//! A function says what it does by implementing [`Service`], or [`Worker`] where nobody waits for an answer; [`Start`] is what it
//! starts from, and [`run`] or [`run_worker`] serves it. Nothing here knows what a webhook is.

mod commit_metrics;
mod config;
mod gateway;
mod key_source;
mod log;
mod reply;
mod request;
mod route;
mod run;
mod secrets;
mod start;
mod unconfigured;
mod worker;

pub use commit_metrics::record_commit;
pub use config::{Config, ConfigError};
pub use gateway::read;
pub use key_source::KeySource;
pub use log::{
    LogLevel, MEASURED, Measured, OWN_CRATES, alarm, backlog, chain, delivered, line, log_lines, log_targets,
    own_targets, panics_without_message, ran, unread,
};
pub use reply::Reply;
pub use request::{HeaderError, Incoming, MalformedEvent, OpenError, Request};
pub use route::{NoRoute, Route, RouteMatch, find};
pub use run::{Invocation, Service, ended, run};
pub use secrets::{Keyring, KeyringError, MakeKeys, Settings, Vault};
pub use start::{OWN_SECRET, Start, StartError, Variables};
pub use unconfigured::{Configured, Unconfigured};
pub use worker::{WorkError, Worker, run_worker};
