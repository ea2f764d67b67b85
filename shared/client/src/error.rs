//! Why a call has no answer that it can use.

use serde_json::{Map, Value};
use thiserror::Error as ThisError;

#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
pub enum Error {
    #[error("{0} is no address of an API: it must begin with https://, or with http:// and a name of this machine")]
    Url(String),
    #[error("the key must be visible ASCII characters")]
    Key,
    /// Such as an idempotency key that is no header.
    #[error("the request cannot be sent: {0}")]
    Unsendable(String),
    /// Nothing has changed, unless an earlier call under the same idempotency key has.
    #[error("{0}")]
    Refused(Refusal),
    /// All attempts are used up. A change may have happened: the same call under the same idempotency key finds out.
    #[error("no answer: {0}")]
    Unanswered(String),
    /// Another server answers there, or another version.
    #[error("the answer is not one of this API: {0}")]
    Unreadable(String),
}

/// The error of the API, as `docs/api.md` lists them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// The code for machines: `insufficient_credits`.
    pub code: String,
    pub message: String,
    /// Further members of the body.
    pub details: Map<String, Value>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({} {})", self.message, self.status, self.code)
    }
}
