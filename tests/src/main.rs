//! Checks that belong to no single crate.

#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on must stop")]

mod concurrency;
mod container;
mod costs;
mod deployed;
mod epay;
mod exports;
mod faults;
mod fireblocks;
mod forgeries;
mod forwarder;
mod fulfil;
mod gateway;
mod heard;
mod house;
mod keys;
mod payments;
mod policies;
mod reconcile;
mod refusals;
mod replay;
mod sandbox;
mod schedules;
mod security;
mod templates;
mod watch;
mod wechat;
