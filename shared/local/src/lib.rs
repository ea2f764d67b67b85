//! The functions on one machine: what API Gateway, Lambda, the scheduler and the streams do in AWS, fakes of the providers over HTTP,
//! generated secrets, a demo account, and the data folder.
//!
//! [`Stack`] is all of it, for `hookledger serve`; [`Sample`] and [`event`] are for `send` and `event`, which sign as the senders do.

mod api_gateway;
mod clock;
mod connections;
mod error;
mod functions;
mod gateway;
mod home;
mod json;
mod log;
mod manual;
mod mock_epay;
mod mock_fireblocks;
mod mock_stripe;
mod mock_unitel;
mod mock_wechat;
mod mocks;
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
mod visitor;

pub use api_gateway::{Call, Route, event};
pub use error::{Error, advice, line};
pub use home::{Announced, Claim, Home, Lock, Running, RunningSource};
pub use json::PathError;
pub use log::to_stderr;
pub use manual::{Change, SOURCE as MANUAL_SOURCE, What, credits_of};
pub use now::{context, now};
pub use outcome::HEADER as OUTCOME_HEADER;
pub use random::api_key as new_api_key;
pub use sample::{Assignment, Sample, new_id};
pub use secrets::Secrets;
pub use seed::{CREDITS as DEMO_CREDITS, OWNER as DEMO_OWNER, REMOTE_KEY as DEMO_REMOTE_KEY};
pub use sources::{Headers, Scheme, Setting, Signed, Source, USAGE};
pub use stack::{Place, Stack};
pub use store::{STAGE, store};
pub use visitor::is_local;
