//! Payment intents, by id and by metadata: `GET /v1/payment_intents/search`.

use serde_json::{Value, json};

use super::events::limit;
use super::form::Params;
use super::objects;
use super::refusal::Refusal;
use super::sessions::{Mode, Session};
use super::state::Settings;

/// The supported part of Stripe's query language: one metadata field with its exact value.
pub(crate) struct IntentQuery {
    limit: usize,
    key: String,
    value: String,
}

impl IntentQuery {
    pub(crate) fn read(params: &mut Params) -> Result<Self, Refusal> {
        let text = params.take("query").ok_or_else(|| Refusal::missing("query"))?;
        let (key, value) = parse_metadata_query(&text)
            .ok_or_else(|| Refusal::invalid("We were unable to parse your search query.").param("query"))?;
        Ok(Self { limit: limit(params)?, key: key.to_owned(), value: value.to_owned() })
    }
}

/// Parses `metadata['key']:'value'`.
fn parse_metadata_query(query: &str) -> Option<(&str, &str)> {
    let (key, value) = query.strip_prefix("metadata['")?.strip_suffix('\'')?.split_once("']:'")?;
    let is_plain = |text: &str| !text.is_empty() && !text.contains(['\'', '\\']);
    (is_plain(key) && is_plain(value)).then_some((key, value))
}

/// An intent exists from the first attempt to pay.
pub(crate) fn read<'s>(
    mut sessions: impl Iterator<Item = &'s Session>,
    settings: &Settings,
    id: &str,
) -> Option<Value> {
    sessions.find_map(|session| {
        let attempt = session.attempt.as_ref().filter(|attempt| attempt.intent.id == id)?;
        Some(objects::payment_intent(session, attempt, settings))
    })
}

/// Finds the latest attempts whose metadata match.
pub(crate) fn search<'s>(
    sessions: impl Iterator<Item = &'s Session>,
    settings: &Settings,
    query: &IntentQuery,
) -> Value {
    let matches = |session: &&Session| {
        session.order.mode == Mode::Payment && session.order.nested_metadata.get(&query.key) == Some(&query.value)
    };
    let mut found = sessions.filter(matches).filter_map(|session| {
        let attempt = session.attempt.as_ref()?;
        Some(objects::payment_intent(session, attempt, settings))
    });
    let data: Vec<Value> = found.by_ref().take(query.limit).collect();
    let has_more = found.next().is_some();
    let url = "/v1/payment_intents/search";
    json!({ "object": "search_result", "data": data, "has_more": has_more, "next_page": null, "url": url })
}
