//! Stripe's list of events, as far as its webhooks did not get through.

use std::fmt;

use ledger::{Deadline, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Stripe;
use crate::CallError;
use crate::form::Form;

const EVENTS: &str = "/v1/events";
/// A hundred events of which each is ten times as long as is usual. They are held twice, and a sandbox has 128 MB.
const PAGE_BYTES_MAX: usize = 8 * 1024 * 1024;
/// The longest id that Stripe says it may give.
const ID_CHARS_MAX: usize = 255;

/// The newest first.
#[derive(Debug, Clone)]
pub struct EventPage {
    pub events: Vec<ListedEvent>,
    /// How many of them have no readable id: nothing can be booked under their name.
    pub unreadable: u32,
    /// Whether there are older ones.
    pub has_more: bool,
}

/// An event as it stands in the list, byte for byte.
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
    /// The events since then that some webhook has not taken, or not yet; of those that are older than `after`.
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
        let said = self.find(EVENTS, query, PAGE_BYTES_MAX, deadline).await?;
        EventPage::read(&said)
    }

    /// One event as it stands now. Stripe deletes it after 30 days.
    pub async fn event(&self, id: &str, deadline: Deadline) -> Result<ListedEvent, CallError> {
        if !is_event_id(id) {
            return Err(CallError::Unreadable);
        }
        let said = self.get(&format!("{EVENTS}/{id}"), deadline).await?;
        let event = serde_json::from_slice(&said).map_err(|_| CallError::Unreadable)?;
        let event = ListedEvent::read(event)?;
        if event.id == id { Ok(event) } else { Err(CallError::Unreadable) }
    }
}

#[derive(Deserialize)]
struct Written {
    object: String,
    data: Vec<Box<RawValue>>,
    has_more: bool,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

impl EventPage {
    pub(crate) fn read(body: &[u8]) -> Result<Self, CallError> {
        let Written { object, data, has_more } = serde_json::from_slice(body).map_err(|_| CallError::Unreadable)?;
        if object != "list" {
            return Err(CallError::Unreadable);
        }
        let listed = data.len();
        let events: Vec<ListedEvent> = data.into_iter().filter_map(|event| ListedEvent::read(event).ok()).collect();
        // One of many is left out; a page of nothing else is no list of events, and there is no place to go on from.
        if events.is_empty() && listed > 0 {
            return Err(CallError::Unreadable);
        }
        let unreadable = u32::try_from(listed.saturating_sub(events.len())).unwrap_or(u32::MAX);
        Ok(Self { events, unreadable, has_more })
    }
}

impl ListedEvent {
    /// Of what it says no more is read than where to go on after it: that is for the parser of what Stripe delivers.
    fn read(event: Box<RawValue>) -> Result<Self, CallError> {
        let Named { id } = serde_json::from_str(event.get()).map_err(|_| CallError::Unreadable)?;
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
