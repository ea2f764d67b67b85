//! How a call of a provider ends that brings nothing. Words and numbers only: no body and no key.

use thiserror::Error;

#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// Whether it was carried out is not known.
    #[error("no answer")]
    NoAnswer,
    /// Whoever answered has not proved to be our forwarder: it counts as no answer.
    #[error("an answer that is not signed as it must be")]
    Unsigned,
    /// It was understood and not carried out.
    #[error("refused with status {status}{}{}", named(kind.as_ref()), named(code.as_ref()))]
    Refused {
        status: u16,
        /// The provider's own word for what kind of error it is.
        kind: Option<String>,
        code: Option<String>,
    },
    /// It went wrong on their side, and goes on doing so.
    #[error("failed with status {status}")]
    Failed { status: u16 },
    /// An answer that is not one, or not to what was asked.
    #[error("the answer cannot be read")]
    Unreadable,
}

impl CallError {
    /// What was asked about is not there, or no longer.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, code: Some(code), .. } if code == "resource_missing")
    }

    /// Nothing was said of what was asked about: any other call would have ended so.
    pub fn is_of_the_provider(&self) -> bool {
        match self {
            Self::NoAnswer | Self::Unsigned | Self::Failed { .. } | Self::Refused { status: 401 | 403 | 429, .. } => {
                true
            }
            Self::Refused { .. } | Self::Unreadable => false,
        }
    }

    /// The key was revoked or replaced, or may not do what it is to do.
    pub fn is_of_the_key(&self) -> bool {
        matches!(self, Self::Refused { status: 401 | 403, .. } | Self::Unsigned)
    }
}

fn named(word: Option<&String>) -> String {
    word.map(|word| format!(" {word}")).unwrap_or_default()
}
