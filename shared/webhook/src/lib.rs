//! The spine that every webhook function shares. Read `handle.rs` first, which is how a request becomes an event, and then
//! `book.rs`, which is how an event becomes durable: one line a stage.
//!
//! A source says what is its own by implementing [`Webhook`]: how its requests are verified, parsed, decided on and answered.
//! What it cannot do is skip a stage, answer before the commit, or see a request that was not verified.

mod admission;
mod book;
mod fields;
mod handle;
mod kept;
mod outcome;
mod received;
mod replay;
mod stages;
mod status;

pub use admission::{Admission, AdmissionError};
pub use fields::{Fields, StandsTwice};
pub use handle::{Function, log};
pub use kept::{Kept, KeptError};
pub use outcome::Outcome;
pub use received::Received;
pub use replay::{OtherReceipt, RefusedRow, Replayed, listed, listed_again, replay};
pub use stages::{Dependency, Endpoint, ParseError, Webhook};
pub use status::StatusCache;
