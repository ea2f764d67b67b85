//! What is read of an answer: the tokens that the upstream reports, and how much text it has generated.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

/// The counts of `usage`. As OpenAI counts: the prompt includes what was read from a cache, and the completion the
/// reasoning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tokens {
    pub prompt: u64,
    pub completion: u64,
    pub cached: u64,
    pub cache_write: u64,
    pub reasoning: u64,
}

/// What one chunk of a stream has, or a whole answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AnswerParts {
    /// As the upstream names the answer.
    pub id: Option<String>,
    pub tokens: Option<Tokens>,
    /// Bytes of the text, the reasoning and the arguments of tools.
    pub text_bytes: u64,
    pub has_choices: bool,
    /// Whether it says why the answer ends here.
    pub is_finished: bool,
    /// Whether it reports an error.
    pub is_error: bool,
}

/// A whole answer that is a chat completion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeAnswer(pub AnswerParts);

#[derive(Deserialize)]
struct UsageJson {
    prompt_tokens: u64,
    completion_tokens: Option<u64>,
    total_tokens: Option<u64>,
    prompt_tokens_details: Option<PromptDetails>,
    completion_tokens_details: Option<CompletionDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    cached_tokens: Option<u64>,
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct CompletionDetails {
    reasoning_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow)]
    usage: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    /// Some gateways send an empty one until the end.
    #[serde(borrow)]
    finish_reason: Option<&'a RawValue>,
    #[serde(default)]
    delta: TextBytes,
    #[serde(default)]
    message: TextBytes,
    /// Of the older completions.
    #[serde(default)]
    text: TextBytes,
}

impl AnswerParts {
    pub(super) fn read(json: &[u8]) -> Option<Self> {
        let Answer { id, choices, usage, error } = serde_json::from_slice(json).ok()?;
        let choices = choices.unwrap_or_default();
        let is_finished = |choice: &Choice<'_>| choice.finish_reason.is_some_and(|reason| reason.get() != "\"\"");
        let of_choice = |choice: &Choice<'_>| {
            let Choice { delta, message, text, .. } = choice;
            delta.0.saturating_add(message.0).saturating_add(text.0)
        };
        Some(Self {
            // One that is no text is none.
            id: id.and_then(|id| serde_json::from_str(id.get()).ok()),
            tokens: usage.and_then(Tokens::read),
            text_bytes: choices.iter().map(of_choice).fold(0, u64::saturating_add),
            has_choices: !choices.is_empty(),
            is_finished: choices.iter().any(is_finished),
            is_error: error.is_some(),
        })
    }
}

impl WholeAnswer {
    /// `None` if it is no chat completion.
    pub fn read(json: &[u8]) -> Option<Self> {
        AnswerParts::read(json).filter(|parts| parts.has_choices && !parts.is_error).map(Self)
    }
}

impl Tokens {
    pub fn all(&self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }

    /// Counts that cannot be read are none.
    fn read(usage: &RawValue) -> Option<Self> {
        let usage: UsageJson = serde_json::from_str(usage.get()).ok()?;
        let of_prompt = usage.prompt_tokens_details;
        let reasoning =
            usage.completion_tokens_details.and_then(|details| details.reasoning_tokens).unwrap_or_default();
        let (prompt, completion) = (usage.prompt_tokens, usage.completion_tokens.unwrap_or_default());
        // xAI counts the reasoning beside the completion: its total, or a part that exceeds the whole, says so.
        let all = completion.checked_add(reasoning)?;
        let is_beside = reasoning > completion || usage.total_tokens == prompt.checked_add(all);
        Some(Self {
            prompt,
            completion: if is_beside { all } else { completion },
            cached: of_prompt.as_ref().and_then(|details| details.cached_tokens).unwrap_or_default(),
            cache_write: of_prompt.and_then(|details| details.cache_write_tokens).unwrap_or_default(),
            reasoning,
        })
    }
}

/// The length of all texts in a JSON value, except of those that the model has not generated.
#[derive(Debug, Clone, Copy, Default)]
struct TextBytes(u64);

/// Members with words and ids.
const NOT_GENERATED: [&str; 4] = ["role", "id", "type", "format"];

impl<'de> Deserialize<'de> for TextBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Count).map(Self)
    }
}

#[derive(Clone, Copy)]
struct Count;

impl<'de> DeserializeSeed<'de> for Count {
    type Value = u64;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<u64, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Count {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<u64, E> {
        Ok(u64::try_from(text.len()).unwrap_or(u64::MAX))
    }

    fn visit_unit<E: de::Error>(self) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_u64<E: de::Error>(self, _: u64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<u64, E> {
        Ok(0)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<u64, A::Error> {
        let mut sum = 0_u64;
        while let Some(of_element) = list.next_element_seed(self)? {
            sum = sum.saturating_add(of_element);
        }
        Ok(sum)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<u64, A::Error> {
        let mut sum = 0_u64;
        while let Some(name) = object.next_key::<std::borrow::Cow<'_, str>>()? {
            if NOT_GENERATED.contains(&name.as_ref()) {
                let _: IgnoredAny = object.next_value()?;
            } else {
                sum = sum.saturating_add(object.next_value_seed(self)?);
            }
        }
        Ok(sum)
    }
}
