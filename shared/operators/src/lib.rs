//! Who may sign in to the console: operators, their sessions, the attempts that lock a name, and the port to their rows.
//!
//! An [`Operator`] is made with a [`Link`], which works once: with it the person chooses a password and a second factor. A
//! sign-in uses up the time step of its code ([`Operator::signed_in`]) and begins a [`Session`]. [`Attempts`] that fail lock
//! a name and an address for longer and longer. Links and sessions are kept as a [`TokenHash`].
//!
//! ```
//! use ledger::Timestamp;
//! use operators::{Credentials, Link, Operator, OperatorName, Role, TokenHash};
//!
//! let now = Timestamp::parse_rfc3339("2026-01-01T00:00:00Z")?;
//! let link = Link::new(TokenHash::of("a random token"), now);
//! let amy = Operator::new(OperatorName::new("amy")?, Role::Reader, link, now);
//! let chosen = Credentials { password: "argon2id…".to_owned(), totp: vec![7; 20], last_step: 1, since: now };
//!
//! let enrolled = amy.enrolled(&TokenHash::of("a random token"), chosen.clone(), now).expect("her link");
//! assert_eq!(enrolled.enrolled(&TokenHash::of("a random token"), chosen, now), None, "a link works once");
//! assert_eq!(enrolled.signed_in(1), None, "and so does a code");
//! assert!(enrolled.signed_in(2).is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attempts;
mod operator;
mod port;
mod session;
mod token;

pub use attempts::{Attempts, Counted};
pub use operator::{Credentials, Link, Operator, OperatorName, OperatorNameError, Role};
pub use port::Operators;
pub use session::{Session, SignIn};
pub use token::TokenHash;

#[cfg(test)]
mod tests;
