//! The spine that every webhook function shares. Read `handle.rs` first: it is the whole of it, one line a stage.
//!
//! A source says what is its own by implementing [`Webhook`]: how its requests are verified, parsed, decided on and answered.
//! What it cannot do is skip a stage, answer before the commit, or see a request that was not verified.

mod admission;
mod handle;
mod outcome;
mod stages;

pub use admission::{Admission, AdmissionError};
pub use handle::Function;
pub use outcome::Outcome;
pub use stages::{Endpoint, ParseError, Webhook};
