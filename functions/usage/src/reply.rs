//! Replies to the gateway, one for each outcome.

use std::borrow::Cow;

use edge::Reply;
use ledger::{ReasonClass, Timestamp};
use serde::Serialize;
use webhook::{BatchedEvent, Outcome};

/// Long enough for a throttled table to recover, short enough for a gateway that blocks until its retry.
const RETRY_AFTER_SECONDS: &str = "5";

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'b> {
    success: bool,
    message: &'b str,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'b str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
}

pub fn reply(outcome: &Outcome, event_id: Option<&str>) -> Reply {
    let (status, message) = answer(outcome);
    let reply = Reply::json(status, &Body { success: status == 200, message: &message, event_id, timestamp: None });
    match outcome {
        Outcome::MethodNotAllowed { allowed } => reply.with_header("allow", allowed),
        Outcome::Unavailable | Outcome::Unverifiable => reply.with_header("retry-after", RETRY_AFTER_SECONDS),
        Outcome::Booked
        | Outcome::Repeat
        | Outcome::Ignored(_)
        | Outcome::NotFound
        | Outcome::Forbidden
        | Outcome::TooLarge
        | Outcome::Malformed
        | Outcome::Unverified(_)
        | Outcome::Unparsed(_)
        | Outcome::Refused(_)
        | Outcome::Conflict
        | Outcome::Paused
        | Outcome::Panicked => reply,
    }
}

/// The status of a single event with this outcome, and the message to its sender.
fn answer(outcome: &Outcome) -> (u16, Cow<'static, str>) {
    let (status, message) = match outcome {
        Outcome::Booked => (200, "Event processed successfully"),
        Outcome::Repeat => (200, "Event already processed (idempotent)"),
        Outcome::Ignored(_) => (200, "Event ignored"),
        Outcome::Unparsed(error) => return (400, format!("Invalid event: {error}").into()),
        Outcome::Malformed => (400, "Malformed request"),
        Outcome::Unverified(_) => (401, "Invalid webhook signature"),
        Outcome::Forbidden => (403, "Forbidden"),
        Outcome::NotFound => (404, "Not found"),
        Outcome::MethodNotAllowed { .. } => (405, "Method not allowed"),
        Outcome::Conflict => (409, "Event id already used with different data"),
        Outcome::TooLarge => (413, "Payload too large"),
        Outcome::Panicked => (500, "Internal error"),
        Outcome::Paused | Outcome::Unavailable | Outcome::Unverifiable => (503, "Temporarily unavailable"),
        Outcome::Refused(reason) => match reason.class() {
            ReasonClass::InsufficientCredits => (402, "Insufficient credits"),
            ReasonClass::UnknownKey => (404, "Unknown remoteKeyId"),
            ReasonClass::NoPrice => (404, "No price for this model"),
            ReasonClass::OutsideClockWindow => (400, "Invalid event: timestamp is outside the accepted window"),
            ReasonClass::Unparsed => (400, "Invalid event"),
            ReasonClass::Unanswered | ReasonClass::Kept => (409, "Refused"),
        },
    };
    (status, message.into())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchBody<'b> {
    success: bool,
    message: &'static str,
    results: Vec<BatchResult<'b>>,
}

/// What became of one event, and the status that it would have alone.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchResult<'b> {
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'b str>,
    outcome: &'static str,
    status: u16,
    message: Cow<'static, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'b str>,
}

/// 503 has the sender repeat the whole request, in which whatever is booked is a repeat.
pub(crate) fn batch(events: &[BatchedEvent]) -> Reply {
    let results: Vec<BatchResult<'_>> = events.iter().map(result).collect();
    let is_final = events.iter().all(|event| event.outcome.is_final());
    let success = results.iter().all(|result| result.status == 200);
    let message = match (is_final, success) {
        (false, _) => "Send the batch again: not every event has a final outcome",
        (true, false) => "Not every event was processed",
        (true, true) => "All events processed",
    };
    let body = BatchBody { success, message, results };
    if is_final {
        return Reply::json(200, &body);
    }
    Reply::json(503, &body).with_header("retry-after", RETRY_AFTER_SECONDS)
}

fn result(event: &BatchedEvent) -> BatchResult<'_> {
    let (status, message) = answer(&event.outcome);
    let (outcome, reason, field) = match &event.outcome {
        Outcome::Booked => ("booked", None, None),
        Outcome::Repeat => ("duplicate", None, None),
        Outcome::Ignored(reason) => ("ignored", Some(*reason), None),
        Outcome::Unparsed(error) => ("invalid", None, Some(error.field.as_str())),
        Outcome::Conflict => ("conflict", None, None),
        Outcome::Refused(reason) => ("refused", Some(reason.as_str()), None),
        Outcome::TooLarge => ("too_large", None, None),
        Outcome::NotFound
        | Outcome::MethodNotAllowed { .. }
        | Outcome::Forbidden
        | Outcome::Malformed
        | Outcome::Unverified(_)
        | Outcome::Unverifiable
        | Outcome::Paused
        | Outcome::Unavailable
        | Outcome::Panicked => ("unavailable", None, None),
    };
    BatchResult { event_id: event.event_id.as_deref(), outcome, status, message, reason, field }
}

pub(crate) fn health(now: Timestamp) -> Reply {
    let body =
        Body { success: true, message: "Webhook service is healthy", event_id: None, timestamp: Some(now.to_string()) };
    Reply::json(200, &body)
}
