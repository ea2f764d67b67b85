//! Outcomes of a delivery, with their words for logs and metrics.

use edge::chain;
use ledger::{CommitError, Committed, Reason};
use signing::VerifyError;

use crate::ParseError;

/// The outcome of a delivery. A source has one reply for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Booked,
    /// Booked before.
    Repeat,
    Ignored(&'static str),
    /// No such path; nothing is verified.
    NotFound,
    MethodNotAllowed {
        /// The value of the `allow` header: `GET, POST`.
        allowed: String,
    },
    /// The sender's address is not on the allowlist.
    Forbidden,
    TooLarge,
    /// The event is not a gateway's request.
    Malformed,
    Unverified(VerifyError),
    /// Signed under an unknown key that may be newly published; a redelivery can be verified after the next refresh.
    Unverifiable,
    /// Verified, but does not parse: kept for a replay.
    Unparsed(ParseError),
    /// Verified and refused: kept for a replay.
    Refused(Reason),
    /// Idempotency conflict: the same event id with another fingerprint; kept next to the first one.
    Conflict,
    /// A person has paused the source: never acknowledged, so that the sender keeps the event.
    Paused,
    /// A fault on our side: never acknowledged, so that the sender retries.
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
            // It is kept, but an error reply makes the sender retry, perhaps sooner than our replay.
            CommitError::Rejected(Reason::Unanswered) => Self::Unavailable,
            CommitError::Rejected(reason) => Self::Refused(*reason),
            CommitError::Unavailable(_) | CommitError::Stale => {
                tracing::warn!(error = %chain(error), "not committed");
                Self::Unavailable
            }
            CommitError::Refused(_) => {
                tracing::error!(error = %chain(error), "not committed, and not retryable: a row or the code needs a repair");
                Self::Unavailable
            }
        }
    }

    /// Whether another delivery cannot change it, or need not: it is booked, or kept for a replay of ours.
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Paused | Self::Unavailable | Self::Unverifiable | Self::Panicked)
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
            Self::Paused => "paused",
            Self::Unavailable => "unavailable",
            Self::Panicked => "panicked",
        }
    }

    /// The reason, if the outcome alone does not give it: a constant of ours, never a part of the body.
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
            | Self::Paused
            | Self::Unavailable
            | Self::Panicked => None,
        }
    }
}
