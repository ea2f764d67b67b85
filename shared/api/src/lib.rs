//! The spine that HTTP APIs share, as `webhook` is that of webhooks: a request is routed, its caller is known, the call is made,
//! and the answer says what came of it.
//!
//! An API says what it does by implementing [`Api`]; [`Function`] is the rest.

mod body;
mod commissions;
mod dice;
mod failure;
mod handle;
mod places;

pub use body::{object, read};
pub use commissions::commissions;
pub use dice::Rng;
pub use failure::Failure;
pub use handle::{Api, ApiCall, ApiOutcome, Function};
pub use places::{Places, PlacesError};

#[cfg(test)]
mod tests;
