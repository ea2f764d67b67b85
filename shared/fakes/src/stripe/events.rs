//! The event log with the delivery status of each event: `GET /v1/events`.

use serde_json::{Value, json};

use super::form::Params;
use super::refusal::Refusal;
use super::state::{State, StoredEvent};

/// Stripe's own limits of a list.
const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 100;

/// The validated query of a list.
pub(crate) struct EventQuery {
    limit: usize,
    after: Option<String>,
    created_from: Option<i64>,
    is_delivered: Option<bool>,
}

pub(crate) fn record(state: &mut State, events: &[String]) {
    // The fake rendered these events itself, so they are valid JSON.
    let parsed = events.iter().filter_map(|event| serde_json::from_str(event).ok());
    state.events.extend(parsed.map(|event| StoredEvent { event, is_delivered: false }));
}

pub(crate) fn delivered(state: &mut State, event: &str) {
    let id = serde_json::from_str::<Value>(event).ok().and_then(|event| event.get("id").cloned());
    for stored in state.events.iter_mut().filter(|stored| stored.event.get("id") == id.as_ref()) {
        stored.is_delivered = true;
    }
}

impl EventQuery {
    pub(crate) fn read(params: &mut Params) -> Result<Self, Refusal> {
        let limit = limit(params)?;
        let seconds = |text: String| text.parse().map_err(|_| Refusal::invalid(format!("Invalid timestamp: {text}")));
        let flag = |text: String| text.parse().map_err(|_| Refusal::invalid(format!("Invalid boolean: {text}")));
        Ok(Self {
            limit,
            after: params.take("starting_after"),
            created_from: params.take("created[gte]").map(seconds).transpose()?,
            is_delivered: params.take("delivery_success").map(flag).transpose()?,
        })
    }
}

pub(crate) fn limit(params: &mut Params) -> Result<usize, Refusal> {
    let Some(text) = params.take("limit") else {
        return Ok(LIMIT_DEFAULT);
    };
    let read = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    read.ok_or_else(|| Refusal::invalid(format!("Invalid integer: {text}")).param("limit"))
}

/// `GET /v1/events/:id`.
pub(crate) fn one(events: &[StoredEvent], account: Option<&str>, id: &str) -> Result<Value, Refusal> {
    let is_it = |stored: &&StoredEvent| {
        let word = |name| stored.event.get(name).and_then(Value::as_str);
        word("id") == Some(id) && word("account") == account
    };
    let found = events.iter().find(is_it).map(|stored| stored.event.clone());
    found.ok_or_else(|| Refusal::not_found(format!("No such event: '{id}'")).code("resource_missing").param("id"))
}

/// Lists events, newest first.
pub(crate) fn list(events: &[StoredEvent], account: Option<&str>, query: &EventQuery) -> Result<Value, Refusal> {
    let has_id = |stored: &StoredEvent, id: &str| stored.event.get("id").and_then(Value::as_str) == Some(id);
    let begin = match &query.after {
        None => events.len(),
        Some(id) => events.iter().position(|stored| has_id(stored, id)).ok_or_else(|| {
            Refusal::invalid(format!("No such event: '{id}'")).code("resource_missing").param("starting_after")
        })?,
    };
    let created = |stored: &StoredEvent| stored.event.get("created").and_then(Value::as_i64);
    let matches = |stored: &&StoredEvent| {
        stored.event.get("account").and_then(Value::as_str) == account
            && query.created_from.is_none_or(|from| created(stored).is_some_and(|at| at >= from))
            && query.is_delivered.is_none_or(|is_delivered| stored.is_delivered == is_delivered)
    };
    let mut found = events.iter().take(begin).rev().filter(matches).map(|stored| &stored.event);
    let data: Vec<&Value> = found.by_ref().take(query.limit).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": found.next().is_some(), "url": "/v1/events" }))
}
