//! A completion, and its two forms: one body, and server-sent events.

use serde_json::{Map, Value, json};

use super::failure::Failure;
use super::prompt::Prompt;
use super::words::{Content, PARTS_BEFORE_END, TOKENS_OF_LONG, Usage, Wants};
use super::{Answered, Call, End};

const HUGE_USAGE: u64 = 1_000_000;
const CHARS_OF_PIECE: usize = 4;

pub(super) struct Completion {
    id: String,
    created: i64,
    model: String,
    pub(super) prompt_tokens: u64,
    cached_tokens: u64,
    /// The name of the tool that it calls, with the pieces as arguments.
    tool: Option<String>,
    /// A token each.
    pieces: Vec<String>,
    finish_reason: &'static str,
}

impl Completion {
    pub(super) fn of(prompt: &Prompt, wants: &Wants, id: String, call: &Call<'_>) -> Self {
        let mut pieces = pieces(prompt, wants, call.body);
        let is_cut = prompt.tokens_max.is_some_and(|tokens_max| pieces.len() > tokens_max);
        pieces.truncate(prompt.tokens_max.unwrap_or(usize::MAX));
        let finish_reason = match &prompt.tool {
            _ if is_cut => "length",
            Some(_) => "tool_calls",
            None => "stop",
        };
        Self {
            id,
            created: call.now_s,
            model: prompt.model.clone(),
            prompt_tokens: prompt.tokens,
            cached_tokens: if wants.is_cached { prompt.tokens.div_euclid(2) } else { 0 },
            tool: prompt.tool.as_ref().map(|(name, _)| name.clone()),
            pieces,
            finish_reason,
        }
    }

    pub(super) fn tokens(&self) -> u64 {
        u64::try_from(self.pieces.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn answer(&self, prompt: &Prompt, wants: &Wants) -> Answered {
        let mut answered = if wants.content == Content::Garbage {
            Answered::of(200, "text/html", vec!["<html>".to_owned()])
        } else if prompt.is_stream {
            let mut parts = self.events(prompt.includes_usage, wants);
            if wants.end != End::Whole || wants.errs {
                parts.truncate(PARTS_BEFORE_END);
            }
            if wants.errs {
                parts.push(format!("data: {}\n\n", Failure::BROKEN.answer().parts.concat()));
            }
            Answered::of(200, "text/event-stream", parts)
        } else {
            let mut body = self.whole(wants).to_string();
            if wants.end != End::Whole {
                body.truncate(body.floor_char_boundary(body.len().div_euclid(2)));
            }
            Answered::of(200, "application/json", vec![body])
        };
        answered.headers.push(("x-request-id", format!("req-{}", self.id)));
        // One that is a gateway names its report by one of these.
        answered.headers.push(("x-oneapi-request-id", self.id.replace("chatcmpl-", "")));
        answered.headers.push(("x-litellm-call-id", self.id.replace("chatcmpl-", "call-")));
        Answered { wait: wants.wait, pace_ms: wants.pace_ms, end: wants.end, ..answered }
    }

    fn whole(&self, wants: &Wants) -> Value {
        let text = self.pieces.concat();
        let message = match &self.tool {
            None => json!({ "role": "assistant", "content": text, "refusal": null }),
            Some(name) => {
                let function = json!({ "name": name, "arguments": text });
                let call = json!({ "id": self.call_id(), "type": "function", "function": function });
                json!({ "role": "assistant", "content": null, "refusal": null, "tool_calls": [call] })
            }
        };
        let choice = json!({ "index": 0, "message": message, "logprobs": null, "finish_reason": self.finish_reason });
        let mut body = self.object("chat.completion", &json!([choice]));
        insert(&mut body, "usage", self.usage(wants.usage));
        body
    }

    fn events(&self, includes_usage: bool, wants: &Wants) -> Vec<String> {
        let mut deltas = vec![match &self.tool {
            None => json!({ "role": "assistant", "content": "" }),
            Some(name) => {
                let function = json!({ "name": name, "arguments": "" });
                let call = json!({ "index": 0, "id": self.call_id(), "type": "function", "function": function });
                json!({ "role": "assistant", "content": null, "tool_calls": [call] })
            }
        }];
        deltas.extend(self.pieces.iter().map(|piece| match self.tool {
            None => json!({ "content": piece }),
            Some(_) => json!({ "tool_calls": [{ "index": 0, "function": { "arguments": piece } }] }),
        }));
        let delta = |delta: Value, finish_reason: Option<&str>| {
            let choice = json!({ "index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason });
            let mut chunk = self.object("chat.completion.chunk", &json!([choice]));
            insert(&mut chunk, "usage", includes_usage.then_some(Value::Null));
            chunk
        };
        let mut chunks: Vec<Value> = deltas.into_iter().map(|of| delta(of, None)).collect();
        chunks.push(delta(json!({}), Some(self.finish_reason)));
        if let Some(usage) = self.usage(wants.usage).filter(|_| includes_usage && wants.has_done) {
            let mut last = self.object("chat.completion.chunk", &json!([]));
            insert(&mut last, "usage", Some(usage));
            chunks.push(last);
        }
        let events = chunks.iter().map(|chunk| format!("data: {chunk}\n\n"));
        events.chain(wants.has_done.then(|| "data: [DONE]\n\n".to_owned())).collect()
    }

    fn object(&self, kind: &str, choices: &Value) -> Value {
        let Self { id, created, model, .. } = self;
        let fingerprint = "fp_fake";
        json!({
            "id": id,
            "object": kind,
            "created": created,
            "model": model,
            "system_fingerprint": fingerprint,
            "choices": choices,
        })
    }

    fn usage(&self, usage: Usage) -> Option<Value> {
        let (prompt, completion) = match usage {
            Usage::Omitted => return None,
            Usage::True => (self.prompt_tokens, self.tokens()),
            Usage::Huge => (HUGE_USAGE, HUGE_USAGE),
        };
        Some(json!({
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt.saturating_add(completion),
            "prompt_tokens_details": { "cached_tokens": self.cached_tokens },
            "completion_tokens_details": { "reasoning_tokens": 0 },
        }))
    }

    fn call_id(&self) -> String {
        self.id.replace("chatcmpl-", "call_")
    }
}

fn insert(object: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (object.as_object_mut(), value) {
        members.insert(name.to_owned(), value);
    }
}

/// The text of the answer, in tokens.
fn pieces(prompt: &Prompt, wants: &Wants, body: &str) -> Vec<String> {
    let text = match (&prompt.tool, &prompt.schema) {
        (Some((_, schema)), _) | (None, Some(schema)) => return cut(&value_of(schema).to_string()),
        (None, None) if wants.content == Content::Echo => return cut(body),
        (None, None) if wants.content == Content::Long => {
            return (0..TOKENS_OF_LONG).map(|number| format!("{number} ")).collect();
        }
        (None, None) if prompt.is_of_tool => format!("The tool returned: {}", prompt.text),
        (None, None) => format!("You wrote: {}", prompt.text),
    };
    text.split_inclusive(' ').map(str::to_owned).collect()
}

fn cut(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    chars.chunks(CHARS_OF_PIECE).map(|piece| piece.iter().collect()).collect()
}

/// A value of a JSON schema.
fn value_of(schema: &Value) -> Value {
    let name = schema.get("type").and_then(Value::as_str).unwrap_or("object");
    match name {
        "string" => schema.pointer("/enum/0").cloned().unwrap_or_else(|| json!("fake")),
        "integer" | "number" => json!(1),
        "boolean" => json!(true),
        "array" => json!([]),
        _ => {
            let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
            Value::Object(properties.iter().map(|(name, of)| (name.clone(), value_of(of))).collect::<Map<_, _>>())
        }
    }
}
