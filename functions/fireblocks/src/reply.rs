//! Replies to Fireblocks, one for each outcome. Fireblocks redelivers after a 5xx and never after a 4xx: our own faults
//! are always 5xx, and every kept event is a 200.

use edge::Reply;
use serde::Serialize;
use webhook::Outcome;

#[derive(Serialize)]
struct Body<'b> {
    error: &'b str,
}

pub(crate) fn reply(outcome: &Outcome) -> Reply {
    let refused = |status: u16, error: &str| Reply::json(status, &Body { error });
    match outcome {
        Outcome::Booked
        | Outcome::Repeat
        | Outcome::Ignored(_)
        | Outcome::Conflict
        | Outcome::Refused(_)
        | Outcome::Unparsed(_) => Reply::empty(200),
        Outcome::Malformed => refused(400, "Invalid payload"),
        Outcome::Unverified(_) => refused(401, "Invalid signature"),
        Outcome::Forbidden => refused(403, "Forbidden"),
        Outcome::NotFound => refused(404, "Not found"),
        Outcome::MethodNotAllowed { allowed } => refused(405, "Method not allowed").with_header("allow", allowed),
        Outcome::TooLarge => refused(413, "Payload too large"),
        Outcome::Panicked => refused(500, "Internal error"),
        Outcome::Paused | Outcome::Unavailable | Outcome::Unverifiable => refused(503, "Temporarily unavailable"),
    }
}
