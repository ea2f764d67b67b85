//! End-to-end tests of the real binary: start, requests, commands, stop, kill and restart.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop"
)]
#![expect(clippy::disallowed_methods, reason = "how long things take is a part of what is tested")]

mod account_transfers;
mod accounts;
mod api_client;
mod asking;
mod auditing;
mod budgets;
mod buying;
mod chatting;
mod codes;
mod consoling;
mod crash;
mod deciding;
mod documented;
mod epay;
mod explaining;
mod exporting;
mod fireblocks;
mod forwarder;
mod front;
mod fulfilling;
mod harness;
mod holds;
mod keys;
mod killed;
mod listing;
mod members;
mod numbers;
mod on_aws;
mod operator;
mod owners;
mod pausing;
mod prompts;
mod rates;
mod reading;
mod repairing;
mod reversing;
mod rotating;
mod routes;
mod scripting;
mod sending;
mod serving;
mod telegram;
mod tools;
mod trial_balances;
mod unanswered;
mod unwritten;
mod wechat;
mod weighing;
