//! The DynamoDB ledger: books each event exactly once, with all its effects, in one conditional transaction.
//!
//! The journal row of an event is its idempotency record. Its condition fails if the event is already booked, and each
//! effect has its own condition in the same transaction. So there is no lock, no lease, and no window between an effect
//! and its record. `commit.rs` runs the transaction, `plan.rs` builds its rows and conditions, `verdict.rs` interprets a
//! cancelled one, and `retry.rs` retries it with backoff.
//!
//! ```
//! use ledger::{Committed, Decision, Entry, EventKey, Fingerprint, JournalHeader, Ledger as _, Source};
//! use testkit::{World, context};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let world = World::new();
//! let ledger: idempotency::DynamoLedger = world.ledger(1);
//! let header = JournalHeader {
//!     receipt: EventKey::new(Source::Usage, "evt_1")?,
//!     writer: Source::Usage.into(),
//!     kind: "usage",
//!     facts: vec![],
//!     fingerprints: Fingerprint::of(1, &[("tokens", "150")]).into(),
//!     order: None,
//! };
//! let entry = Decision::Record(Entry { header, effects: vec![], keeps_body: false, alarm: None });
//!
//! assert!(matches!(ledger.commit(&entry, &context(1)).await?, Committed::Now(_)));
//! assert!(matches!(ledger.commit(&entry, &context(2)).await?, Committed::Earlier(_)), "a repeat books nothing");
//! # Ok(())
//! # }
//! ```

mod accepted_row;
mod account_row;
mod alone;
mod anomaly_row;
mod audit;
mod backlog;
mod bare_calls;
mod batch;
mod body;
mod books;
mod breakers;
mod budget_row;
mod cache;
mod call_counts;
mod call_rate;
mod check_row;
mod code_row;
mod commit;
mod day_row;
mod events;
mod hold_row;
mod holds;
mod image;
mod jwks_cache;
mod keys;
mod lane_row;
mod lanes;
mod listing;
mod lots;
mod lots_row;
mod member_row;
mod members;
mod names;
mod open_calls;
mod operators;
mod order_image;
mod order_row;
mod owner_key_row;
mod pause_row;
mod pauses;
mod places;
mod plan;
mod price_differs;
mod proof;
mod rate_row;
mod repair;
mod retry;
mod role;
mod rows;
mod service_key_row;
mod spend;
mod statements;
mod store;
mod tables;
mod together;
mod uncounted;
mod uses;
mod verdict;
mod whole;

pub use books::{KeyRow, Line};
pub use ledger::AccountRow;
pub use members::{MemberRow, MemberRows};
pub use retry::Backoff;
pub use store::DynamoLedger;
pub use tables::{MissingTable, Tables};
pub use whole::{BookTable, NotARow, RowPage, Segment, TableSize, order_of_json};

#[cfg(test)]
mod tests;
