//! How a delivery ended.

use edge::chain;
use ledger::{CommitError, Committed, Reason};
use signing::VerifyError;

use crate::ParseError;

/// How a delivery ended. A source has one reply for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Booked,
    /// Booked before.
    Repeat,
    Ignored(&'static str),
    /// Nothing was looked at: no such path, or not this way.
    NotFound,
    MethodNotAllowed {
        /// As the `allow` header has them: `GET, POST`.
        allowed: String,
    },
    /// From an address that the source does not send from.
    Forbidden,
    TooLarge,
    /// Not a request that a gateway makes.
    Malformed,
    Unverified(VerifyError),
    /// Signed under a key that may have been published since the last look: verified when it comes again.
    Unverifiable,
    /// Verified and not understood: kept, and refused.
    Unparsed(ParseError),
    /// Kept, and refused.
    Refused(Reason),
    /// The same id with other facts: kept beside what it contradicts.
    Conflict,
    /// Trouble on our side: never acknowledged.
    Unavailable,
    Panicked,
}

impl Outcome {
    pub(crate) fn of_commit(committed: Result<Committed, CommitError>) -> Self {
        match committed {
            Ok(Committed::Now(_)) => Self::Booked,
            Ok(Committed::Earlier(_)) => Self::Repeat,
            Ok(Committed::Ignored { reason }) => Self::Ignored(reason),
            Err(error) => Self::of_error(&error),
        }
    }

    pub(crate) fn of_error(error: &CommitError) -> Self {
        match error {
            CommitError::Conflict => Self::Conflict,
            // It is kept; but it may be true, and its sender may come again sooner than we try again.
            CommitError::Rejected(Reason::Unanswered) => Self::Unavailable,
            CommitError::Rejected(reason) => Self::Refused(*reason),
            CommitError::Unavailable(_) | CommitError::Stale => {
                tracing::warn!(error = %chain(error), "not committed");
                Self::Unavailable
            }
            CommitError::Refused(_) => {
                tracing::error!(error = %chain(error), "not committed, and it will not be until somebody mends it");
                Self::Unavailable
            }
        }
    }

    /// The word for logs and metrics.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Booked => "booked",
            Self::Repeat => "repeat",
            Self::Ignored(_) => "ignored",
            Self::NotFound => "not_found",
            Self::MethodNotAllowed { .. } => "method_not_allowed",
            Self::Forbidden => "forbidden",
            Self::TooLarge => "too_large",
            Self::Malformed => "malformed",
            Self::Unverified(_) => "unverified",
            Self::Unverifiable => "unverifiable",
            Self::Unparsed(_) => "unparsed",
            Self::Refused(_) => "refused",
            Self::Conflict => "conflict",
            Self::Unavailable => "unavailable",
            Self::Panicked => "panicked",
        }
    }

    /// Why, where the outcome alone does not say it: a word of ours, never a part of the body.
    pub fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Ignored(reason) => Some(reason),
            Self::Unverified(error) => Some(error.label()),
            Self::Refused(reason) => Some(reason.as_str()),
            Self::Booked
            | Self::Repeat
            | Self::NotFound
            | Self::MethodNotAllowed { .. }
            | Self::Forbidden
            | Self::TooLarge
            | Self::Malformed
            | Self::Unverifiable
            | Self::Unparsed(_)
            | Self::Conflict
            | Self::Unavailable
            | Self::Panicked => None,
        }
    }
}
