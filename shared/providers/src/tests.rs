//! Tests of the adapters: requests, retries and the parsing of responses.

mod epay;
mod fireblocks;
mod new_api;
mod openai;
mod stripe;
mod unitel;
mod wechat;

use std::sync::Arc;
use std::time::Duration;

use ledger::{Amount, Currency, Money, Operator, OrderNumber, TopUp, TopUpKind};
use testkit::deadline;

use super::*;

fn call_deadline() -> ledger::Deadline {
    deadline(Duration::from_secs(8))
}

/// The paused clock of tokio's tests.
fn clock() -> std::time::Instant {
    deadline(Duration::ZERO).0
}
