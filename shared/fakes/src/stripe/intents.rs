//! The payments that were begun: one by its id, and by what their metadata says: `GET /v1/payment_intents/search`.

use serde_json::{Value, json};

use super::events::limit;
use super::form::Params;
use super::objects;
use super::refusal::Refusal;
use super::sessions::{Mode, Session};
use super::state::Place;

/// What is searched for: of Stripe's language, one field of the metadata and its exact value.
pub(crate) struct Asked {
    limit: usize,
    key: String,
    value: String,
}

impl Asked {
    pub(crate) fn read(params: &mut Params) -> Result<Self, Refusal> {
        let query = params.take("query").ok_or_else(|| Refusal::missing("query"))?;
        let (key, value) = of_metadata(&query)
            .ok_or_else(|| Refusal::invalid("We were unable to parse your search query.").param("query"))?;
        Ok(Self { limit: limit(params)?, key: key.to_owned(), value: value.to_owned() })
    }
}

/// `metadata['key']:'value'`
fn of_metadata(query: &str) -> Option<(&str, &str)> {
    let (key, value) = query.strip_prefix("metadata['")?.strip_suffix('\'')?.split_once("']:'")?;
    let is_plain = |text: &str| !text.is_empty() && !text.contains(['\'', '\\']);
    (is_plain(key) && is_plain(value)).then_some((key, value))
}

/// An intent is there from the first attempt to pay.
pub(crate) fn read<'s>(mut sessions: impl Iterator<Item = &'s Session>, place: &Place, id: &str) -> Option<Value> {
    sessions.find_map(|session| {
        let attempt = session.attempt.as_ref().filter(|attempt| attempt.intent.id == id)?;
        Some(objects::payment_intent(session, attempt, place))
    })
}

/// The newest attempts of those that carry it.
pub(crate) fn search<'s>(sessions: impl Iterator<Item = &'s Session>, place: &Place, asked: &Asked) -> Value {
    let is_meant = |session: &&Session| {
        session.order.mode == Mode::Payment && session.order.passed_on.get(&asked.key) == Some(&asked.value)
    };
    let mut found = sessions.filter(is_meant).filter_map(|session| {
        let attempt = session.attempt.as_ref()?;
        Some(objects::payment_intent(session, attempt, place))
    });
    let data: Vec<Value> = found.by_ref().take(asked.limit).collect();
    let has_more = found.next().is_some();
    let url = "/v1/payment_intents/search";
    json!({ "object": "search_result", "data": data, "has_more": has_more, "next_page": null, "url": url })
}
