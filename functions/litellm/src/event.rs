//! What LiteLLM reports.

use catalog::Usd;
use usage::UsageEvent;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A request that succeeded.
    Use(Box<Use>),
    /// One that failed, which costs nothing. Its id.
    Failure(String),
    /// `null`: an event that LiteLLM could not build.
    Lost,
}

/// A use, without a cost of its own in credits: the rate card turns dollars into them, or prices it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    pub event: UsageEvent,
    /// `None` if LiteLLM knows none: it reports 0 for a model whose price it does not know.
    pub usd: Option<Usd>,
    /// LiteLLM's id of the request, which the caller can choose; at most its start.
    pub call_id: Option<String>,
    /// The id of upstream's answer; at most its start.
    pub response_id: String,
}

impl Event {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Use(used) => &used.event.id,
            Self::Failure(id) => id,
            Self::Lost => "null",
        }
    }
}
