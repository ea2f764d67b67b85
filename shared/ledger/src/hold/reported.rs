//! The names of uses that an LLM gateway reports by itself. The settlement of a call that the gateway has answered takes
//! the name that its report has, so that both find one journal row.

use crate::{CallerKey, EventKey, Fingerprint};

/// The report of a use by the LLM gateway that has answered it: by a webhook, or in its log. The gateway names its own
/// key, with which we call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedUse {
    pub usage: EventKey,
    pub key: CallerKey,
}

/// The id of LiteLLM's event. The caller can choose the id of a call, and an upstream may repeat that of an answer: both
/// together name it, as a hash, since either may have any characters.
pub fn litellm_event_id(call: Option<&str>, answer: &str) -> String {
    format!("litellm.{}", Fingerprint::of(1, &[("call", call.unwrap_or_default()), ("id", answer)]))
}

/// The id of OpenRouter's event. The prefix keeps it apart from the ids of other gateways.
pub fn openrouter_event_id(generation: &str) -> String {
    format!("openrouter.{generation}")
}
