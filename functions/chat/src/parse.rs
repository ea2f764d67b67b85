//! Reads a request: what it costs at most follows from a few fields, which are checked. All others pass to the upstream
//! byte for byte, unless only known ones may.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::Config;
use crate::failure::ChatFailure;
use crate::fields::{are_known, as_spelled, field, object};
use crate::members::{Members, name_of, place, spliced};
use crate::priced::{LIMITS, has_prices, pictures};

const MODEL_BYTES_MAX: usize = 128;
/// What is read of a request, and of the wishes for a stream.
const READ: [&str; 9] =
    ["model", "stream", "n", "messages", "max_tokens", "max_completion_tokens", "stream_options", "tools", "functions"];
const INCLUDE_USAGE: &str = "include_usage";
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
        has_prices(&members)?;
        if config.refuses_unknown_fields {
            are_known(&members)?;
        }
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
            set(text, &members, limit_of(&model), limit.tokens.to_string(), &mut changes, &mut first);
        } else if let Some(newer) = newer_limit(&model, &members) {
            rename(text, &members, newer, &mut changes);
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

fn model(members: &Members<'_>) -> Result<String, ChatFailure> {
    let model: Option<String> = field(members, "model", "the name of a model")?;
    let is_name = |model: &String| (1..=MODEL_BYTES_MAX).contains(&model.len());
    model.filter(is_name).ok_or_else(|| ChatFailure::field("model", "model must be the name of a model."))
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

/// A limit under the newer name alone. A gateway that knows only the older one sets none.
fn newer_limit<'t>(model: &str, members: &Members<'t>) -> Option<&'t RawValue> {
    let [older, newer] = LIMITS;
    let is_ignored = limit_of(model) == older && members.get(older).is_none();
    members.get(newer).filter(|_| is_ignored)
}

/// Gives the limit the older name. Where that stands as `null`, the two exchange their values.
fn rename(text: &str, members: &Members<'_>, newer: &RawValue, changes: &mut Vec<(std::ops::Range<usize>, String)>) {
    let [older, _] = LIMITS;
    if let Some(null) = members.spelled(older) {
        changes.push((place(text, null), newer.get().to_owned()));
        changes.push((place(text, newer), null.get().to_owned()));
    } else if let Some(name) = name_of(text, newer) {
        changes.push((name, format!("{older:?}")));
    }
}

/// OpenAI's models that reason refuse the older name.
fn limit_of(model: &str) -> &'static str {
    let [older, newer] = LIMITS;
    if reasons(model) { newer } else { older }
}

/// Whether it is a model of OpenAI whose answers have reasoning that no one sees: `o1`, `o4-mini`, `gpt-5` and those after.
pub(crate) fn reasons(model: &str) -> bool {
    // A gateway may put the provider before the name, and OpenAI `ft:` before that of a model of one's own.
    let name = model.rsplit('/').next().unwrap_or(model);
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let number = |rest: &str| {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).map_or(Some(rest), |end| rest.get(..end));
        digits.and_then(|digits| digits.parse::<u32>().ok())
    };
    let is_o = name.strip_prefix('o').and_then(number).is_some();
    is_o || name.strip_prefix("gpt-").and_then(number).is_some_and(|number| number >= 5)
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
