//! The commit: an event's journal row, the balances it changes and whatever else it causes, in one DynamoDB transaction.
//!
//! The journal row *is* the idempotency record. It is written under a condition that fails for an event that was booked
//! before, together with every effect under its own condition, so there is no lock, no lease and no window between "done" and
//! "recorded as done". `commit.rs` is the whole of it; `plan.rs` says what is written and under which condition, `verdict.rs`
//! what the store's answer means, `retry.rs` how often it is asked.

mod accepted_row;
mod anomaly_row;
mod audit;
mod backlog;
mod batch;
mod body;
mod books;
mod cache;
mod check_row;
mod commit;
mod image;
mod jwks_cache;
mod lane_row;
mod lanes;
mod names;
mod order_image;
mod order_row;
mod places;
mod plan;
mod proof;
mod repair;
mod retry;
mod role;
mod rows;
mod store;
mod tables;
mod verdict;
mod whole;

pub use books::{AccountRow, KeyRow, Line};
pub use store::DynamoLedger;
pub use tables::{MissingTable, Tables};
pub use whole::{BookTable, NotARow, RowPage, Segment, TableSize, order_of_json};

#[cfg(test)]
mod tests;
