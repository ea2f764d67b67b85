//! The I/O boundary of every function: gateway requests and replies, settings, secrets, clock, randomness, log and the
//! Lambda runtime.
//!
//! A function that answers requests implements [`Service`]; one that a schedule or a stream invokes implements
//! [`Worker`], and one that answers in parts [`StreamService`]. [`Start`] holds its settings and secrets, and [`run`],
//! [`run_worker`] or [`run_stream`] serves it. This crate does not depend on webhooks.
//!
//! ```
//! use std::time::Duration;
//!
//! use edge::{Incoming, Invocation, MalformedEvent, Reply, Route, Service};
//!
//! struct Health;
//!
//! impl Service for Health {
//!     const REPLY_WITHIN: Duration = Duration::from_secs(1);
//!
//!     async fn answer_request(&self, request: Result<Incoming, MalformedEvent>, _: &Invocation) -> Reply {
//!         const ROUTES: &[Route<()>] = &[Route { method: "GET", path: "/health", endpoint: () }];
//!         let Ok(incoming) = request else { return Reply::empty(400) };
//!         match edge::find(ROUTES, &incoming.method, &incoming.path) {
//!             Ok(_) => Reply::json(200, &"ok"),
//!             Err(_) => Reply::empty(404),
//!         }
//!     }
//! }
//! ```

mod chat_metrics;
mod commit_metrics;
mod config;
mod gateway;
mod json_lines;
mod json_object;
mod key_source;
mod log;
mod reply;
mod request;
mod responder;
mod roots;
mod route;
mod run;
mod secrets;
mod start;
mod stdout;
mod stream_service;
mod unconfigured;
mod worker;

pub use chat_metrics::{ChatMetrics, chatted, expired_holds, first_token, upstream_failed};
pub use commit_metrics::record_commit;
pub use config::{Config, ConfigError};
pub use gateway::read;
pub use json_lines::log_lines;
pub use key_source::KeySource;
pub use log::{
    LogLevel, MEASURED, Measured, OWN_CRATES, alarm, backlog, chain, delivered, line, log_targets, metric_targets,
    own_targets, panics_without_message, paused, ran, uncounted, unread,
};
pub use reply::Reply;
pub use request::{HeaderError, Incoming, MalformedEvent, OpenError, Request};
pub use responder::{BodyWriter, CallerLeft, ReplyHead, ReplyReader, Responder, responder};
pub use roots::AMAZON_ROOTS;
pub use route::{NoRoute, Route, RouteMatch, find};
pub use run::{Invocation, Service, ended, run};
pub use secrets::{Keyring, KeyringError, MakeKeys, Settings, Vault};
pub use start::{OWN_SECRET, Start, StartError, Variables};
pub use stream_service::{PartedReply, StreamService, run_stream};
pub use unconfigured::{Configured, Unconfigured};
pub use worker::{WorkError, Worker, run_worker};
