//! What a person changes by hand, as the command line and the console book it: ordinary journal entries, with who and why.
//!
//! [`Change`] is of an account, a key, a code, an exchange rate or a pause, and [`OrderChange`] of an order. Each is a
//! decision under an id, [`By::id`]: the same id with the same values is booked once, and with others it is a conflict.
//!
//! ```
//! use ledger::{Asset, Decision, Owner, Writer};
//! use manual::{By, Change, What};
//!
//! let account = Owner::new("alice")?.account(Asset::CREDITS);
//! let what = What::Credit { account, amount: Asset::CREDITS.parse("10")?, expiry: None };
//! let by = By { writer: Writer::Manual, id: "a1", author: "amy", reason: "a gift" };
//! let Decision::Record(entry) = (Change { by, what }).decision()? else { unreachable!() };
//! assert_eq!(entry.header.receipt.to_string(), "manual#a1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod by;
mod change;
mod order_change;
mod reversal;

pub use by::By;
pub use change::{Change, Expiry, What, credits_of};
pub use order_change::{OrderChange, SEQ_CHARS_MAX, is_seq};
pub use reversal::{ReversalStep, reversal_of};
