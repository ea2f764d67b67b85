//! The local stack: API Gateway, Lambda, the scheduler and the streams on one machine, with fakes of the providers over HTTP, generated
//! secrets, a demo account, and the data folder.
//!
//! [`Stack`] serves all of it, for `cargo run`. [`Sample`] and [`event`] sign as the providers do, for the commands `send` and `event`.
//!
//! ```
//! use local::{Sample, Scheme, new_id, now};
//!
//! let sample = Sample::named("usage/basic", Scheme::Own)?;
//! let signed = sample.signed(&new_id(), "0123456789abcdef0123456789abcdef", now())?;
//! assert!(signed.headers.iter().any(|(name, _)| *name == "x-webhook-signature"));
//! # Ok::<(), local::Error>(())
//! ```

mod api_gateway;
mod ask;
mod body;
mod clock;
mod connections;
mod console_link;
mod error;
mod front;
mod function_url;
mod functions;
mod gateway;
mod home;
mod host_check;
mod integrity;
mod json;
mod key_check;
mod log;
mod log_batch;
mod metrics;
mod mock_epay;
mod mock_fireblocks;
mod mock_new_api;
mod mock_openai;
mod mock_stripe;
mod mock_unitel;
mod mock_wechat;
mod mocks;
mod monitor;
mod now;
mod outcome;
mod random;
mod sample;
mod secrets;
mod seed;
mod sources;
mod stack;
mod store;
mod stream;

pub use api_gateway::{Call, Route, event};
pub use ask::Asker;
pub use error::{Error, advice, line};
pub use home::{Announced, Claim, Home, Lock, Running, RunningSource};
pub use host_check::is_local;
pub use json::PathError;
pub use key_check::{KeyCheck, check_keys, stripe_events};
pub use log::to_stderr;
pub use log_batch::LogGuard;
pub use manual::{Expiry, What, credits_of};
pub use metrics::{CommandMetrics, LocalMetrics, MetricsError, MetricsLog, UncountedError};
pub use mock_epay::MERCHANTS_SETTING as FAKE_EPAY_MERCHANTS;
pub use now::{context, now};
pub use outcome::HEADER as OUTCOME_HEADER;
pub use providers::STRIPE_VERSION;
pub use random::{api_key as new_api_key, bits as random_bits, service_key as new_service_key};
pub use sample::{Assignment, Sample, new_id};
pub use secrets::{CODE_PEPPER, Secrets};
pub use seed::{CREDITS as DEMO_CREDITS, OWNER as DEMO_OWNER, REMOTE_KEY as DEMO_REMOTE_KEY};
pub use sources::{Headers, Scheme, Setting, Signed, Source, USAGE};
pub use stack::{Place, Stack};
pub use store::{STAGE, store, unchecked};
pub use webhook::Admission;
