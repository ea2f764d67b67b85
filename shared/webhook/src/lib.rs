//! The pipeline of every webhook function: verify the signature, parse, decide, commit, reply. Read `handle.rs` first,
//! which turns a request into an event, and then `book.rs`, which makes the event durable: one line per stage.
//!
//! A source implements [`Webhook`]: how its requests are verified, parsed, decided on and answered. It cannot skip a
//! stage, reply before the commit, or read a request that is not verified.
//!
//! ```
//! use ledger::Timestamp;
//! use webhook::Admission;
//!
//! let settings = [("ALLOWED_IPS", "192.0.2.0/24, 198.51.100.7"), ("MAX_SKEW_SECONDS", "300")];
//! let variable = |name: &str| settings.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_string());
//! let admission = Admission::read(variable)?;
//! assert_eq!(admission.allowed_ips.len(), 2);
//! assert_eq!(admission.max_skew_seconds, Some(300));
//! # Ok::<(), webhook::AdmissionError>(())
//! ```

mod admission;
mod batch;
mod book;
mod foreign;
mod handle;
mod json;
mod kept;
mod outcome;
mod received;
mod replay;
mod stages;
mod status;

pub use admission::{Admission, AdmissionError};
pub use foreign::{AUTHORIZATION, SEAL, sealed_form, verify_bearer};
pub use handle::{Function, log};
pub use json::{JsonField, JsonObject, elements, place};
pub use kept::{Kept, KeptError};
pub use outcome::Outcome;
pub use received::Received;
pub use replay::{OtherReceipt, RefusedRow, Replayed, listed, listed_again, replay, reported};
pub use stages::{BatchForm, BatchedEvent, Dependency, Endpoint, ForeignForm, ParseError, Places, Webhook};
pub use status::StatusCache;
