//! Reads a request: what it costs at most follows from a few fields, which are checked. All others pass to the upstream
//! byte for byte.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Config;
use crate::failure::ChatFailure;
use crate::members::{MEMBERS_MAX, Members, Unread, folded, place, spliced};

/// A long conversation has a few hundred.
const MESSAGES_MAX: usize = 1_000;
const MODEL_BYTES_MAX: usize = 128;
/// Models that refuse `max_tokens`, and count their reasoning in `max_completion_tokens`.
const REASONING_MODELS: [&str; 4] = ["o1", "o3", "o4", "gpt-5"];
/// The names of the limit of an answer. The older one comes first.
const LIMITS: [&str; 2] = ["max_tokens", "max_completion_tokens"];
/// What is read of a request, of a message, of a part of one, and of the wishes for a stream.
const READ: [&str; 8] =
    ["model", "stream", "n", "messages", "max_tokens", "max_completion_tokens", "stream_options", "tools"];
const READ_OF_MESSAGE: [&str; 2] = ["role", "content"];
const READ_OF_PART: [&str; 3] = ["type", "text", "image_url"];
const INCLUDE_USAGE: &str = "include_usage";
/// The parts of a message that have a price. A few kilobytes of a file may be a whole book.
const PARTS: [&str; 3] = ["text", "refusal", "image_url"];
/// Tools that the client runs. An upstream bills a search and the like apart.
const TOOLS: [&str; 2] = ["function", "custom"];
/// Fields by which a request costs what the rate card does not say: other models, searches, speech.
const NOT_PRICED: [&str; 7] =
    ["audio", "models", "plugins", "web_search_options", "search_parameters", "enable_search", "service_tier"];
/// How the names end in which LiteLLM takes other models.
const OTHER_MODELS: &str = "fallbacks";
/// How an image begins that stands in the request.
const DATA: &str = "data:image/";
/// Those that choose no dearer service.
const SERVICE_TIERS: [&str; 4] = ["null", "\"auto\"", "\"default\"", "\"flex\""];

/// A request that can be priced and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ChatRequest {
    pub(crate) model: String,
    pub(crate) is_stream: bool,
    /// Whether its client wants the chunk with the usage.
    pub(crate) wants_usage: bool,
    pub(crate) size: RequestSize,
    /// What the upstream gets.
    pub(crate) body: Body,
}

/// The JSON text of a request.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Body(pub(crate) String);

/// What bounds the tokens of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RequestSize {
    /// Of its text: no token is shorter than a byte.
    pub(crate) prompt_bytes: u64,
    pub(crate) images: u64,
    pub(crate) max_tokens: u64,
}

impl ChatRequest {
    pub(crate) fn read(body: &[u8], config: &Config) -> Result<Self, ChatFailure> {
        let not_an_object = || ChatFailure::new(400, "body_invalid", "The body must be a JSON object.");
        let text = std::str::from_utf8(body).map_err(|_| not_an_object())?;
        let members = Members::read(text).map_err(|unread| unread.failure("", not_an_object))?;
        as_spelled(&members, "", &READ)?;
        priced(&members)?;
        tools_of_the_client(&members)?;
        let model = model(&members)?;
        let is_stream = field::<bool>(&members, "stream", "true or false")?.unwrap_or_default();
        let choices = field::<u64>(&members, "n", "1")?.unwrap_or(1);
        if choices != 1 {
            return Err(ChatFailure::field("n", "n must be 1: each further choice would be charged, too."));
        }
        let pictures = pictures(&members)?;
        let limit = limit(&members, config)?;
        let usage = StreamUsage::read(&members, is_stream)?;
        let mut changes = Vec::new();
        let mut first = Vec::new();
        if limit.is_default {
            set(text, &members, default_limit(&model), limit.tokens.to_string(), &mut changes, &mut first);
        }
        if is_stream && !usage.is_wanted {
            StreamUsage::force(text, &members, &mut changes, &mut first);
        }
        if let (Some(brace), false) = (text.find('{'), first.is_empty()) {
            let behind = brace.saturating_add(1);
            changes.push((behind..behind, first.concat()));
        }
        let text_bytes = text.len().saturating_sub(pictures.inline_bytes);
        let prompt_bytes = u64::try_from(text_bytes).unwrap_or(u64::MAX);
        let size = RequestSize { prompt_bytes, images: pictures.count, max_tokens: limit.tokens };
        let (wants_usage, body) = (usage.is_wanted, Body(spliced(text, changes)));
        Ok(Self { model, is_stream, wants_usage, size, body })
    }
}

impl Body {
    /// The text of the last message of a person, for an answer without a model.
    pub(crate) fn last_text(&self) -> Option<String> {
        let members = Members::read(&self.0).ok()?;
        let messages: Vec<MessageJson<'_>> = serde_json::from_str(members.get("messages")?.get()).ok()?;
        let of_user =
            messages.iter().rev().find(|message| message.role.is_some_and(|role| role.get() == "\"user\""))?;
        let content = of_user.content?.get();
        if let Ok(text) = serde_json::from_str::<String>(content) {
            return Some(text);
        }
        let parts: Vec<PartJson<'_>> = serde_json::from_str(content).ok()?;
        let texts = parts.iter().filter_map(|part| serde_json::from_str::<String>(part.text?.get()).ok());
        Some(texts.collect::<Vec<_>>().join(" "))
    }
}

/// Refuses a member that an upstream may take for one of these.
fn as_spelled(members: &Members<'_>, at: &str, names: &[&'static str]) -> Result<(), ChatFailure> {
    match members.disguised(names) {
        Some((spelled, name)) => {
            Err(ChatFailure::field(&format!("{at}{spelled}"), format!("{spelled} is spelled {name}.")))
        }
        None => Ok(()),
    }
}

fn priced(members: &Members<'_>) -> Result<(), ChatFailure> {
    as_spelled(members, "", &NOT_PRICED)?;
    for name in members.names() {
        let is_usual = |value: &RawValue| name == "service_tier" && SERVICE_TIERS.contains(&value.get());
        let is_dearer = NOT_PRICED.contains(&name) || folded(name).ends_with(OTHER_MODELS);
        if is_dearer && members.get(name).is_some_and(|value| !is_usual(value)) {
            return Err(ChatFailure::field(name, format!("{name} has no price here: leave it out.")));
        }
    }
    Ok(())
}

fn tools_of_the_client(members: &Members<'_>) -> Result<(), ChatFailure> {
    let Some(tools) = members.get("tools") else { return Ok(()) };
    let tools: Result<Vec<&RawValue>, _> = serde_json::from_str(tools.get());
    let tools = tools.map_err(|_| ChatFailure::field("tools", "tools must be a list of tools."))?;
    for (n, tool) in tools.iter().enumerate() {
        let at = format!("tools[{n}]");
        let tool = object(tool, &at, "A tool")?;
        as_spelled(&tool, &format!("{at}."), &["type"])?;
        let of_type = tool.get("type").map(|of_type| serde_json::from_str::<String>(of_type.get()));
        if !of_type.is_none_or(|of_type| of_type.is_ok_and(|of_type| TOOLS.contains(&of_type.as_str()))) {
            let message = "Only tools of the type function or custom have a price here.";
            return Err(ChatFailure::field(&format!("{at}.type"), message));
        }
    }
    Ok(())
}

fn object<'t>(value: &'t RawValue, at: &str, what: &str) -> Result<Members<'t>, ChatFailure> {
    let not_an_object = || ChatFailure::field(at, format!("{what} must be an object."));
    Members::read(value.get()).map_err(|unread| unread.failure(&format!("{at}."), not_an_object))
}

impl Unread {
    fn failure(&self, at: &str, not_an_object: impl FnOnce() -> ChatFailure) -> ChatFailure {
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

fn model(members: &Members<'_>) -> Result<String, ChatFailure> {
    let model: Option<String> = field(members, "model", "the name of a model")?;
    let is_name = |model: &String| (1..=MODEL_BYTES_MAX).contains(&model.len());
    model.filter(is_name).ok_or_else(|| ChatFailure::field("model", "model must be the name of a model."))
}

/// Another type is an error that names the field. `null` counts as absent.
fn field<T: for<'v> Deserialize<'v>>(
    members: &Members<'_>,
    name: &'static str,
    what: &str,
) -> Result<Option<T>, ChatFailure> {
    let read = members.get(name).map(|value| serde_json::from_str(value.get())).transpose();
    read.map_err(|_| ChatFailure::field(name, format!("{name} must be {what}.")))
}

#[derive(Deserialize)]
struct MessageJson<'m> {
    #[serde(borrow)]
    role: Option<&'m RawValue>,
    #[serde(borrow)]
    content: Option<&'m RawValue>,
}

#[derive(Deserialize)]
struct PartJson<'m> {
    #[serde(borrow)]
    text: Option<&'m RawValue>,
}

#[derive(Deserialize)]
struct ImageJson<'m> {
    #[serde(borrow)]
    url: Option<&'m RawValue>,
}

/// Images are no text: each has a price of its own, whether its bytes stand in the request or at an address.
#[derive(Debug, Default)]
struct Pictures {
    count: u64,
    inline_bytes: usize,
}

/// Also checks the messages.
fn pictures(members: &Members<'_>) -> Result<Pictures, ChatFailure> {
    let wrong = || ChatFailure::field("messages", "messages must be a list of messages, and not empty.");
    let messages = members.get("messages").ok_or_else(wrong)?;
    let messages: Vec<&RawValue> = serde_json::from_str(messages.get()).map_err(|_| wrong())?;
    if messages.is_empty() {
        return Err(wrong());
    }
    if messages.len() > MESSAGES_MAX {
        let message = format!("messages may have up to {MESSAGES_MAX} messages.");
        return Err(ChatFailure::field("messages", message));
    }
    let mut pictures = Pictures::default();
    for (n, message) in messages.iter().enumerate() {
        let at = |what: &str| format!("messages[{n}]{what}");
        let message = object(message, &at(""), "A message")?;
        as_spelled(&message, &at("."), &READ_OF_MESSAGE)?;
        let is_text = |value: &RawValue| value.get().starts_with('"');
        if !message.get("role").is_some_and(is_text) {
            return Err(ChatFailure::field(&at(".role"), "The role of a message must be a text."));
        }
        let Some(content) = message.get("content").filter(|content| !is_text(content)) else { continue };
        let parts = serde_json::from_str::<Vec<&RawValue>>(content.get()).map_err(|_| {
            ChatFailure::field(&at(".content"), "The content of a message must be a text or a list of parts.")
        })?;
        for (m, part) in parts.iter().enumerate() {
            let at = at(&format!(".content[{m}]"));
            pictures.add_of(&object(part, &at, "A part of a message")?, &at)?;
        }
    }
    Ok(pictures)
}

impl Pictures {
    /// What is at another address than an image, or in a file, may cost anything.
    fn add_of(&mut self, part: &Members<'_>, at: &str) -> Result<(), ChatFailure> {
        as_spelled(part, &format!("{at}."), &READ_OF_PART)?;
        let elsewhere = part.names().find(|name| *name != "image_url" && folded(name).ends_with("_url"));
        if let Some(name) = elsewhere {
            let message = format!("{name} has no price here: only images may be at an address.");
            return Err(ChatFailure::field(&format!("{at}.{name}"), message));
        }
        let of_type = part.get("type").and_then(|of_type| serde_json::from_str::<String>(of_type.get()).ok());
        if !of_type.is_some_and(|of_type| PARTS.contains(&of_type.as_str())) {
            let message = format!("A part of a message has no price here unless its type is {}.", PARTS.join(", "));
            return Err(ChatFailure::field(&format!("{at}.type"), message));
        }
        part.get("image_url").into_iter().try_for_each(|image| self.add(image, at))
    }

    fn add(&mut self, image: &RawValue, at: &str) -> Result<(), ChatFailure> {
        self.count = self.count.saturating_add(1);
        let url = serde_json::from_str::<ImageJson<'_>>(image.get()).ok().and_then(|image| image.url);
        let spelled = url.unwrap_or(image);
        let url: Option<String> = serde_json::from_str(spelled.get()).ok();
        let data = url.and_then(|url| url.get(..DATA.len()).map(str::to_ascii_lowercase));
        match data.filter(|data| data.starts_with("data:")) {
            None => {}
            Some(data) if data == DATA => {
                self.inline_bytes = self.inline_bytes.saturating_add(spelled.get().len());
            }
            Some(_) => {
                let message = "Only images may be in an image_url.";
                return Err(ChatFailure::field(&format!("{at}.image_url"), message));
            }
        }
        Ok(())
    }
}

struct Limit {
    tokens: u64,
    /// Whether the request names none.
    is_default: bool,
}

/// If a request has both, the higher one is held.
fn limit(members: &Members<'_>, config: &Config) -> Result<Limit, ChatFailure> {
    let mut named = None;
    for name in LIMITS {
        let most = config.max_tokens_limit;
        let what = format!("a whole number from 1 to {most}");
        let tokens: Option<u64> = field(members, name, &what)?;
        if tokens.is_some_and(|tokens| !(1..=most).contains(&tokens)) {
            return Err(ChatFailure::field(name, format!("{name} must be {what}.")));
        }
        named = named.max(tokens);
    }
    Ok(Limit { tokens: named.unwrap_or(config.max_tokens), is_default: named.is_none() })
}

fn default_limit(model: &str) -> &'static str {
    let [older, newer] = LIMITS;
    // A gateway may put the provider before the name.
    let name = model.rsplit('/').next().unwrap_or(model);
    if REASONING_MODELS.iter().any(|start| name.starts_with(start)) { newer } else { older }
}

/// Whether a stream ends with its usage. The upstream always gets the wish, since the usage is what is charged.
struct StreamUsage {
    is_wanted: bool,
}

impl StreamUsage {
    fn read(members: &Members<'_>, is_stream: bool) -> Result<Self, ChatFailure> {
        let Some(options) = members.get("stream_options") else { return Ok(Self { is_wanted: false }) };
        if !is_stream {
            return Err(ChatFailure::field("stream_options", "stream_options may stand only beside stream."));
        }
        let options = object(options, "stream_options", "stream_options")?;
        as_spelled(&options, "stream_options.", &[INCLUDE_USAGE])?;
        let param = "stream_options.include_usage";
        let wanted = options.get(INCLUDE_USAGE).map(|value| serde_json::from_str(value.get())).transpose();
        let wanted: Option<bool> =
            wanted.map_err(|_| ChatFailure::field(param, "include_usage must be true or false."))?;
        Ok(Self { is_wanted: wanted.unwrap_or_default() })
    }

    fn force(
        text: &str,
        members: &Members<'_>,
        changes: &mut Vec<(std::ops::Range<usize>, String)>,
        first: &mut Vec<String>,
    ) {
        let options = members.get("stream_options");
        let Some((options, inner)) = options.and_then(|options| Some((options, Members::read(options.get()).ok()?)))
        else {
            set(text, members, "stream_options", r#"{"include_usage":true}"#.to_owned(), changes, first);
            return;
        };
        if let Some(wish) = inner.spelled(INCLUDE_USAGE) {
            changes.push((place(text, wish), "true".to_owned()));
            return;
        }
        let behind = place(text, options).start.saturating_add(1);
        let is_empty = options.get().trim_start_matches('{').trim_start().starts_with('}');
        let comma = if is_empty { "" } else { "," };
        changes.push((behind..behind, format!(r#""include_usage":true{comma}"#)));
    }
}

/// A member that stands there as `null` is replaced, and one that does not is put first.
fn set(
    text: &str,
    members: &Members<'_>,
    name: &str,
    value: String,
    changes: &mut Vec<(std::ops::Range<usize>, String)>,
    first: &mut Vec<String>,
) {
    match members.spelled(name) {
        Some(null) => changes.push((place(text, null), value)),
        // There are others: a request without members is refused.
        None => first.push(format!(r#""{name}":{value},"#)),
    }
}

/// It is what a person writes to a model.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} bytes)", self.0.len())
    }
}
