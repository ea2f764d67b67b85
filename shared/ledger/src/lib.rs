//! The nouns of the books and the one port to where they are kept.
//!
//! An event is named by an [`EventKey`], the money it moves by a [`MoneyKey`]; both are names of journal rows and unique for
//! ever. What it decides is a [`Decision`]: an [`Entry`] to record or a [`Refusal`] to keep. An entry's [`Effect`]s are two-sided
//! [`Posting`]s of an exact [`Amount`] of an [`Asset`], and they happen together with the journal row or not at all: that is
//! what [`Ledger::commit`] promises.
//!
//! Nothing here does I/O, reads the clock or the environment, or rolls dice.

mod account;
mod amount;
mod entry;
mod fingerprint;
mod key;
mod port;
mod time;

pub use account::{AccountId, AccountIdError, CallerKey, CallerKeyError, House, Owner};
pub use amount::{Amount, AmountError, Asset, Balance};
pub use entry::{
    Decision, Effect, Entry, Fact, Facts, Guard, Heading, Movement, Net, Posting, Reason, Refusal, merged,
};
pub use fingerprint::{Fingerprint, Fingerprints};
pub use key::{EventKey, KeyError, MoneyKey};
pub use port::{AttemptMark, CommitError, Committed, Deadline, Delivery, Ledger, RawBody, Receipt};
pub use time::{Timestamp, TimestampError};

#[cfg(test)]
mod tests;
