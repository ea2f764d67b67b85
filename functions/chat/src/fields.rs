//! Reads members of a request, and names the one that is wrong.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::failure::ChatFailure;
use crate::members::{MEMBERS_MAX, Members, Unread};

/// The fields of OpenAI's API that cost no more than the answer, however they are set.
const KNOWN: [&str; 31] = [
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "prompt_cache_key",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
];

/// Refuses a field that a gateway may make something of its own of.
pub(crate) fn are_known(members: &Members<'_>) -> Result<(), ChatFailure> {
    let is_unknown = |name: &&str| members.get(name).is_some() && !KNOWN.contains(name);
    match members.names().find(is_unknown) {
        Some(name) => Err(ChatFailure::field(name, format!("{name} does not pass here: leave it out."))),
        None => Ok(()),
    }
}

/// Refuses a member that an upstream may take for one of these.
pub(crate) fn as_spelled(members: &Members<'_>, at: &str, names: &[&'static str]) -> Result<(), ChatFailure> {
    match members.disguised(names) {
        Some((spelled, name)) => {
            Err(ChatFailure::field(&format!("{at}{spelled}"), format!("{spelled} is spelled {name}.")))
        }
        None => Ok(()),
    }
}

pub(crate) fn object<'t>(value: &'t RawValue, at: &str, what: &str) -> Result<Members<'t>, ChatFailure> {
    let not_an_object = || ChatFailure::field(at, format!("{what} must be an object."));
    Members::read(value.get()).map_err(|unread| unread.failure(&format!("{at}."), not_an_object))
}

impl Unread {
    pub(crate) fn failure(&self, at: &str, not_an_object: impl FnOnce() -> ChatFailure) -> ChatFailure {
        match self {
            Self::NotAnObject => not_an_object(),
            Self::Twice(name) => ChatFailure::field(&format!("{at}{name}"), format!("{name} stands there twice.")),
            Self::TooMany => {
                let message = format!("An object of a request may have up to {MEMBERS_MAX} members.");
                if at.is_empty() {
                    ChatFailure::new(400, "body_invalid", message)
                } else {
                    ChatFailure::field(at.trim_end_matches('.'), message)
                }
            }
        }
    }
}

/// Another type is an error that names the field. `null` counts as absent.
pub(crate) fn field<T: for<'v> Deserialize<'v>>(
    members: &Members<'_>,
    name: &'static str,
    what: &str,
) -> Result<Option<T>, ChatFailure> {
    let read = members.get(name).map(|value| serde_json::from_str(value.get())).transpose();
    read.map_err(|_| ChatFailure::field(name, format!("{name} must be {what}.")))
}
