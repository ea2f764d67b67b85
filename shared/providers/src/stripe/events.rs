//! Lists the events of failed webhook deliveries, for the backfill.

use std::fmt;

use ledger::{Deadline, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Stripe;
use crate::CallError;
use crate::form::Form;

const EVENTS: &str = "/v1/events";
/// A hundred events of ten times the usual size. They are held twice, and a sandbox has 128 MB.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Stripe documents this as the longest id.
const ID_CHARS_MAX: usize = 255;

/// One page, newest first.
#[derive(Debug, Clone)]
pub struct EventPage {
    pub events: Vec<ListedEvent>,
    /// The number of events without a readable id: they have no idempotency key, so they cannot be booked.
    pub unreadable: u32,
    /// Whether older events follow.
    pub has_more: bool,
}

/// An event, byte for byte as the list has it.
#[derive(Clone)]
pub struct ListedEvent {
    pub id: String,
    event: Box<RawValue>,
}

impl ListedEvent {
    pub fn json(&self) -> &str {
        self.event.get()
    }
}

impl Stripe {
    /// Lists events since `since` whose delivery failed or is pending, older than the event `after`.
    pub async fn list_undelivered_events(
        &self,
        since: Timestamp,
        after: Option<&str>,
        events_max: u8,
        deadline: Deadline,
    ) -> Result<EventPage, CallError> {
        let mut query = Form::default();
        query.push("delivery_success", "false");
        query.push("limit", &events_max.to_string());
        query.push("created[gte]", &since.unix_s().to_string());
        if let Some(after) = after {
            query.push("starting_after", after);
        }
        let body = self.find(EVENTS, query, PAGE_BYTES_MAX, deadline).await?;
        EventPage::read(&body)
    }

    /// The current state of one event. Stripe deletes events after 30 days.
    pub async fn event(&self, id: &str, deadline: Deadline) -> Result<ListedEvent, CallError> {
        if !is_event_id(id) {
            return Err(CallError::Unreadable);
        }
        let body = self.get(&format!("{EVENTS}/{id}"), deadline).await?;
        let event = serde_json::from_slice(&body).map_err(|_| CallError::Unreadable)?;
        let event = ListedEvent::read(event)?;
        if event.id == id { Ok(event) } else { Err(CallError::Unreadable) }
    }
}

#[derive(Deserialize)]
struct ListResponse {
    object: String,
    data: Vec<Box<RawValue>>,
    has_more: bool,
}

#[derive(Deserialize)]
struct EventIdJson {
    id: String,
}

impl EventPage {
    pub(crate) fn read(body: &[u8]) -> Result<Self, CallError> {
        let ListResponse { object, data, has_more } =
            serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
        if object != "list" {
            return Err(CallError::Unreadable);
        }
        let listed = data.len();
        let events: Vec<ListedEvent> = data.into_iter().filter_map(|event| ListedEvent::read(event).ok()).collect();
        // A single unreadable event is skipped. A page with nothing else is no event list, and has no cursor to
        // continue from.
        if events.is_empty() && listed > 0 {
            return Err(CallError::Unreadable);
        }
        let unreadable = u32::try_from(listed.saturating_sub(events.len())).unwrap_or(u32::MAX);
        Ok(Self { events, unreadable, has_more })
    }
}

impl ListedEvent {
    /// Reads only the id, the cursor of the list: the webhook's parser reads the rest.
    fn read(event: Box<RawValue>) -> Result<Self, CallError> {
        let EventIdJson { id } = serde_json::from_str(event.get()).map_err(|_| CallError::Unreadable)?;
        if is_event_id(&id) { Ok(Self { id, event }) } else { Err(CallError::Unreadable) }
    }
}

fn is_event_id(id: &str) -> bool {
    let is_plain = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    id.starts_with("evt_") && id.len() <= ID_CHARS_MAX && is_plain
}

impl fmt::Debug for ListedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ListedEvent({})", self.id)
    }
}
