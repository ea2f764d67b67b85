//! Checks that belong to no single crate.

// The future of a delivery has all the steps of its function, one inside the other.
#![recursion_limit = "256"]
#![expect(clippy::arithmetic_side_effects, reason = "small numbers of our own")]
#![expect(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on must stop")]

mod account_api;
mod account_transfers;
mod bodies;
mod budgets;
mod chat;
mod circles;
mod codes;
mod console;
mod container;
mod costs;
mod credits;
mod deployed;
mod epay;
mod explain;
mod fireblocks;
mod forwarder;
mod fulfil;
mod gateway;
mod holds;
mod hot_account;
mod house;
mod links;
mod litellm;
mod loaded_store;
mod log_capture;
mod lots;
mod members;
mod openapi;
mod openrouter;
mod operations;
mod pauses;
mod planted;
mod policies;
mod reconcile;
mod recorded;
mod routes;
mod sandbox;
mod security;
mod settings;
mod spine;
mod stripe;
mod suite;
mod templates;
mod usage;
mod watch;
mod wechat;
mod words;
