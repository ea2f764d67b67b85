//! A fake of an upstream in OpenAI's format: chat completions, whole and in parts, and the list of models.
//!
//! Words in the last message choose what it does; [`WORDS`] has the table. It counts its calls and the tokens that it has
//! generated, whether or not its caller reads them.

mod completion;
mod failure;
mod prompt;
mod words;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::unitel::Wait;
use completion::Completion;
use failure::Failure;
use prompt::Prompt;
pub use words::{WORDS, Word};

/// The models that it has, unless it is given others.
pub const MODELS: [&str; 2] = ["gpt-4o", "gpt-4o-mini"];

/// Its path of the totals, which no upstream has.
const TOTALS: &str = "/totals";

pub struct OpenAi {
    key: String,
    name: String,
    models: Vec<String>,
    seed: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    totals: Totals,
    /// Bodies that have failed once.
    failed: BTreeSet<String>,
}

/// One request.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub method: &'c str,
    /// `/v1/chat/completions`.
    pub path: &'c str,
    pub authorization: Option<&'c str>,
    pub body: &'c str,
    pub now_s: i64,
}

/// The response: status and headers after a wait, then the body in its parts.
#[derive(Clone, PartialEq, Eq)]
pub struct Answered {
    pub wait: Wait,
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub parts: Vec<String>,
    /// The pause before each part but the first.
    pub pace_ms: u64,
    pub end: End,
}

/// How a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Whole,
    /// The connection breaks.
    Breaks,
    /// Nothing more comes, and the connection stays open.
    Stalls,
}

/// All that was generated so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Calls for a completion, refused ones included.
    pub calls: u64,
    pub completions: u64,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
}

impl OpenAi {
    /// `key` is the API key that it accepts. The letters and digits of `seed` become part of every id.
    pub fn new(key: &str, seed: &str) -> Self {
        let seed = seed.chars().filter(char::is_ascii_alphanumeric).collect();
        let models = MODELS.map(str::to_owned).into();
        Self { key: key.to_owned(), name: String::new(), models, seed, state: Mutex::default() }
    }

    /// A name, for words that hold at this upstream alone.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    #[must_use]
    pub fn with_models<'m>(self, models: impl IntoIterator<Item = &'m str>) -> Self {
        Self { models: models.into_iter().map(str::to_owned).collect(), ..self }
    }

    pub fn answer(&self, call: &Call<'_>) -> Answered {
        let path = call.path.split('?').next().unwrap_or_default();
        if (call.method, path) == ("GET", TOTALS) {
            return Answered::json(200, &self.totals().json());
        }
        let bearer = call.authorization.and_then(|authorization| authorization.strip_prefix("Bearer "));
        if bearer != Some(self.key.as_str()) {
            return Failure::KEY.answer();
        }
        match (call.method, path) {
            ("POST", "/v1/chat/completions") => self.complete(call).unwrap_or_else(Failure::answer),
            ("GET", "/v1/models") => Answered::json(200, &self.list()),
            _ => Failure::PATH.answer(),
        }
    }

    pub fn totals(&self) -> Totals {
        self.state().totals
    }

    fn complete(&self, call: &Call<'_>) -> Result<Answered, Failure> {
        let number = {
            let mut state = self.state();
            state.totals.calls = state.totals.calls.saturating_add(1);
            state.totals.calls
        };
        let prompt = Prompt::read(call.body)?;
        if !self.has(&prompt.model) {
            return Err(Failure::MODEL);
        }
        let wants = words::Wants::of(prompt.words(), &self.name);
        if let Some(failure) = wants.fails {
            return Err(failure);
        }
        if let Some(failure) = wants.fails_once.filter(|_| self.state().failed.insert(call.body.to_owned())) {
            return Err(failure);
        }
        let id = format!("chatcmpl-{}{number:08}", self.seed);
        let completion = Completion::of(&prompt, &wants, id, call);
        self.count(&completion);
        Ok(completion.answer(&prompt, &wants))
    }

    /// A model has dated names too: `gpt-4o-mini-2024-07-18`.
    fn has(&self, model: &str) -> bool {
        let is_named = |known: &String| {
            model.strip_prefix(known.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        self.models.iter().any(is_named)
    }

    fn count(&self, completion: &Completion) {
        let Totals { completions, prompt_tokens, completion_tokens, .. } = &mut self.state().totals;
        *completions = completions.saturating_add(1);
        *prompt_tokens = prompt_tokens.saturating_add(completion.prompt_tokens);
        *completion_tokens = completion_tokens.saturating_add(completion.tokens());
    }

    fn list(&self) -> Value {
        let of = |id: &String| json!({ "id": id, "object": "model", "created": 1_767_225_600, "owned_by": "fake" });
        json!({ "object": "list", "data": self.models.iter().map(of).collect::<Vec<_>>() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Totals {
    fn json(self) -> Value {
        let Self { calls, completions, prompt_tokens, completion_tokens } = self;
        json!({
            "calls": calls,
            "completions": completions,
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
        })
    }
}

impl Answered {
    fn json(status: u16, body: &Value) -> Self {
        Self::of(status, "application/json", vec![body.to_string()])
    }

    fn of(status: u16, content_type: &str, parts: Vec<String>) -> Self {
        let headers = vec![("content-type", content_type.to_owned())];
        Self { wait: Wait::None, status, headers, parts, pace_ms: 0, end: End::Whole }
    }
}

// Written by hand, so that keys, prompts and answers stay out of logs.

impl fmt::Debug for OpenAi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAi").field("name", &self.name).finish_non_exhaustive()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("method", &self.method).field("path", &self.path).finish_non_exhaustive()
    }
}

impl fmt::Debug for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answered").field("status", &self.status).field("end", &self.end).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
