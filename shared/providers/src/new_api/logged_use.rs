//! A row of a gateway's log as the usage event that its webhook sends.

use std::fmt::Write as _;

use ledger::Timestamp;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::decimal::Decimal;
use super::pricing::Pricing;
use super::{LogKind, NewApiDialect};

/// Some builds take the id of a request from its caller.
const REQUEST_ID_BYTES_MAX: usize = 64;
/// Of a hash that is a part of an id.
const HASH_BYTES: usize = 16;
/// A name that is part of a key's id; a longer one is hashed.
const TOKEN_NAME_BYTES_MAX: usize = 32;

/// A use that the gateway has charged, or given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedUse {
    /// The id of its usage event, with or without a webhook.
    pub event_id: String,
    pub kind: LogKind,
    pub at: Timestamp,
    /// `remoteKeyId` of the event.
    pub key: String,
    pub model: String,
    pub input: u64,
    pub output: u64,
    pub cached: u64,
    pub cache_write: u64,
    /// In credits.
    pub cost: String,
}

impl LoggedUse {
    /// The body of its usage event. The same row always has the same one.
    pub fn body(&self) -> String {
        let event_type = match self.kind {
            LogKind::Charge => "usage",
            LogKind::Refund => "refund",
        };
        let mut data = json!({
            "remoteKeyId": self.key,
            "model": self.model,
            "promptTokens": self.input,
            "completionTokens": self.output,
            "totalTokens": self.input.saturating_add(self.output),
            "creditCost": self.cost,
        });
        for (name, count) in [("cachedTokens", self.cached), ("cacheWriteTokens", self.cache_write)] {
            if let (true, Some(data)) = (count > 0, data.as_object_mut()) {
                data.insert(name.to_owned(), count.into());
            }
        }
        let (id, timestamp) = (&self.event_id, self.at.unix_s());
        json!({ "eventId": id, "eventType": event_type, "timestamp": timestamp, "data": data }).to_string()
    }
}

/// A row of new-api or one-api. Neither `id` is one: some stores and endpoints number the rows of each answer.
#[derive(Deserialize)]
struct LogRow<'b> {
    request_id: Option<String>,
    created_at: i64,
    #[serde(rename = "type")]
    kind: u8,
    user_id: i64,
    token_id: Option<i64>,
    token_name: Option<String>,
    model_name: String,
    quota: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    content: Option<String>,
    /// A JSON text.
    #[serde(borrow)]
    other: Option<&'b RawValue>,
}

#[derive(Deserialize)]
struct Other {
    task_id: String,
}

impl LogRow<'_> {
    fn read(row: &str, kind: LogKind) -> Option<LogRow<'_>> {
        let row: LogRow<'_> = serde_json::from_str(row).ok()?;
        (row.kind == kind.number()).then_some(row)
    }

    fn task_id(&self) -> Option<String> {
        let text: String = serde_json::from_str(self.other?.get()).ok()?;
        let Other { task_id } = serde_json::from_str(&text).ok()?;
        Some(task_id).filter(|id| !id.is_empty())
    }

    /// The request with its key; else the task with what it was charged or given back, whatever second that was seen
    /// in; else all that the row holds. A refund is named apart.
    fn event_id(&self, dialect: NewApiDialect, key: &str, kind: LogKind) -> String {
        let (prefix, suffix) = (dialect.as_str(), if kind == LogKind::Refund { "-refund" } else { "" });
        if let Some(id) = self.request_id.as_deref().and_then(|id| event_id_of_request(dialect, id, key)) {
            return format!("{id}{suffix}");
        }
        let Self { created_at, user_id, model_name, quota, prompt_tokens, completion_tokens, .. } = self;
        let content = self.content.as_deref().unwrap_or_default();
        if let Some(task) = self.task_id() {
            let hash = hash(&format!("{task}\n{user_id}\n{key}\n{model_name}\n{quota}\n{content}"));
            return format!("{prefix}-task-{hash}{suffix}");
        }
        let tokens = format!("{prompt_tokens}\n{completion_tokens}");
        let hash = hash(&format!("{created_at}\n{user_id}\n{key}\n{model_name}\n{quota}\n{tokens}\n{content}"));
        format!("{prefix}-{hash}{suffix}")
    }

    fn logged(self, dialect: NewApiDialect, key: String, kind: LogKind, pricing: &Pricing) -> Option<LoggedUse> {
        Some(LoggedUse {
            event_id: self.event_id(dialect, &key, kind),
            kind,
            at: Timestamp::from_unix(self.created_at).ok()?,
            key,
            input: self.prompt_tokens,
            output: self.completion_tokens,
            cached: 0,
            cache_write: 0,
            cost: Decimal::of(self.quota).scaled(pricing.credits_per_usd, pricing.quota_per_unit)?,
            model: self.model_name,
        })
    }
}

pub(super) fn of_new_api(row: &str, kind: LogKind, pricing: &Pricing) -> Option<LoggedUse> {
    let row = LogRow::read(row, kind)?;
    let key = row.token_id?.to_string();
    row.logged(NewApiDialect::NewApi, key, kind, pricing)
}

/// It logs no number of a token. Two users may give their tokens one name, so the user is a part of the key's id.
pub(super) fn of_one_api(row: &str, kind: LogKind, pricing: &Pricing) -> Option<LoggedUse> {
    let row = LogRow::read(row, kind)?;
    let name = row.token_name.as_deref().unwrap_or_default();
    let name = if is_plain(name, TOKEN_NAME_BYTES_MAX) { name.to_owned() } else { hash(name) };
    let key = format!("{}/{name}", row.user_id);
    row.logged(NewApiDialect::OneApi, key, kind, pricing)
}

/// The numbers of its rows stay. Input and both parts of the cache are counted apart.
#[derive(Deserialize)]
struct UsageRow<'b> {
    id: u64,
    api_key_id: u64,
    model: String,
    input_tokens: u64,
    output_tokens: u64,
    #[serde(default)]
    cache_creation_tokens: u64,
    #[serde(default)]
    cache_read_tokens: u64,
    /// Dollars.
    #[serde(borrow)]
    actual_cost: &'b RawValue,
    created_at: String,
}

pub(super) fn of_sub2api(row: &str, pricing: &Pricing) -> Option<LoggedUse> {
    let row: UsageRow<'_> = serde_json::from_str(row).ok()?;
    let UsageRow { input_tokens, cache_creation_tokens, cache_read_tokens, .. } = row;
    Some(LoggedUse {
        event_id: format!("{}-{}", NewApiDialect::Sub2Api.as_str(), row.id),
        kind: LogKind::Charge,
        at: Timestamp::parse_rfc3339(&row.created_at).ok()?,
        key: row.api_key_id.to_string(),
        model: row.model,
        input: input_tokens.checked_add(cache_creation_tokens)?.checked_add(cache_read_tokens)?,
        output: row.output_tokens,
        cached: cache_read_tokens,
        cache_write: cache_creation_tokens,
        cost: Decimal::parse(row.actual_cost.get())?.scaled(pricing.credits_per_usd, Decimal::ONE)?,
    })
}

/// The id of the event of a request: each key of the gateway may use one id. `None` for what is no id of a request.
pub(crate) fn event_id_of_request(dialect: NewApiDialect, request_id: &str, key: &str) -> Option<String> {
    let prefix = dialect.as_str();
    is_plain(request_id, REQUEST_ID_BYTES_MAX).then(|| format!("{prefix}-{request_id}-{key}"))
}

/// Visible ASCII without `#`, as an id of an event or a key is.
fn is_plain(text: &str, bytes_max: usize) -> bool {
    let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    (1..=bytes_max).contains(&text.len()) && text.bytes().all(is_visible)
}

fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(HASH_BYTES).fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        _ = write!(hex, "{byte:02x}");
        hex
    })
}
