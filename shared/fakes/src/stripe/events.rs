//! The events that it has told of, and which of them got through: `GET /v1/events`.

use serde_json::{Value, json};

use super::form::Params;
use super::refusal::Refusal;
use super::state::{State, Told};

/// Stripe's own limits of a list.
const LIMIT_DEFAULT: usize = 10;
const LIMIT_MAX: usize = 100;

/// What is asked of the list, once it is known to be in order.
pub(crate) struct Asked {
    limit: usize,
    after: Option<String>,
    created_from: Option<i64>,
    is_delivered: Option<bool>,
}

pub(crate) fn told(state: &mut State, events: &[String]) {
    // What it rendered itself is JSON.
    let read = events.iter().filter_map(|event| serde_json::from_str(event).ok());
    state.told.extend(read.map(|event| Told { event, is_delivered: false }));
}

pub(crate) fn delivered(state: &mut State, event: &str) {
    let id = serde_json::from_str::<Value>(event).ok().and_then(|event| event.get("id").cloned());
    for told in state.told.iter_mut().filter(|told| told.event.get("id") == id.as_ref()) {
        told.is_delivered = true;
    }
}

impl Asked {
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
pub(crate) fn one(told: &[Told], account: Option<&str>, id: &str) -> Result<Value, Refusal> {
    let is_it = |told: &&Told| {
        let word = |name| told.event.get(name).and_then(Value::as_str);
        word("id") == Some(id) && word("account") == account
    };
    let found = told.iter().find(is_it).map(|told| told.event.clone());
    found.ok_or_else(|| Refusal::not_found(format!("No such event: '{id}'")).code("resource_missing").param("id"))
}

/// The newest first.
pub(crate) fn list(told: &[Told], account: Option<&str>, asked: &Asked) -> Result<Value, Refusal> {
    let has_id = |told: &Told, id: &str| told.event.get("id").and_then(Value::as_str) == Some(id);
    let begin = match &asked.after {
        None => told.len(),
        Some(id) => told.iter().position(|told| has_id(told, id)).ok_or_else(|| {
            Refusal::invalid(format!("No such event: '{id}'")).code("resource_missing").param("starting_after")
        })?,
    };
    let created = |told: &Told| told.event.get("created").and_then(Value::as_i64);
    let is_wanted = |told: &&Told| {
        told.event.get("account").and_then(Value::as_str) == account
            && asked.created_from.is_none_or(|from| created(told).is_some_and(|at| at >= from))
            && asked.is_delivered.is_none_or(|is_delivered| told.is_delivered == is_delivered)
    };
    let mut found = told.iter().take(begin).rev().filter(is_wanted).map(|told| &told.event);
    let data: Vec<&Value> = found.by_ref().take(asked.limit).collect();
    Ok(json!({ "object": "list", "data": data, "has_more": found.next().is_some(), "url": "/v1/events" }))
}
