//! Parses a usage event field by field from its text: a parse error names the field, and no amount becomes a float.

use ledger::{Amount, Asset, CallerKey, EventKey, Source, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;
use webhook::{ParseError, Received};

/// Model names are short. With the other limits, this keeps the journal row below 1 KB.
const MODEL_BYTES_MAX: usize = 128;

/// The tokens that a key has used, and their cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageEvent {
    pub id: String,
    pub receipt: EventKey,
    pub sent_at: Timestamp,
    pub key: CallerKey,
    pub model: String,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub total_tokens: u64,
    pub cost: Amount,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'b> {
    #[serde(borrow)]
    event_id: Option<&'b RawValue>,
    event_type: Option<&'b RawValue>,
    timestamp: Option<&'b RawValue>,
    data: Option<&'b RawValue>,
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
    credit_cost: Option<&'b RawValue>,
}

pub(crate) fn parse(received: &Received<'_>) -> Result<UsageEvent, ParseError> {
    is_object(received.bytes()).then_some(()).ok_or_else(|| ParseError::new("body", "must be a JSON object"))?;
    let body: Body<'_> = serde_json::from_slice(received.bytes()).map_err(|error| structure("", &error))?;
    let (id, receipt) = field("eventId", body.event_id, event_id)?;
    data_of(&body, &id, receipt).map_err(|error| ParseError { event_id: Some(id), ..error })
}

fn data_of(body: &Body<'_>, id: &str, receipt: EventKey) -> Result<UsageEvent, ParseError> {
    // An unknown type is refused, not ignored: an event that moves money would be lost without a trace.
    field("eventType", body.event_type, |value| {
        text(value).and_then(|kind| if kind == "usage" { Ok(()) } else { Err("must be \"usage\"".to_owned()) })
    })?;
    let sent_at = field("timestamp", body.timestamp, timestamp)?;
    let data = field("data", body.data, Ok)?;
    is_object(data.get().as_bytes()).then_some(()).ok_or_else(|| ParseError::new("data", "must be a JSON object"))?;
    let data: Data<'_> = serde_json::from_str(data.get()).map_err(|error| structure("data", &error))?;
    let event = UsageEvent {
        id: id.to_owned(),
        receipt,
        sent_at,
        key: field("data.remoteKeyId", data.remote_key_id, key)?,
        model: field("data.model", data.model, model)?,
        prompt_tokens: field("data.promptTokens", data.prompt_tokens, count)?,
        completion_tokens: field("data.completionTokens", data.completion_tokens, count)?,
        total_tokens: field("data.totalTokens", data.total_tokens, count)?,
        cost: field("data.creditCost", data.credit_cost, cost)?,
    };
    // A total above the sum is valid: gateways also count cached or reasoning tokens. Less is an error.
    let sum = event.prompt_tokens.checked_add(event.completion_tokens);
    if sum.is_none_or(|sum| event.total_tokens < sum) {
        return Err(ParseError::new("data.totalTokens", "must be at least promptTokens and completionTokens together"));
    }
    Ok(event)
}

fn field<'b, T>(
    name: &str,
    value: Option<&'b RawValue>,
    read: impl FnOnce(&'b RawValue) -> Result<T, String>,
) -> Result<T, ParseError> {
    let value = value.ok_or_else(|| ParseError::new(name, "is missing"))?;
    read(value).map_err(|why| ParseError::new(name, &why))
}

fn event_id(value: &RawValue) -> Result<(String, EventKey), String> {
    let id = text(value)?;
    let key = EventKey::new(Source::Usage, &id).map_err(|error| error.to_string())?;
    Ok((id, key))
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
    let digits = if value.get().starts_with('"') { text(value)? } else { value.get().to_owned() };
    Asset::CREDITS.parse_metered(&digits).map_err(|error| error.to_string())
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
