//! A request for a completion: what the fake reads of it, and refuses. It ignores members that it does not know, as
//! upstreams do.

use serde_json::Value;

use super::failure::Failure;

/// What an upstream adds for each message, for the answer, and for an image.
const TOKENS_OF_MESSAGE: u64 = 4;
const TOKENS_OF_ANSWER: u64 = 3;
const TOKENS_OF_IMAGE: u64 = 85;
const CHARS_OF_TOKEN: usize = 4;

pub(super) struct Prompt {
    pub(super) model: String,
    pub(super) is_stream: bool,
    pub(super) includes_usage: bool,
    pub(super) tokens: u64,
    pub(super) tokens_max: Option<usize>,
    /// The name and the parameters of the tool to call.
    pub(super) tool: Option<(String, Value)>,
    /// The schema of an answer in JSON.
    pub(super) schema: Option<Value>,
    /// The text of the last message.
    pub(super) text: String,
    pub(super) is_of_tool: bool,
}

impl Prompt {
    pub(super) fn read(body: &str) -> Result<Self, Failure> {
        let body: Value = serde_json::from_str(body).map_err(|_| Failure::BAD_REQUEST)?;
        let model = body.get("model").and_then(Value::as_str).ok_or(Failure::field("model"))?.to_owned();
        let messages = body.get("messages").and_then(Value::as_array).ok_or(Failure::field("messages"))?;
        let last = messages.last().ok_or(Failure::field("messages"))?;
        if body.get("n").is_some_and(|n| !n.is_null() && *n != 1) {
            return Err(Failure::field("n"));
        }
        let is_stream = flag(&body, "stream")?;
        let options = body.get("stream_options").filter(|options| !options.is_null());
        // OpenAI refuses the options of a stream that is not wanted.
        if options.is_some() && !is_stream {
            return Err(Failure::field("stream_options"));
        }
        let tokens = messages.iter().map(|message| tokens_of(message).saturating_add(TOKENS_OF_MESSAGE));
        let tokens = tokens.fold(TOKENS_OF_ANSWER, u64::saturating_add);
        let tools = body.get("tools").filter(|tools| !tools.is_null());
        let is_of_tool = last.get("role").and_then(Value::as_str) == Some("tool");
        let calls_no_tool = is_of_tool || body.get("tool_choice").is_some_and(|choice| choice == "none");
        Ok(Self {
            model,
            is_stream,
            includes_usage: options.map(|options| flag(options, "include_usage")).transpose()?.unwrap_or_default(),
            tokens: tokens.saturating_add(tools.map_or(0, |tools| tokens_of_text(&tools.to_string()))),
            tokens_max: limit(&body, "max_completion_tokens")?.or(limit(&body, "max_tokens")?),
            tool: tools.filter(|_| !calls_no_tool).map(first_tool).transpose()?,
            schema: schema(&body)?,
            text: text_of(last),
            is_of_tool,
        })
    }

    pub(super) fn words(&self) -> impl Iterator<Item = &str> {
        self.text.split_whitespace()
    }
}

fn flag(body: &Value, name: &'static str) -> Result<bool, Failure> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(false),
        Some(value) => value.as_bool().ok_or(Failure::field(name)),
    }
}

fn limit(body: &Value, name: &'static str) -> Result<Option<usize>, Failure> {
    let Some(value) = body.get(name).filter(|value| !value.is_null()) else { return Ok(None) };
    let limit = value.as_u64().filter(|limit| *limit > 0).and_then(|limit| usize::try_from(limit).ok());
    limit.map(Some).ok_or(Failure::field(name))
}

fn first_tool(tools: &Value) -> Result<(String, Value), Failure> {
    let function = tools.pointer("/0/function").ok_or(Failure::field("tools"))?;
    let name = function.get("name").and_then(Value::as_str).ok_or(Failure::field("tools"))?;
    Ok((name.to_owned(), function.get("parameters").cloned().unwrap_or_default()))
}

/// Any object, where the format has no schema.
fn schema(body: &Value) -> Result<Option<Value>, Failure> {
    let Some(format) = body.get("response_format").filter(|format| !format.is_null()) else { return Ok(None) };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some(Value::Null)),
        Some("json_schema") => {
            format.pointer("/json_schema/schema").cloned().map(Some).ok_or(Failure::field("response_format"))
        }
        _ => Err(Failure::field("response_format")),
    }
}

/// The text of a message: its content, or the parts of it that are text.
fn text_of(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let texts: Vec<&str> = parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect();
            texts.join(" ")
        }
        _ => String::new(),
    }
}

fn tokens_of(message: &Value) -> u64 {
    let images = message.get("content").and_then(Value::as_array).into_iter().flatten();
    let images = images.filter(|part| part.get("image_url").is_some()).map(|_| TOKENS_OF_IMAGE);
    images.fold(tokens_of_text(&text_of(message)), u64::saturating_add)
}

fn tokens_of_text(text: &str) -> u64 {
    u64::try_from(text.chars().count().div_ceil(CHARS_OF_TOKEN)).unwrap_or(u64::MAX)
}
