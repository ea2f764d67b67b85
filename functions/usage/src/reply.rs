//! Replies to the gateway, one for each outcome.

use edge::Reply;
use ledger::{ReasonClass, Timestamp};
use serde::Serialize;
use webhook::Outcome;

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

pub(crate) fn reply(outcome: &Outcome, event_id: Option<&str>) -> Reply {
    let answer = |status: u16, message: &str| {
        Reply::json(status, &Body { success: status == 200, message, event_id, timestamp: None })
    };
    match outcome {
        Outcome::Booked => answer(200, "Event processed successfully"),
        Outcome::Repeat => answer(200, "Event already processed (idempotent)"),
        Outcome::Ignored(_) => answer(200, "Event ignored"),
        Outcome::Unparsed(error) => answer(400, &format!("Invalid event: {error}")),
        Outcome::Malformed => answer(400, "Malformed request"),
        Outcome::Unverified(_) => answer(401, "Invalid webhook signature"),
        Outcome::Forbidden => answer(403, "Forbidden"),
        Outcome::NotFound => answer(404, "Not found"),
        Outcome::MethodNotAllowed { allowed } => answer(405, "Method not allowed").with_header("allow", allowed),
        Outcome::Conflict => answer(409, "Event id already used with different data"),
        Outcome::TooLarge => answer(413, "Payload too large"),
        Outcome::Panicked => answer(500, "Internal error"),
        Outcome::Unavailable | Outcome::Unverifiable => {
            answer(503, "Temporarily unavailable").with_header("retry-after", RETRY_AFTER_SECONDS)
        }
        Outcome::Refused(reason) => match reason.class() {
            ReasonClass::InsufficientCredits => answer(402, "Insufficient credits"),
            ReasonClass::UnknownKey => answer(404, "Unknown remoteKeyId"),
            ReasonClass::NoPrice => answer(404, "No price for this model"),
            ReasonClass::OutsideClockWindow => answer(400, "Invalid event: timestamp is outside the accepted window"),
            ReasonClass::Unparsed => answer(400, "Invalid event"),
            ReasonClass::Unanswered | ReasonClass::Kept => answer(409, "Refused"),
        },
    }
}

pub(crate) fn health(now: Timestamp) -> Reply {
    let body =
        Body { success: true, message: "Webhook service is healthy", event_id: None, timestamp: Some(now.to_string()) };
    Reply::json(200, &body)
}
