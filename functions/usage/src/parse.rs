//! Parses a usage event field by field from its text: a parse error names the field, and no amount becomes a float.

use catalog::{Consumption, Counts, CountsError, Kind};
use ledger::{Amount, Asset, CallerKey, EventKey, Source, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use webhook::{ParseError, Received};

/// Model names are short. With the other limits, this keeps the journal row below 1 KB.
const MODEL_BYTES_MAX: usize = 128;

/// Of seconds.
const MILLISECONDS_DECIMALS: u8 = 3;

/// What an event does to the credits of the key's owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventType {
    /// Takes its cost.
    Usage,
    /// Gives its cost back.
    Refund,
}

/// The tokens that a key has used, and their cost; or what a gateway gives back for a use that has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent {
    pub event_type: EventType,
    pub id: String,
    pub receipt: EventKey,
    pub sent_at: Timestamp,
    pub key: CallerKey,
    pub model: String,
    /// As sent: the prompt's tokens include those of the cache, and the completion's the reasoning.
    pub counts: Counts,
    pub total_tokens: u64,
    /// `None` if the rate card prices the event. A refund has one.
    pub cost: Option<Amount>,
    /// What the rate card prices. `None` for an event with a cost that counts more than any use has.
    pub consumption: Option<Consumption>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'b> {
    #[serde(borrow)]
    event_id: Option<&'b RawValue>,
    event_type: Option<&'b RawValue>,
    timestamp: Option<&'b RawValue>,
    data: Option<&'b RawValue>,
    /// Of `CloudEvents` 1.0, as the three below.
    specversion: Option<&'b RawValue>,
    id: Option<&'b RawValue>,
    r#type: Option<&'b RawValue>,
    time: Option<&'b RawValue>,
}

/// The parts around the data, each with its name in the sender's form.
struct Envelope<'b> {
    id: (&'static str, Option<&'b RawValue>),
    kind: (&'static str, Option<&'b RawValue>),
    sent_at: (&'static str, Option<&'b RawValue>),
}

impl<'b> Body<'b> {
    fn is_cloud_event(&self) -> bool {
        self.specversion.is_some() && self.event_id.is_none()
    }

    fn envelope(&self) -> Envelope<'b> {
        if self.is_cloud_event() {
            return Envelope { id: ("id", self.id), kind: ("type", self.r#type), sent_at: ("time", self.time) };
        }
        Envelope {
            id: ("eventId", self.event_id),
            kind: ("eventType", self.event_type),
            sent_at: ("timestamp", self.timestamp),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'b> {
    #[serde(borrow)]
    remote_key_id: Option<&'b RawValue>,
    model: Option<&'b RawValue>,
    prompt_tokens: Option<&'b RawValue>,
    completion_tokens: Option<&'b RawValue>,
    total_tokens: Option<&'b RawValue>,
    cached_tokens: Option<&'b RawValue>,
    cache_write_tokens: Option<&'b RawValue>,
    reasoning_tokens: Option<&'b RawValue>,
    images: Option<&'b RawValue>,
    seconds: Option<&'b RawValue>,
    credit_cost: Option<&'b RawValue>,
}

pub(crate) fn parse(received: &Received<'_>) -> Result<UsageEvent, ParseError> {
    is_object(received.bytes()).then_some(()).ok_or_else(|| ParseError::new("body", "must be a JSON object"))?;
    let body: Body<'_> = serde_json::from_slice(received.bytes()).map_err(|error| structure("", &error))?;
    let envelope = body.envelope();
    let (id, receipt) = field(envelope.id.0, envelope.id.1, event_id)?;
    data_of(&body, &envelope, &id, receipt).map_err(|error| ParseError { event_id: Some(id), ..error })
}

fn data_of(body: &Body<'_>, envelope: &Envelope<'_>, id: &str, receipt: EventKey) -> Result<UsageEvent, ParseError> {
    if body.is_cloud_event() {
        field("specversion", body.specversion, |value| is_text(value, "1.0"))?;
    }
    // An unknown type is refused, not ignored: an event that moves money would be lost without a trace.
    let event_type = field(envelope.kind.0, envelope.kind.1, event_type)?;
    let sent_at = field(envelope.sent_at.0, envelope.sent_at.1, timestamp)?;
    let data = field("data", body.data, Ok)?;
    is_object(data.get().as_bytes()).then_some(()).ok_or_else(|| ParseError::new("data", "must be a JSON object"))?;
    let data: Data<'_> = serde_json::from_str(data.get()).map_err(|error| structure("data", &error))?;
    let (key, model) = (field("data.remoteKeyId", data.remote_key_id, key)?, field("data.model", data.model, model)?);
    let counts = counts(&data)?;
    let total_tokens = field("data.totalTokens", data.total_tokens, count)?;
    // A total above the sum is valid: gateways also count cached or reasoning tokens. Less is an error.
    let sum = counts.input.checked_add(counts.output);
    if sum.is_none_or(|sum| total_tokens < sum) {
        return Err(ParseError::new("data.totalTokens", "must be at least promptTokens and completionTokens together"));
    }
    let cost = match event_type {
        EventType::Usage => optional("data.creditCost", data.credit_cost, cost)?,
        // The card knows what a use costs, and not how much of it is given back.
        EventType::Refund => Some(field("data.creditCost", data.credit_cost, cost)?),
    };
    let consumption = match Consumption::of_openai(counts) {
        Ok(consumption) => Some(consumption),
        // It is booked at its own cost.
        Err(CountsError::TooLarge { .. }) if cost.is_some() => None,
        Err(error) => return Err(nonsense(error)),
    };
    let id = id.to_owned();
    Ok(UsageEvent { event_type, id, receipt, sent_at, key, model, counts, total_tokens, cost, consumption })
}

fn counts(data: &Data<'_>) -> Result<Counts, ParseError> {
    let part = |name, value| optional(name, value, count).map(Option::unwrap_or_default);
    Ok(Counts {
        input: field("data.promptTokens", data.prompt_tokens, count)?,
        output: field("data.completionTokens", data.completion_tokens, count)?,
        cached_input: part("data.cachedTokens", data.cached_tokens)?,
        cache_write: part("data.cacheWriteTokens", data.cache_write_tokens)?,
        reasoning: part("data.reasoningTokens", data.reasoning_tokens)?,
        images: part("data.images", data.images)?,
        milliseconds: optional("data.seconds", data.seconds, milliseconds)?.unwrap_or_default(),
    })
}

fn nonsense(error: CountsError) -> ParseError {
    let name = |kind| match kind {
        Kind::Input | Kind::Request => "promptTokens",
        Kind::CachedInput => "cachedTokens",
        Kind::CacheWrite => "cacheWriteTokens",
        Kind::Output => "completionTokens",
        Kind::Reasoning => "reasoningTokens",
        Kind::Image => "images",
        Kind::Second => "seconds",
    };
    let at = |kind, problem: &str| ParseError::new(&format!("data.{}", name(kind)), problem);
    match error {
        CountsError::TooLarge { kind } => at(kind, "is too large"),
        CountsError::PartExceedsWhole { part: Kind::CacheWrite, .. } => {
            at(Kind::CacheWrite, "must not be more than promptTokens, together with cachedTokens")
        }
        CountsError::PartExceedsWhole { part, whole } => at(part, &format!("must not be more than {}", name(whole))),
    }
}

fn field<'b, T>(
    name: &str,
    value: Option<&'b RawValue>,
    read: impl FnOnce(&'b RawValue) -> Result<T, String>,
) -> Result<T, ParseError> {
    let value = value.ok_or_else(|| ParseError::new(name, "is missing"))?;
    read(value).map_err(|why| ParseError::new(name, &why))
}

/// A field that may be absent or `null`.
fn optional<'b, T>(
    name: &str,
    value: Option<&'b RawValue>,
    read: impl FnOnce(&'b RawValue) -> Result<T, String>,
) -> Result<Option<T>, ParseError> {
    value.map(|value| field(name, Some(value), read)).transpose()
}

fn is_text(value: &RawValue, wanted: &str) -> Result<(), String> {
    if text(value)? == wanted { Ok(()) } else { Err(format!("must be \"{wanted}\"")) }
}

fn event_id(value: &RawValue) -> Result<(String, EventKey), String> {
    let id = text(value)?;
    let key = EventKey::new(Source::Usage, &id).map_err(|error| error.to_string())?;
    Ok((id, key))
}

fn event_type(value: &RawValue) -> Result<EventType, String> {
    match text(value)?.as_str() {
        "usage" => Ok(EventType::Usage),
        "refund" => Ok(EventType::Refund),
        _ => Err("must be \"usage\" or \"refund\"".to_owned()),
    }
}

/// Gateways identify keys by number or by name: `1` and `"1"` are the same key.
fn key(value: &RawValue) -> Result<CallerKey, String> {
    let id = if value.get().starts_with('"') { text(value)? } else { count(value)?.to_string() };
    CallerKey::remote(&id).map_err(|error| error.to_string())
}

fn model(value: &RawValue) -> Result<String, String> {
    let model = text(value)?;
    if model.is_empty() || model.len() > MODEL_BYTES_MAX || model.chars().any(char::is_control) {
        return Err(format!("must be a name of at most {MODEL_BYTES_MAX} bytes"));
    }
    Ok(model)
}

/// Seconds or milliseconds since 1970, or RFC 3339.
fn timestamp(value: &RawValue) -> Result<Timestamp, String> {
    let time = if value.get().starts_with('"') {
        Timestamp::parse_rfc3339(&text(value)?)
    } else {
        let count =
            serde_json::from_str(value.get()).map_err(|_| "must be whole seconds or an RFC 3339 time".to_owned())?;
        Timestamp::from_unix(count)
    };
    time.map_err(|error| error.to_string())
}

/// The cost from its decimal digits, in a JSON number or string. Gateways compute it in floats, which print exponents
/// and more decimals than credits have.
fn cost(value: &RawValue) -> Result<Amount, String> {
    Asset::CREDITS.parse_metered(&digits(value)?).map_err(|error| error.to_string())
}

/// Likewise, to the millisecond.
fn milliseconds(value: &RawValue) -> Result<u64, String> {
    let seconds = Amount::parse_metered(&digits(value)?, MILLISECONDS_DECIMALS).map_err(|error| error.to_string())?;
    u64::try_from(seconds.units()).map_err(|_| "is too large".to_owned())
}

fn digits(value: &RawValue) -> Result<String, String> {
    if value.get().starts_with('"') { text(value) } else { Ok(value.get().to_owned()) }
}

fn count(value: &RawValue) -> Result<u64, String> {
    serde_json::from_str(value.get()).map_err(|_| "must be a whole number that is not negative".to_owned())
}

fn text(value: &RawValue) -> Result<String, String> {
    serde_json::from_str(value.get()).map_err(|_| "must be a text".to_owned())
}

/// Serde reads an array as an object's fields in order, so arrays are refused first.
fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().starts_with(b"{")
}

/// The error for invalid JSON, for another type than an object, or for a duplicate name, where readers differ in the
/// value they take.
fn structure(parent: &str, error: &serde_json::Error) -> ParseError {
    let message = error.to_string();
    let twice = message.strip_prefix("duplicate field `").and_then(|rest| rest.split_once('`'));
    match twice {
        Some((name, _)) if parent.is_empty() => ParseError::new(name, "stands twice"),
        Some((name, _)) => ParseError::new(&format!("{parent}.{name}"), "stands twice"),
        None if parent.is_empty() => ParseError::new("body", "must be a JSON object"),
        None => ParseError::new(parent, "must be a JSON object"),
    }
}
