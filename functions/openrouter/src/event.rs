//! What OpenRouter broadcasts.

use catalog::Usd;
use usage::UsageEvent;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A generation.
    Use(Box<Use>),
    /// A generation that failed before it cost anything. Its id.
    Failure(String),
    /// Another span, such as an attempt at one provider: its generation has the cost. Its own id.
    Other(String),
}

/// A use, without a cost of its own in credits: the rate card turns dollars into them, or prices it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub event: UsageEvent,
    /// `None` if OpenRouter reports none, or only its fee, because the tokens were paid with a key of the caller.
    pub usd: Option<Usd>,
}

impl Event {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Use(used) => &used.event.id,
            Self::Failure(id) | Self::Other(id) => id,
        }
    }
}
