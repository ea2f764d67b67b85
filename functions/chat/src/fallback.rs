//! Answers for when no model can be called: `infra/fallback.json` says which. They cost nothing, and say what they are.

use ledger::Timestamp;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The rules that this program was built with.
const SHIPPED: &str = include_str!("../../../infra/fallback.json");
const RULES_MAX: usize = 100;

/// The first rule that fits answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fallback {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// One of them is in the last message of the user, in whatever case; `*` is in each.
    contains: Vec<String>,
    answer: String,
}

#[derive(Debug, Error)]
pub(crate) enum FallbackError {
    #[error("infra/fallback.json: {0}")]
    Json(#[from] serde_json::Error),
    #[error("infra/fallback.json has more than {RULES_MAX} rules, or one without a pattern or an answer")]
    Rules,
}

#[derive(Serialize)]
struct Completion<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    model: &'a str,
    choices: [Choice<'a>; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    fallback: bool,
}

#[derive(Serialize)]
struct Choice<'a> {
    index: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delta: Option<Message<'a>>,
    finish_reason: &'static str,
}

#[derive(Serialize)]
struct Message<'a> {
    role: &'static str,
    content: &'a str,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the names of the API")]
struct Usage {
    prompt_tokens: u8,
    completion_tokens: u8,
    total_tokens: u8,
}

impl Fallback {
    pub(crate) fn shipped() -> Result<Self, FallbackError> {
        Self::read(SHIPPED)
    }

    pub(crate) fn read(json: &str) -> Result<Self, FallbackError> {
        let fallback: Self = serde_json::from_str(json)?;
        let is_whole = |rule: &Rule| !rule.contains.is_empty() && !rule.answer.is_empty();
        let are_whole = fallback.rules.len() <= RULES_MAX && fallback.rules.iter().all(is_whole);
        if are_whole { Ok(fallback) } else { Err(FallbackError::Rules) }
    }

    /// The answer to a message, if a rule has one.
    pub(crate) fn answer(&self, message: &str) -> Option<&str> {
        let message = message.to_lowercase();
        let fits = |pattern: &String| pattern == "*" || message.contains(&pattern.to_lowercase());
        let rule = self.rules.iter().find(|rule| rule.contains.iter().any(fits))?;
        Some(&rule.answer)
    }
}

/// The answer as a chat completion.
pub(crate) fn whole(id: &str, model: &str, answer: &str, now: Timestamp) -> String {
    let message = Some(Message { role: "assistant", content: answer });
    let choice = Choice { index: 0, message, delta: None, finish_reason: "stop" };
    json(id, "chat.completion", model, choice, Some(NOTHING), now)
}

/// The answer as a stream, to its end.
pub(crate) fn stream(id: &str, model: &str, answer: &str, now: Timestamp) -> String {
    let delta = Some(Message { role: "assistant", content: answer });
    let choice = Choice { index: 0, message: None, delta, finish_reason: "stop" };
    format!("data: {}\n\ndata: [DONE]\n\n", json(id, "chat.completion.chunk", model, choice, None, now))
}

const NOTHING: Usage = Usage { prompt_tokens: 0, completion_tokens: 0, total_tokens: 0 };

fn json(
    id: &str,
    object: &'static str,
    model: &str,
    choice: Choice<'_>,
    usage: Option<Usage>,
    now: Timestamp,
) -> String {
    let completion = Completion { id, object, created: now.unix_s(), model, choices: [choice], usage, fallback: true };
    serde_json::to_string(&completion).unwrap_or_default()
}
