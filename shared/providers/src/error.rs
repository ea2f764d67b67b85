//! Errors of a provider call. They hold only words and numbers, so that no body and no key reaches a log.

use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// No response, so it is unknown whether the provider executed the call.
    #[error("no answer")]
    NoAnswer,
    /// The response carries no valid signature of our forwarder, so it counts as no answer.
    #[error("the answer has no valid signature of the forwarder")]
    Unsigned,
    /// The provider understood the call and did not execute it.
    #[error("refused with status {status}{}{}", named(kind.as_ref()), named(code.as_ref()))]
    Refused {
        status: u16,
        /// The provider's name for the kind of error.
        kind: Option<String>,
        code: Option<String>,
    },
    /// A server error that remains after all retries.
    #[error("failed with status {status}")]
    Failed { status: u16 },
    /// The response is malformed, or belongs to another request.
    #[error("the answer cannot be read")]
    Unreadable,
}

impl CallError {
    /// Whether the object does not exist, or no longer exists.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, code: Some(code), .. } if code == "resource_missing")
    }

    /// Whether the provider as a whole fails, so that a call about any other object would fail too.
    pub fn is_of_the_provider(&self) -> bool {
        match self {
            Self::NoAnswer | Self::Unsigned | Self::Failed { .. } | Self::Refused { status: 401 | 403 | 429, .. } => {
                true
            }
            Self::Refused { .. } | Self::Unreadable => false,
        }
    }

    /// Whether the response has a status of success, and says in its body that the call failed: an LLM gateway's answer
    /// to a token that is not valid any more, and to all else that it refuses.
    pub fn is_unsuccessful(&self) -> bool {
        matches!(self, Self::Refused { status: 200..300, .. })
    }

    /// Whether the key was revoked or replaced, or lacks a permission.
    pub fn is_of_the_key(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403, .. } | Self::Unsigned)
    }
}

fn named(word: Option<&String>) -> String {
    word.map(|word| format!(" {word}")).unwrap_or_default()
}
