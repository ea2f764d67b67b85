//! What each provider's client sends, how often it tries, and how it reads the answers.

mod epay;
mod fireblocks;
mod stripe;
mod unitel;
mod wechat;

use std::sync::Arc;
use std::time::Duration;

use ledger::{Amount, Currency, Money, Operator, OrderNumber, TopUp, TopUpKind};
use testkit::deadline;

use super::*;

fn patience() -> ledger::Deadline {
    deadline(Duration::from_secs(8))
}

/// The time that a test can stop.
fn clock() -> std::time::Instant {
    deadline(Duration::ZERO).0
}
